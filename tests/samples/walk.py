"""A walk: the commands of documentation pages, typed one after the other into a copy of the project.

The pages say what is run by how they are written, and a reader needs to know nothing of it:

- In a block ```` ```console ```` each line that begins with `$ ` is typed into a shell and each that begins with
  `>>> ` into the Python shell that the command above it opened. All other lines are what one sees.
- A block whose opening line names a file, as in ```` ```python people/setup.py ````, is written into that file; with
  ` …` behind the name, at its end.
- Every other block is only shown. So are `make`, `git clone` and whatever else needs a network.
- A command that serves (`SERVING`) runs until the page ends, or, where a line `^C` is shown, until everything that
  was started before it has said what it is shown to say. It is ended with Ctrl-C.
- `pip install -e FOLDER` is done without pip: the package is described and put on the path; `pip uninstall -y NAME`
  takes the folder of that name from the path. (pip itself is in tests/plugin_platform/test_pip.py.)

What the commands print must be what the page shows, down to the last line, except that

- `…` stands for any text within a line, and on a line of its own for any lines, or none;
- dates, times, and numbers of 12 or more hexadecimal digits (revisions, requests) may be any others;
- two spaces stand for any larger number of them (columns are as wide as what is in them);
- the folder of the project is called `~/flasky`, and its port 6543.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import unified_diff
from importlib.util import cache_from_source
from pathlib import Path

from warm import Forked, WarmConsole

from flasky.testing.live import free_port

REPOSITORY = Path(__file__).resolve().parents[2]

#: How commands begin that go on until somebody ends them, and what one of them says when it is ready.
SERVING = {"pserve development.ini": "Flasky is at", "aiosmtpd": "", "flasky mail deliver": "Delivering mails"}
#: What is started through the warm process.
_SCRIPTS = ("alembic", "flasky", "pserve", "pshell", "pytest", "python")
#: What stands behind the name of a file that goes on.
_MORE = " …"
#: How a terminal shows that somebody pressed it.
_CTRL_C = "^C"
_SECONDS = 120
_ALIKE = (
    (re.compile(r"(?<!\d)\d{4}-\d\d-\d\d(?!\d)"), "DATE"),
    (re.compile(r"(?<!\d)\d\d:\d\d(:\d\d(\.\d+)?)?(?!\d)"), "TIME"),
    # The second copy within a second has a number.
    (re.compile(r"\b\d{8}T\d{6}Z\b(-\d+\b)?"), "MOMENT"),
    (re.compile(r"\b[0-9a-f]{12,}"), "NUMBER"),
    (re.compile(r" {2,}"), "  "),
)


@dataclass
class Typed:
    """One command: the line that is typed, what is typed into it, and what is shown."""

    line: str
    place: str
    shown: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    @property
    def is_serving(self) -> bool:
        """Whether it runs until it is stopped."""
        return self.line.startswith(tuple(SERVING))


@dataclass
class Written:
    """A file that the reader writes."""

    path: str
    text: str
    at_the_end: bool = False


@dataclass
class PageEnds:
    """The end of a page."""


Step = Typed | Written | PageEnds


def steps(page: Path) -> Iterator[Step]:
    """What a reader of `page` does, in order."""
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
    for number, line in lines:
        if line.startswith("```"):
            language, _, path = line.removeprefix("```").strip().partition(" ")
            block = []
            for _, inside in lines:
                if inside == "```":
                    break
                block.append(inside)
            if path:
                yield Written(path.removesuffix(_MORE), "\n".join(block) + "\n", path.endswith(_MORE))
            elif language == "console":
                yield from _typed(block, f"{page.name}:{number}")
    yield PageEnds()


def _typed(block: list[str], place: str) -> Iterator[Typed]:
    command: Typed | None = None
    for line in block:
        if line.startswith("$ "):
            if command:
                yield command
            command = Typed(line.removeprefix("$ "), place)
            continue
        assert command, f"{place}: the block shows something before a command is typed"
        if line.startswith(">>> "):
            command.inputs.append(line.removeprefix(">>> "))
        command.shown.append(line)
    if command:
        yield command


def commands(page: Path) -> list[tuple[str, ...]]:
    """What is typed and written on a page, without what is shown: the same in every language."""
    found = []
    for step in steps(page):
        if isinstance(step, Typed):
            found.append(("type", step.line, *step.inputs))
        elif isinstance(step, Written):
            found.append(("write", step.path, step.text))
    return found


class Walk:
    """A copy of the project in `folder`, and the commands that are typed into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "flasky"
        self.port = free_port()
        self.mail_port = free_port()
        self._copy()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTEST_"))}
        self.environ = {
            **clean,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}",
            "PYTHONPATH": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            "COLUMNS": "120",
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
        }
        self._serving: list[tuple[Typed, subprocess.Popen[bytes] | Forked, Path]] = []
        self._outputs = 0
        self._warm = WarmConsole(self.environ, self.folder)

    def _copy(self) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=REPOSITORY,
            capture_output=True,
            check=True,
        )
        for name in listed.stdout.decode().split("\0"):
            source = REPOSITORY / name
            if name and source.is_file():
                target = self.folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
                # What Python made of it is good for the copy too, which has the same time and size.
                if name.startswith("flasky/") and source.suffix == ".py":
                    _copy_compiled(source, target)
        for ini in self.folder.glob("*.ini"):
            ini.write_text(ini.read_text(encoding="utf-8").replace("6543", str(self.port)), encoding="utf-8")

    def take(self, step: Step) -> None:
        """Do one step, and fail with both texts when one sees something else than the page shows."""
        if isinstance(step, Written):
            path = self.folder / step.path
            path.parent.mkdir(parents=True, exist_ok=True)
            before = path.read_text(encoding="utf-8") if step.at_the_end else ""
            path.write_text(before + step.text, encoding="utf-8")
        elif isinstance(step, PageEnds):
            self._stop_serving()
        elif step.line.startswith("export "):
            for setting in shlex.split(self._here(step.line))[1:]:
                name, _, value = setting.partition("=")
                self.environ[name] = value
        elif step.line.startswith("pip install -e "):
            self._install(step.line.split()[-1])
        elif step.line.startswith("pip uninstall -y "):
            self._uninstall(step.line.split()[-1])
        elif step.is_serving:
            self._serve(step)
        else:
            self._compare(step, self._run(step))

    def _run(self, step: Typed) -> str:
        source, output = self._new_file("input"), self._new_file("output")
        source.write_text("".join(f"{line}\n" for line in step.inputs), encoding="utf-8")
        line = self._here(step.line)
        place, command = _place(line)
        environ, arguments = _split(command)
        if arguments[0] in _SCRIPTS and not re.search(r"[|<>;&*$]", command):
            files = {"input": source, "output": output}
            folder = self.folder / place
            self._warm.status(*arguments, folder=folder, environ={**self.environ, **environ}, files=files)
        else:
            with source.open("rb") as stdin, output.open("wb") as stdout:
                subprocess.run(
                    ["sh", "-c", line],
                    cwd=self.folder,
                    env=self.environ,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=subprocess.STDOUT,
                    timeout=_SECONDS,
                    check=False,
                )
        said = output.read_text(encoding="utf-8")
        return _session(said, step.inputs) if step.inputs else said

    def _serve(self, step: Typed) -> None:
        output = self._new_file("output")
        output.touch()
        settings, arguments = _split(self._here(step.line))
        environ = {**self.environ, **settings}
        process: subprocess.Popen[bytes] | Forked
        if arguments[0] in _SCRIPTS:
            process = self._warm.start(*arguments, environ=environ, output=output, folder=self.folder)
        else:
            with output.open("wb") as stream:
                process = subprocess.Popen(
                    arguments,
                    cwd=self.folder,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                )
        self._serving.append((step, process, output))
        if _CTRL_C in step.shown:
            self._stop_serving(last=1)
        else:
            [ready] = [word for beginning, word in SERVING.items() if step.line.startswith(beginning)]
            self._wait(step, process, output, ["…", f"{ready}…"] if ready else [])

    def _wait(self, step: Typed, process: subprocess.Popen[bytes] | Forked, output: Path, shown: list[str]) -> None:
        deadline = time.monotonic() + _SECONDS
        wanted = Typed(step.line, step.place, [*shown, "…"])
        while not self._is_alike(wanted, said := output.read_text(encoding="utf-8", errors="replace")):
            if time.monotonic() > deadline or process.poll() is not None:
                self._compare(wanted, said)
            time.sleep(0.02)  # polls; the deadline decides

    def _stop_serving(self, last: int | None = None) -> None:
        """Wait until each has said what it is shown to say, then end the `last` ones."""
        for step, process, output in self._serving:
            before = step.shown[: step.shown.index(_CTRL_C)] if _CTRL_C in step.shown else step.shown
            self._wait(step, process, output, before)
        for step, process, output in reversed(self._serving[-(last or len(self._serving)) :]):
            process.send_signal(signal.SIGINT)
            process.wait(_SECONDS)
            self._serving.remove((step, process, output))
            if _CTRL_C in step.shown:
                shown = [line for line in step.shown if line != _CTRL_C]
                self._compare(Typed(step.line, step.place, shown), output.read_text(encoding="utf-8"))

    def _install(self, package: str) -> None:
        folder = self.folder / package
        setup = ["setup.py"] if (folder / "setup.py").exists() else ["-c", "import setuptools; setuptools.setup()"]
        subprocess.run(
            [sys.executable, *setup, "-q", "egg_info"], cwd=folder, env=self.environ, check=True, timeout=_SECONDS
        )
        self.environ["PYTHONPATH"] += f"{os.pathsep}{folder}"

    def _uninstall(self, package: str) -> None:
        folder = f"{os.pathsep}{self.folder / package}"
        assert folder in self.environ["PYTHONPATH"], f"{package} was not installed"
        self.environ["PYTHONPATH"] = self.environ["PYTHONPATH"].replace(folder, "")

    def _compare(self, step: Typed, said: str) -> None:
        if not self._is_alike(step, said):
            seen = self._as_shown(said)
            difference = "\n".join(unified_diff(step.shown, seen.splitlines(), "the page", "the terminal", lineterm=""))
            raise AssertionError(f"{step.place}: $ {step.line}\n{difference}\n\nOne sees:\n{seen}")

    def _is_alike(self, step: Typed, said: str) -> bool:
        return bool(re.fullmatch(_pattern(step.shown), _same(self._as_shown(said).rstrip("\n") + "\n")))

    def _as_shown(self, said: str) -> str:
        text = said.replace(str(self.folder), "~/flasky").replace(str(self.port), "6543")
        text = text.replace(str(self.mail_port), "8025")
        return "".join(f"{line.rstrip()}\n" for line in text.splitlines())

    def _here(self, line: str) -> str:
        return line.replace("6543", str(self.port)).replace("8025", str(self.mail_port))

    def _new_file(self, name: str) -> Path:
        self._outputs += 1
        return self.folder.parent / f"{name}-{self._outputs}.txt"

    def stop(self) -> None:
        """End every process that the walk started."""
        for _, process, _ in self._serving:
            process.kill()
            process.wait(10)
        self._warm.stop()


def _copy_compiled(source: Path, target: Path) -> None:
    compiled, copy = (Path(cache_from_source(str(file))) for file in (source, target))
    if compiled.is_file():
        copy.parent.mkdir(exist_ok=True)
        shutil.copy2(compiled, copy)


def _place(line: str) -> tuple[str, str]:
    """The folder that a command is typed in, below that of the project, and the command."""
    begin, _, command = line.partition(" && ")
    return (begin.removeprefix("cd "), command) if begin.startswith("cd ") else ("", line)


def _split(line: str) -> tuple[dict[str, str], list[str]]:
    """The settings in front of a command, and the command."""
    words = shlex.split(line)
    environ = {}
    while re.match(r"[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        environ[name] = value
    return environ, words


def _session(said: str, inputs: list[str]) -> str:
    """Put what was typed behind each prompt: it is not echoed when it does not come from a terminal."""
    begin, *answers = said.split(">>> ")
    typed = [*inputs, ""]
    return begin + "".join(f">>> {line}\n{answer}" for line, answer in zip(typed, answers, strict=True) if line)


def _pattern(shown: list[str]) -> str:
    parts = []
    for line in shown:
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*?".join(map(re.escape, _same(line.rstrip()).split("…"))) + r"\n")
    return "".join(parts) or r"\n?"


def _same(text: str) -> str:
    for pattern, name in _ALIKE:
        text = pattern.sub(name, text)
    return text
