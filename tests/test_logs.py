"""The log's formats and handlers: hostile text, a full disk, a closed terminal, rotation (INJ-06, F20)."""

from __future__ import annotations

import io
import json
import logging
import multiprocessing
import sys
from pathlib import Path
from typing import Any

import pytest

from flasky.logs import (
    Console,
    JSONFormatter,
    LogFile,
    ReadableFormatter,
    current_request_id,
    one_line,
    shown_path,
)


def record(message: str = "hello %s", *arguments: Any, error: Exception | None = None) -> logging.LogRecord:
    information = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("some.logger", logging.WARNING, "file.py", 1, message, arguments, information)


def raised(text: str) -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


class TestFormats:
    """What a record looks like."""

    def test_a_line_for_people_says_when_how_bad_which_request_who_and_what(self) -> None:
        token = current_request_id.set("0123456789abcdef")
        try:
            line = ReadableFormatter().format(record("hello %s", "胡同"))
        finally:
            current_request_id.reset(token)
        moment, rest = line.split(" ", 1)
        assert moment.endswith("+00:00")
        assert rest == "WARNING [0123456789abcdef] some.logger: hello 胡同"

    def test_outside_of_a_request_there_is_a_dash(self) -> None:
        current_request_id.set("")  # A request that an earlier test made in this thread.
        assert " [-] " in ReadableFormatter().format(record("x"))

    @pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\0", "\x85", "\u2028", "\u202e", "\x9b"])
    def test_no_character_ends_the_line_or_steers_the_terminal_inj_06(self, character: str) -> None:
        for formatter in (ReadableFormatter(), JSONFormatter()):
            text = formatter.format(record("user %s", f"x{character}2026-01-01 ERROR forged"))
            assert len(text.splitlines()) == 1
            assert character not in text

    def test_no_line_of_a_traceback_passes_for_a_record_inj_06(self) -> None:
        text = ReadableFormatter().format(record("failed", error=raised("a\n2026-01-01 ERROR [-] forged\x1b[2J")))
        assert all(line.startswith("    ") for line in text.split("\n")[1:])
        assert "\x1b" not in text

    def test_json_has_the_traceback_in_the_same_line(self) -> None:
        fields = json.loads(JSONFormatter().format(record("failed", error=raised("why"))))
        assert fields["message"] == "failed"
        assert "ValueError: why" in fields["traceback"]

    def test_what_an_ini_file_gives_a_formatter_does_not_matter(self) -> None:
        assert "hello" in ReadableFormatter("%(message)s", None, "%", defaults={}).format(record("hello"))

    def test_stack_and_text_that_came_ready_made_are_kept(self) -> None:
        odd = record("x")
        odd.exc_text, odd.stack_info = "ready-made", "the stack"
        assert ReadableFormatter().format(odd).endswith("    ready-made\n    the stack")

    def test_half_characters_and_bytes_are_escaped(self) -> None:
        assert one_line("a\tb") == "a\\x09b"
        assert shown_path({"PATH_INFO": "/\xe8\x83\xa1\xff"}) == "/胡\\xff"
        assert shown_path({"PATH_INFO": "/secret", "flasky.shown_path": "/(hidden)"}) == "/(hidden)"


class TestLogFile:
    """The file that `flasky log` reads."""

    def handler(self, path: Path) -> LogFile:
        handler = LogFile(str(path))
        handler.setFormatter(JSONFormatter())
        return handler

    def test_the_folder_is_made_with_the_first_record(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b" / "site.log"
        handler = self.handler(path)
        assert not path.parent.exists()
        handler.handle(record("胡同"))
        assert "胡同" in lines(path)[0]
        handler.close()
        handler.close()

    def test_a_surrogate_in_a_message_is_written_escaped(self, tmp_path: Path) -> None:
        handler = self.handler(tmp_path / "site.log")
        handler.handle(record("\ud800"))
        handler.close()
        assert "\\ud800" in lines(tmp_path / "site.log")[0]

    @pytest.mark.parametrize("gone", ["renamed", "removed"])
    def test_it_follows_a_rotation(self, tmp_path: Path, gone: str) -> None:
        path = tmp_path / "site.log"
        handler = self.handler(path)
        handler.handle(record("before"))
        if gone == "renamed":
            path.rename(tmp_path / "site.log.1")
        else:
            path.unlink()
        handler.handle(record("after"))
        handler.close()
        assert "after" in lines(path)[0]
        assert len(lines(path)) == 1

    def test_a_full_disk_is_complained_about_once_f20(self, capsys: pytest.CaptureFixture[str]) -> None:
        handler = self.handler(Path("/dev/full"))
        for _number in range(3):
            handler.handle(record("lost"))
        handler.close()
        assert capsys.readouterr().err.count("/dev/full cannot be written") == 1

    def test_a_full_disk_and_a_closed_terminal_stop_nothing_f20(self, monkeypatch: pytest.MonkeyPatch) -> None:
        closed = io.StringIO()
        closed.close()
        monkeypatch.setattr(sys, "stderr", closed)
        handler = self.handler(Path("/dev/full"))
        handler.handle(record("lost"))
        handler.close()

    def test_a_record_that_was_cut_off_does_not_spoil_the_next(self, tmp_path: Path) -> None:
        path = tmp_path / "site.log"
        handler = self.handler(path)

        class Short(io.FileIO):
            def write(self, data: Any) -> int:
                return super().write(bytes(data)[:10])

        handler._file = Short(path, "ab")
        handler.handle(record("torn"))
        handler._file = None
        handler.handle(record("whole"))
        handler.close()
        assert json.loads(lines(path)[-1])["message"] == "whole"

    def test_processes_that_share_a_file_do_not_mix_their_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "site.log"
        context = multiprocessing.get_context("fork")
        writers = [context.Process(target=_write_long_records, args=(path, letter)) for letter in "abc"]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        messages = [json.loads(line)["message"] for line in lines(path)]
        assert len(messages) == 150
        assert all(len(set(message)) == 1 for message in messages)


def _write_long_records(path: Path, letter: str) -> None:
    handler = LogFile(str(path))
    handler.setFormatter(JSONFormatter())
    for _number in range(50):
        handler.handle(record(letter * 30_000))


class TestConsole:
    """Standard error."""

    def test_it_writes_to_standard_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        handler = Console()
        handler.setFormatter(ReadableFormatter())
        handler.handle(record("hello"))
        assert "hello" in capsys.readouterr().err

    def test_a_closed_terminal_stops_nothing_f20(self, monkeypatch: pytest.MonkeyPatch) -> None:
        closed = io.StringIO()
        closed.close()
        monkeypatch.setattr(sys, "stderr", closed)
        Console().handle(record("hello"))
