"""`flasky log ID`: what the log says about one request.

It reads the INI file and the log files that it names, and nothing else: it works while the application cannot start.
"""

from __future__ import annotations

import ast
import configparser
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click

from flasky.cli.context import Context, pass_context
from flasky.ini import CannotStart, explain
from flasky.logs import one_line, readable, without_controls

#: The handler whose files can be searched, as an INI file names it.
HANDLER = "flasky.logs.LogFile"

_ID = re.compile(r"[0-9a-f]{16}")


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
    found = [record for path in paths for file in with_rotated(path) for record in records(file, wanted)]
    for record in sorted(found, key=lambda fields: fields["time"]):
        click.echo(readable(record))
    if not found:
        raise CannotStart(f"There is no record of the request {wanted} in {' or '.join(map(_described, paths))}.")


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
    """The log file and what a rotation made of its predecessors (``app.log.1``, ``app.log-20300101.gz``)."""
    return sorted(file for file in path.parent.glob(f"{_literal(path.name)}*") if file.is_file())


def records(file: Path, request_id: str) -> Iterator[dict[str, str]]:
    """The records of one request in a file; a line that is no record (a torn one, say) is passed over."""
    opener = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rt", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if request_id in line and (record := _record(line)) and record["request_id"] == request_id:
                    yield record
    except (OSError, EOFError) as error:
        raise CannotStart(f"{file} cannot be read: {error}") from error


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


def _literal(name: str) -> str:
    """`name` as a pattern that matches only itself."""
    return re.sub(r"([*?\[])", r"[\1]", name)
