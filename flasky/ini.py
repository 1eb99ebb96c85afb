"""INI files: reading one without starting the application, and saying where in it something stands."""

from __future__ import annotations

import codecs
import configparser
import locale
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from plaster import parse_uri
from plaster.exceptions import PlasterError

#: Where PasteDeploy looks for the application when nothing else is said.
APP_SECTION = "app:main"
#: Where PasteDeploy looks for the server.
SERVER_SECTION = "server:main"

#: What a server listens on that is found at localhost.
_OWN_MACHINE = frozenset({"127.0.0.1", "::1", "0.0.0.0", "::", "*", ""})  # noqa: S104 - compared, not bound

#: How PasteDeploy says that a section does not say what it is.
_NO_USE = "No loader given in section"

#: What has a meaning of its own in the path of an INI file, or where a value names it as %(here)s.
_MISREAD = "%#?"

#: The name of a copy that `flasky serve` leaves plug-ins out of, without its suffix.
_REDUCED = r"\.(?P<name>.+)\.reduced-[a-z0-9_]+"

_SECTION = r"\[(?P<name>[^\]]+)\]"
_KEY = r"(?:set\s+)?(?P<key>[^\s=:#;][^=:]*?)\s*[=:]"
_FILE_IN_MESSAGE = r"Error in file (?P<file>.+?): "


class CannotStart(Exception):
    """Why a command or the server does not start, in words for a person: what is wrong, where, what to do."""


class IniFile(NamedTuple):
    """An INI file that could be read: its path, the settings of its application and PasteDeploy's globals."""

    path: Path
    settings: Mapping[str, Any]
    global_config: Mapping[str, Any]


def read_ini(path: str | Path) -> IniFile:
    """Read the application's section of the INI file at `path`. Raises CannotStart when that cannot be done."""
    check_encoding()
    file = Path(path).absolute()
    _check_place(file)
    _check_bytes(file)
    # Not plaster.get_loader: to find out that an INI file is read by this loader it reads what every installed
    # distribution says of itself, which takes longer than all the rest.
    from plaster_pastedeploy import Loader  # noqa: PLC0415 - not needed to list the commands

    try:
        loader = Loader(parse_uri(str(file)))
        if APP_SECTION not in loader.get_sections():
            raise CannotStart(f"{file} has no section [{APP_SECTION}], so it does not describe a site.")
        settings = loader.get_wsgi_app_settings()
    except configparser.Error as error:
        raise CannotStart(explain(error, file)) from error
    except (OSError, LookupError, ImportError, PlasterError) as error:
        if _NO_USE in str(error):
            raise CannotStart(
                f"{file.name}, key use in [{APP_SECTION}]: it is missing. Write `use = egg:flasky`."
            ) from error
        raise CannotStart(f"{file} cannot be read: {error}") from error
    return IniFile(file, dict(settings), dict(settings.global_conf))


def check_encoding() -> None:
    """Raise CannotStart when Python takes files for something else than UTF-8 here.

    PasteDeploy, Alembic and Python's logging read the INI file in the encoding of the environment, and would take
    letters of it for others without a word.
    """
    encoding = locale.getpreferredencoding(do_setlocale=False)
    if codecs.lookup(encoding).name != "utf-8":
        raise CannotStart(
            f"Python takes files for {encoding} here, and would misread the INI file. Set the environment variable "
            "LC_ALL=C.UTF-8 or PYTHONUTF8=1."
        )


def _check_place(file: Path) -> None:
    """Raise CannotStart for what is no file, and for a path that the readers of INI files misread."""
    if file.is_dir():
        raise CannotStart(f"{file} is a folder, not an INI file. Name the file in it.")
    if not file.is_file():
        raise CannotStart(f"{file} is not a file." if file.exists() else f"There is no INI file {file}.")
    # A % begins %(here)s, and what stands behind a # or ? is taken for a section or an option: pserve and alembic
    # read it so, too.
    if mark := next((mark for mark in _MISREAD if mark in str(file)), ""):
        raise CannotStart(
            f"{file} cannot be used: there is a {mark} in its path, which the readers of INI files take for something "
            "else. Rename or move the folder."
        )


def _check_bytes(file: Path) -> None:
    """Raise CannotStart for a file that is not UTF-8 or begins with the mark that some editors write before it."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CannotStart(f"{file} cannot be read: {error}") from error
    if data.startswith(codecs.BOM_UTF8):
        raise CannotStart(
            f"{file.name} begins with a byte-order mark, which stands before its first section. Save it as UTF-8 "
            "without one (`UTF-8`, not `UTF-8 with BOM`)."
        )
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CannotStart(f"{file.name} line {line}: this is not UTF-8. Save the file as UTF-8.") from error


def server_address(path: str | Path, global_config: Mapping[str, Any]) -> str:
    """Where the server that the INI file at `path` describes is found from its own machine: `http://localhost:6543`.

    Empty when [server:main] does not say: without a port of its own (0 is any free one), or when it cannot be read,
    which is the server's to tell. `global_config` is what `%(…)s` may name there.
    """
    from plaster_pastedeploy import Loader  # noqa: PLC0415 - see read_ini

    try:
        server = Loader(parse_uri(str(path))).get_settings(SERVER_SECTION, dict(global_config))
    except (configparser.Error, OSError, LookupError, PlasterError, ValueError):
        return ""
    host, port = server.get("host", "localhost"), server.get("port", "")
    if listen := server.get("listen", "").split():
        host, _, port = listen[0].rpartition(":")
    return local_address(host.strip("[]"), port) if port.strip("0") else ""


def local_address(host: str, port: str | int) -> str:
    """The address of a server that listens on `host`, as it is called on its own machine, without a slash after it."""
    if host in _OWN_MACHINE:
        host = "localhost"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def set_up_logging(path: str | Path) -> None:
    """Set up Python's logging as the INI file at `path`, which could be read, says. Raises CannotStart."""
    from plaster_pastedeploy import Loader  # noqa: PLC0415 - see read_ini, also for why not pyramid.paster

    try:
        Loader(parse_uri(str(path))).setup_logging({})
    except Exception as error:
        from flasky.logging_faults import explain_logging  # noqa: PLC0415 - only where there is one

        raise CannotStart(explain_logging(error, path)) from error


def reduced_prefix(path: str | Path) -> str:
    """How the name of a copy of the INI file at `path` begins that lacks some plug-ins; `site_name` knows it."""
    return f".{Path(path).stem}.reduced-"


def site_name(path: str | Path) -> str:
    """The name of the INI file at `path` without its suffix; of a copy without some plug-ins, that of its original."""
    name = Path(path).stem
    reduced = re.fullmatch(_REDUCED, name)
    return reduced["name"] if reduced else name


def line_numbers(path: str | Path, section: str = APP_SECTION) -> dict[str, int]:
    """The line on which each key of `section` stands; empty when the file cannot be read."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found: dict[str, int] = {}
    current = ""
    for number, line in enumerate(lines, 1):
        if heading := re.match(_SECTION, line):
            current = heading["name"]
        elif current == section and (key := re.match(_KEY, line)):
            found[key["key"]] = number
    return found


def explain(error: configparser.Error, file: str | Path = "") -> str:
    """Say what is wrong with an INI file without repeating a value of it: it may be a password."""
    if not file and (named := re.search(_FILE_IN_MESSAGE, str(error))):
        file = named["file"]
    name = Path(file).name or "the INI file"
    if isinstance(error, configparser.InterpolationError):
        line = line_numbers(file, error.section).get(error.option)
        where = f"{name}{f' line {line}' if line else ''}, key {error.option} in [{error.section}]"
        if isinstance(error, configparser.InterpolationMissingOptionError):
            if error.reference == "here":
                from flasky.migrations.scripts import script_location  # noqa: PLC0415 - only where there is one

                return (
                    f"{where}: who reads this section does not know %(here)s, which Flasky does. If that is the env.py "
                    "of `alembic init`: take its folder away. Under [alembic], write: "
                    f"script_location = {script_location()}"
                )
            return (
                f"{where}: %({error.reference})s stands for nothing. Only %(here)s and keys of [DEFAULT] can be named; "
                "an environment variable is read by itself (docs/settings.md lists them), so leave the line out."
            )
        return (
            f"{where}: a % has to be written %% in an INI file. In an environment variable it stays as it is "
            "(docs/settings.md lists them)."
        )
    if isinstance(error, configparser.DuplicateOptionError):
        return f"{name} line {error.lineno}: the key {error.option} stands twice in [{error.section}]. Take one out."
    if isinstance(error, configparser.DuplicateSectionError):
        return f"{name} line {error.lineno}: the section [{error.section}] stands twice. Join them."
    if isinstance(error, configparser.MissingSectionHeaderError):
        return f"{name} line {error.lineno}: the file must begin with a section such as [app:main]."
    if isinstance(error, configparser.ParsingError):
        lines = ", ".join(str(number) for number, _ in error.errors)
        return f"{name} line {lines}: this is neither a section nor `key = value`."
    return f"{name} cannot be read: {type(error).__name__}"
