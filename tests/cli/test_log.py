"""`flasky log ID`: what happened to one request, also while the application cannot start."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flasky.cli import main

ID = "0123456789abcdef"
OTHER = "fedcba9876543210"

INI = """\
[app:main]
use = egg:flasky
flasky.environment = nonsense
flasky.plugins = no-such-plugin

[handlers]
keys = console, file

[handler_console]
class = flasky.logs.Console
args = ()

[handler_file]
class = flasky.logs.LogFile
args = ("%(here)s/logs/site.log",)
"""


def line(message: str, request_id: str = ID, moment: str = "2026-01-01T00:00:00.000+00:00", **more: str) -> str:
    fields = {"time": moment, "level": "ERROR", "logger": "flasky.errors", "request_id": request_id, "message": message}
    return json.dumps({**fields, **more}) + "\n"


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    """An INI file of a site that cannot start."""
    (tmp_path / "logs").mkdir()
    path = tmp_path / "site.ini"
    path.write_text(INI, encoding="utf-8")
    return path


def write(ini: Path, text: str, name: str = "site.log") -> None:
    (ini.parent / "logs" / name).write_text(text, encoding="utf-8")


def run(ini: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--ini", str(ini), "log", *arguments])


def test_it_shows_every_record_of_the_request_and_no_other_though_the_site_cannot_start(ini: Path) -> None:
    write(ini, line("not this", OTHER) + line("first", traceback="Traceback\n  why") + line("second"))
    result = run(ini, ID)
    assert result.exit_code == 0
    assert "first\n    Traceback\n      why\n" in result.output
    assert "second" in result.output
    assert "not this" not in result.output


def test_a_request_that_only_mentions_the_id_is_another(ini: Path) -> None:
    write(ini, line(f"about {ID}", OTHER))
    assert run(ini, ID).exit_code == 1


def test_it_looks_into_files_that_were_rotated(ini: Path) -> None:
    write(ini, line("today", moment="2026-01-03T00:00:00.000+00:00"))
    write(ini, line("yesterday", moment="2026-01-02T00:00:00.000+00:00"), "site.log.1")
    (ini.parent / "logs" / "site.log-20260101.gz").write_bytes(gzip.compress(line("long ago").encode()))
    output = run(ini, f" {ID.upper()} ").output
    assert output.index("long ago") < output.index("yesterday") < output.index("today")


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("site.log.2.bz2", bz2.compress),
        ("site.log.3.xz", lzma.compress),
        # What logrotate makes of it with `extension .log`.
        ("site-20261120.log", bytes),
        ("site-20261119.log.gz", gzip.compress),
        ("site.1.log", bytes),
    ],
)
def test_each_way_to_rotate_is_searched(ini: Path, name: str, packed: Callable[[bytes], bytes]) -> None:
    write(ini, line("of another site"), "site-next.log")
    (ini.parent / "logs" / name).write_bytes(packed(line("long ago").encode()))
    result = run(ini, ID)
    assert (result.exit_code, result.output.count("\n")) == (0, 1)
    assert "long ago" in result.output


def test_what_cannot_be_searched_is_named_and_does_not_stop_the_search(ini: Path) -> None:
    """A damaged file, one that is packed in a way which Python does not read, and one that may not be read."""
    write(ini, line("today"))
    whole = gzip.compress(("".join(line(f"{number} {random.random()}") for number in range(3000))).encode())  # noqa: S311 - no secret
    logs = ini.parent / "logs"
    (logs / "site.log.1.gz").write_bytes(whole[: len(whole) // 2])
    (logs / "site.log.2.gz").write_bytes(whole[:100] + bytes(100) + whole[200:])
    (logs / "site.log.3.xz").write_bytes(lzma.compress(b"x")[:-20] + bytes(20))
    (logs / "site.log.4.bz2").write_bytes(b"BZh9 nothing")
    (logs / "site.log.5.zst").write_bytes(b"packed")
    (logs / "site.log.6").symlink_to(logs / "site.log.6")
    result = run(ini, ID)
    assert result.exit_code == 0
    assert "today" in result.stdout
    assert " 0 0." in result.stdout, "what stands before the damage"
    for number, suffix in enumerate((".gz", ".gz", ".xz", ".bz2"), 1):
        assert f"{logs}/site.log.{number}{suffix} cannot be read to its end: " in result.stderr
    assert f"{logs}/site.log.5.zst was not searched: unpack it beside the log file" in result.stderr
    assert f"{logs}/site.log.6 cannot be read to its end: " in result.stderr


def test_it_does_not_say_that_there_is_no_record_where_it_could_not_look(ini: Path) -> None:
    write(ini, line("another", OTHER))
    write(ini, "packed", "site.log.1.zst")
    result = run(ini, ID)
    assert result.exit_code == 1
    assert "There is no record" not in result.output
    assert f"No record of the request {ID} was found in {ini.parent}/logs/site.log, but" in result.output
    assert "site.log.1.zst was not searched" in result.output
    shutil.rmtree(ini.parent / "logs")
    (ini.parent / "logs").symlink_to(ini.parent / "logs")
    result = run(ini, ID)
    assert f"The folder {ini.parent}/logs cannot be read: Too many levels of symbolic links" in result.output
    assert (result.exit_code, "does not exist" in result.output) == (1, False)


def test_lines_that_are_no_records_are_passed_over(ini: Path) -> None:
    write(ini, f'torn {ID}\n["{ID}"]\n{{"request_id": "{ID}"}}\n' + line("whole"))
    result = run(ini, ID)
    assert result.output.count("\n") == 1
    assert "whole" in result.output


def test_what_stands_in_the_file_cannot_steer_the_terminal_inj_06(ini: Path) -> None:
    write(ini, line("\x1b[2J", traceback="\x1b[2J\n\x9b"))
    assert "\x1b" not in run(ini, ID).output
    assert "\x9b" not in run(ini, ID).output


@pytest.mark.parametrize("there", [True, False])
def test_a_request_without_a_record_is_a_sentence_and_status_1(ini: Path, there: bool) -> None:
    if there:
        write(ini, line("another", OTHER))
    result = run(ini, ID)
    assert result.exit_code == 1
    assert f"There is no record of the request {ID} in {ini.parent}/logs/site.log" in result.output
    assert ("does not exist" in result.output) is not there


@pytest.mark.parametrize("wrong", ["", "xyz", "0123", "0123456789abcdef0", "../../etc/passwd", "\x1b[2J"])
def test_what_is_no_id_is_said_to_be_none(ini: Path, wrong: str) -> None:
    result = run(ini, "--", wrong)
    assert result.exit_code == 2
    assert "is no request ID" in result.output
    assert "\x1b" not in result.output


def test_an_ini_file_without_a_log_file_is_told(ini: Path) -> None:
    ini.write_text("[app:main]\nuse = egg:flasky\n", encoding="utf-8")
    result = run(ini, ID)
    assert result.exit_code == 1
    assert "class = flasky.logs.LogFile" in result.output


@pytest.mark.parametrize("args", ["()", "open('x')", "(", "7"])
def test_broken_arguments_of_the_handler_are_told(ini: Path, args: str) -> None:
    ini.write_text(INI.replace('("%(here)s/logs/site.log",)', args), encoding="utf-8")
    result = run(ini, ID)
    assert result.exit_code == 1
    assert "[handler_file]: args must be a tuple" in result.output


def test_a_broken_ini_file_is_told(ini: Path) -> None:
    ini.write_text(INI.replace("%(here)s", "%(nowhere)s"), encoding="utf-8")
    result = run(ini, ID)
    assert result.exit_code == 1
    assert "site.ini" in result.output


def test_a_file_that_cannot_be_read_is_told(ini: Path) -> None:
    (ini.parent / "logs" / "site.log.gz").write_bytes(b"this is not gzip")
    result = run(ini, ID)
    assert result.exit_code == 1
    assert "site.log.gz cannot be read" in result.output


def test_a_folder_with_odd_characters_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "odd [真] *"
    (folder / "logs").mkdir(parents=True)
    ini = folder / "site.ini"
    ini.write_text(INI, encoding="utf-8")
    write(ini, line("found"))
    assert "found" in run(ini, ID).output
