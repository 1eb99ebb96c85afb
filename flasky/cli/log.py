"""`flasky log ID`: what the log says about one request.

It reads the INI file and the log files that it names, and nothing else: it works while the application cannot start.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click

from flasky.cli.context import Context, pass_context
from flasky.ini import CannotStart, explain
from flasky.logs import one_line, readable, without_controls

#: The handler whose files can be searched, as an INI file names it.
HANDLER = "flasky.logs.LogFile"

#: Which module reads a file that was packed, by its ending; and what none of Python's does.
_PACKED = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma", ".lzma": "lzma"}
_UNREADABLE = frozenset({".zst", ".zip", ".Z", ".lz4", ".lz", ".lzo", ".br", ".7z"})

_ID = re.compile(r"[0-9a-f]{16}")


class NotSearched(Exception):
    """A log file, or a part of it, that could not be searched, and why."""


@click.command()
@click.argument("request_id", metavar="ID")
@pass_context
def log(context: Context, request_id: str) -> None:
    """Show every log record of the request ID, with tracebacks.

    An error page shows its ID, and every answer has it in the header X-Request-ID. The exit status is 1 when the
    log has no record of it.
    """
    wanted = request_id.strip().lower()
    if not _ID.fullmatch(wanted):
        raise click.BadParameter(
            f"{one_line(request_id[:80])!r} is no request ID: expected 16 of the characters 0-9 and a-f, as the error "
            "page and the header X-Request-ID show it.",
            param_hint="ID",
        )
    paths = log_files(context.ini.path)
    if not paths:
        raise CannotStart(
            f"{context.path} writes no log file that can be searched: no handler in [handlers] has "
            f"`class = {HANDLER}` (docs/operations/errors.md shows one)."
        )
    found, left_out = search(paths, wanted)
    for record in sorted(found, key=lambda fields: fields["time"]):
        click.echo(readable(record))
    for problem in left_out:
        click.echo(problem, err=True)
    if not found and left_out:
        places = " or ".join(map(str, paths))
        raise CannotStart(f"No record of the request {wanted} was found in {places}, but not all of it was searched.")
    if not found:
        raise CannotStart(f"There is no record of the request {wanted} in {' or '.join(map(_described, paths))}.")


def search(paths: list[Path], request_id: str) -> tuple[list[dict[str, str]], list[str]]:
    """The records of one request in the log files and their predecessors, and what could not be searched, and why."""
    found: list[dict[str, str]] = []
    left_out: list[str] = []
    for path in paths:
        try:
            files = with_rotated(path)
        except OSError as error:
            left_out.append(f"The folder {path.parent} cannot be read: {error.strerror}")
            continue
        for file in files:
            try:
                # What stands before a damage stays in the list.
                found.extend(records(file, request_id))
            except NotSearched as error:
                left_out.append(str(error))
    return found, left_out


def log_files(ini: Path) -> list[Path]:
    """The files that the handlers of the INI file write for this command. Raises CannotStart when it is broken."""
    parser = configparser.ConfigParser({"here": str(ini.parent).replace("%", "%%"), "__file__": str(ini)})
    try:
        parser.read(ini, encoding="utf-8")
        names = [name.strip() for name in parser.get("handlers", "keys", fallback="").split(",") if name.strip()]
        sections = [f"handler_{name}" for name in names]
        return [
            (ini.parent / path_in(parser.get(section, "args", fallback="()"), section)).absolute()
            for section in sections
            if parser.get(section, "class", fallback="") == HANDLER
        ]
    except configparser.Error as error:
        raise CannotStart(explain(error, ini)) from error


def path_in(args: str, section: str) -> str:
    """The file name in the `args` of a handler, which is a Python tuple. Raises CannotStart for anything else."""
    try:
        return str(ast.literal_eval(args)[0])
    except (ValueError, SyntaxError, LookupError, TypeError) as error:
        raise CannotStart(f'[{section}]: args must be a tuple with the file\'s name, as in ("app.log",).') from error


def with_rotated(path: Path) -> list[Path]:
    """The log file and what a rotation made of its predecessors. Raises OSError when its folder cannot be read.

    ``app.log.1``, ``app.log-20300101.gz`` and, by logrotate's `extension .log`, ``app-20300101.log.gz``.
    """
    name, stem, suffix = map(re.escape, (path.name, path.stem, path.suffix))
    ours = re.compile(rf"{name}.*|{stem}[-.]\d[\d-]*{suffix}(\..*)?")
    try:
        # Not glob(), to which a folder that may not be read is an empty one.
        there = sorted(path.parent.iterdir())
    except FileNotFoundError:
        return []
    return [file for file in there if ours.fullmatch(file.name) and (file.is_file() or file.is_symlink())]


def records(file: Path, request_id: str) -> Iterator[dict[str, str]]:
    """The records of one request in a file; a line that is no record (a torn one, say) is passed over.

    Raises NotSearched, after what stands before the damage.
    """
    for line in _lines(file):
        if request_id in line and (record := _record(line)) and record["request_id"] == request_id:
            yield record


def _lines(file: Path) -> Iterator[str]:
    if file.suffix in _UNREADABLE:
        raise NotSearched(f"{file} was not searched: unpack it beside the log file.")
    try:
        # Not imported to list the commands, and some Pythons are built without one of them.
        opener = import_module(_PACKED[file.suffix]).open if file.suffix in _PACKED else open
        with opener(file, "rt", encoding="utf-8", errors="replace") as lines:
            yield from lines
    except Exception as error:
        # Each of the libraries has errors of its own for what is damaged.
        raise NotSearched(f"{file} cannot be read to its end: {error}") from error


def _record(line: str) -> dict[str, str] | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    if not isinstance(fields, dict) or not {"time", "level", "logger", "request_id", "message"} <= fields.keys():
        return None
    # Whoever can write to the file must still not be able to steer the terminal that shows it.
    return {
        name: without_controls(str(value)) if name == "traceback" else one_line(str(value))
        for name, value in fields.items()
    }


def _described(path: Path) -> str:
    return str(path) if with_rotated(path) else f"{path} (which does not exist)"
