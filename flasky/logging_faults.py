"""What is wrong with the sections of an INI file about logging, in words: Python itself only raises."""

from __future__ import annotations

import configparser
import re
import traceback
from pathlib import Path
from types import FrameType

from flasky.ini import explain

#: The section behind whose keys each function of `logging.config` goes.
_LISTS = {"_create_formatters": "formatters", "_install_handlers": "handlers", "_install_loggers": "loggers"}
#: What the sections that such a function reads name.
_NAMED = {"_install_handlers": "formatters", "_install_loggers": "handlers"}

_LISTED = re.compile(r"(?P<kind>formatter|handler|logger)_.*")
#: What `eval` calls its text.
_VALUE = "<string>"


def explain_logging(error: Exception, file: str | Path) -> str:
    """Say what `logging.config.fileConfig` raised `error` for, and in which section of the INI file at `file`.

    As far as Flasky can tell, no value is repeated: the arguments of a handler may hold a password.
    """
    if isinstance(error, configparser.Error):
        return explain(error, file)
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
    reading = [frame for frame in frames if frame.f_code.co_name in _LISTS and _module(frame) == "logging.config"]
    if not reading:
        return f"{Path(file).name}, the sections about logging: {type(error).__name__}: {error}"
    section, words = _section(reading[0]), f"{type(error).__name__}: {error}"
    if isinstance(error, KeyError):
        section, words = _missing(str(error.args[0]), section, reading[0].f_code.co_name, _module(frames[-1]))
    elif isinstance(error, SyntaxError) and error.filename == _VALUE:
        words = f"this is no Python: {error.msg}"
    elif isinstance(error, NameError) and frames[-1].f_code.co_filename == _VALUE:
        words = "in args and kwargs, text has to stand in quotes"
    return f"{Path(file).name}, section [{section}]: {words}. docs/operations/errors.md shows what may stand there."


def _missing(name: str, section: str, function: str, module: str) -> tuple[str, str]:
    """Where `name`, which is not there, is asked for, and what it would be the name of."""
    if name in _LISTS.values():
        return name, "there is no such section"
    if module == configparser.__name__ and (listed := _LISTED.fullmatch(name)):
        return f"{listed['kind']}s", f"there is no section [{name}], which its keys name"
    if module == configparser.__name__:
        return section, f"it has no key {name}"
    if module == "logging.config":
        return section, f"it names {name!r}, which is none of the [{_NAMED.get(function, 'handlers')}]"
    return section, f"KeyError: {name}"


def _section(frame: FrameType) -> str:
    """The section that a function of `logging.config` was reading when it was left."""
    proxy = frame.f_locals.get("section")
    if isinstance(proxy, configparser.SectionProxy):
        return proxy.name
    return str(frame.f_locals.get("sectname") or _LISTS[frame.f_code.co_name])


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))
