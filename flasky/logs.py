"""Logging: every record carries its request's id, takes one line however hostile its text, and never stops a request.

The console gets lines for people (`ReadableFormatter`), the file lines for programs (`JSONFormatter`), of which
``flasky log ID`` shows those of one request. The INI files name the classes of this module in their sections
``[handler_…]`` and ``[formatter_…]``.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

#: Where the id of a request stands in its WSGI environ.
REQUEST_ID = "flasky.request_id"
#: Where the number of SQL statements stands in it, in development and tests.
STATEMENTS = "flasky.statements"
#: Where a path stands in the WSGI environ that may be written to the log in place of the real one.
SHOWN_PATH = "flasky.shown_path"

#: The id of the request that this thread is answering; empty outside of a request.
current_request_id: ContextVar[str] = ContextVar("flasky.request_id", default="")

#: Control characters of C0 and C1, and what Unicode and some viewers take as the end of a line (INJ-06).
_CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
#: The same, but a traceback keeps its lines.
_CONTROL_IN_TRACEBACK = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"

_LONGEST_PATH = 500


def one_line(text: str) -> str:
    """`text` with each control character as an escape (``\\x0a``): it can neither end a line nor colour a terminal."""
    # Nearly every text is: a pattern takes longer to say so, and a start longer to compile it.
    return text if text.isprintable() else re.sub(_CONTROL, _escape, text)


def without_controls(text: str) -> str:
    """`text` with its lines kept and every other control character as an escape."""
    return re.sub(_CONTROL_IN_TRACEBACK, _escape, text)


def _escape(match: re.Match[str]) -> str:
    number = ord(match.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def shown_path(environ: Mapping[str, Any]) -> str:
    """The request's path as the log may say it: without secrets that are part of it, and never with the query."""
    path: str | None = environ.get(SHOWN_PATH)
    if path is not None:
        return path
    raw: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return raw.encode("latin-1", "replace").decode("utf-8", "backslashreplace")[:_LONGEST_PATH]


class RecordFormatter(logging.Formatter):
    """What both formats share: the fields of a record, cleaned."""

    def __init__(self, *_format: object, **_defaults: object) -> None:
        """Take, and leave aside, the format and dates that an INI file may state: there is one format."""
        super().__init__()

    def fields(self, record: logging.LogRecord) -> dict[str, str]:
        """Time (UTC, ISO 8601), level, logger, request id, message in one line; plug-in and traceback, if any."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": getattr(record, "request_id", "") or current_request_id.get(),
            "message": one_line(record.getMessage()),
        }
        if plugin := getattr(record, "plugin", ""):
            fields["plugin"] = one_line(str(plugin))
        if details := self._details(record):
            fields["traceback"] = without_controls(details)
        return fields

    def _details(self, record: logging.LogRecord) -> str:
        parts = []
        if record.exc_info and record.exc_info[1] is not None:
            parts.append("".join(traceback.format_exception(record.exc_info[1])).rstrip("\n"))
        elif record.exc_text:
            parts.append(record.exc_text)
        if record.stack_info:
            parts.append(record.stack_info)
        return "\n".join(parts)


class ReadableFormatter(RecordFormatter):
    """For people: one line, and the traceback below it, set in so that no line of it can pass for a record."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the record."""
        return readable(self.fields(record))


class JSONFormatter(RecordFormatter):
    """For programs: one JSON object a line, with the keys of `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the record."""
        return json.dumps(self.fields(record), ensure_ascii=False)


def readable(fields: dict[str, str]) -> str:
    """The fields of a record as text for people."""
    head = (
        f"{fields['time']} {fields['level']:<7} [{fields['request_id'] or '-'}] {fields['logger']}: {fields['message']}"
    )
    details = fields.get("traceback", "")
    return "\n".join([head, *(f"    {line}" for line in details.split("\n"))]) if details else head


class Console(logging.StreamHandler[TextIO]):
    """Standard error, whatever became of it: a closed terminal or a full disk behind it stops no request (F20)."""

    def __init__(self, *_arguments: object) -> None:
        super().__init__(sys.stderr)

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Go on without this record: there is nowhere left to say so."""


class LogFile(logging.Handler):
    """A file of log records, made with its folder when the first record comes.

    Somebody else may rename or remove it (logrotate): it is opened anew. Each record is one write to the end of the
    file, so that processes which share it do not mix their lines. A disk that is full or a folder that may not be
    written is complained about once on standard error, and requests go on (F20).
    """

    def __init__(self, filename: str) -> None:
        super().__init__()
        self.path = Path(filename).absolute()
        self._file: io.FileIO | None = None
        self._torn = False
        self._complained = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            line = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
            written = self._current_file().write(b"\n" + line if self._torn else line)
            # On a disk that fills up the record may end anywhere; the next one must not continue its line.
            self._torn = written < len(line)
        except Exception:  # noqa: BLE001 - whatever is wrong with the log must not reach the visitor
            self.handleError(record)

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Say once that the file cannot be written, and why."""
        if self._complained:
            return
        self._complained = True
        # When standard error is closed too, nowhere is left to say so.
        with contextlib.suppress(Exception):
            print(f"flasky: {self.path} cannot be written: {sys.exception()}", file=sys.stderr)  # noqa: T201 - no log

    def close(self) -> None:
        """Close the file."""
        with self.lock or contextlib.nullcontext():
            if self._file is not None:
                self._file.close()
                self._file = None
        super().close()

    def _current_file(self) -> io.FileIO:
        if self._file is not None and not self._is_at_path(self._file):
            self._file.close()
            self._file = None
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
        return self._file

    def _is_at_path(self, file: io.FileIO) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(file.fileno()))
        except FileNotFoundError:
            return False
