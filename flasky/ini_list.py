"""Changing the list of plug-ins in an INI file, and nothing else in it: comments and layout stay."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from flasky.ini import APP_SECTION, CannotStart

_KEY = re.compile(r"(?:set\s+)?flasky\.plugins\s*[=:]")
_LEADING_COMMA = re.compile(r"^[ \t]*,[ \t]*")
_HEADING = re.compile(r"\[(?P<name>[^\]]+)\]")


def with_plugin(text: str, name: str) -> str:
    """The INI file `text` with `name` at the end of its list of plug-ins. Raises CannotStart if it has no list."""
    lines = text.splitlines(keepends=True)
    last = _value_lines(lines)[-1]
    bare = lines[last].rstrip("\r\n")
    ending = lines[last][len(bare) :]
    if _KEY.match(bare):
        added = f" {name}"
    else:
        indent = bare[: len(bare) - len(bare.lstrip())]
        added = f"{ending or os.linesep}{indent}{name}"
    lines[last] = f"{bare.rstrip()}{added}{ending}"
    return "".join(lines)


def without_plugin(text: str, name: str) -> str:
    """The INI file `text` without `name` in its list of plug-ins. Raises CannotStart if it has no list."""
    lines = text.splitlines(keepends=True)
    word = re.compile(rf"(?:[ \t]*,)?[ \t]*(?<![\w.]){re.escape(name)}(?![\w.])")
    for number in _value_lines(lines):
        key = _KEY.match(lines[number])
        start = key.end() if key else 0
        before, value = lines[number][:start], lines[number][start:]
        changed = _LEADING_COMMA.sub(" ", word.sub("", value)) if word.search(value) else value
        # A line of its own goes as a whole; the line of the key stays.
        lines[number] = "" if value != changed and not key and not changed.strip() else before + changed
    return "".join(lines)


def _value_lines(lines: list[str]) -> list[int]:
    """The numbers of the lines in which the value of the list stands."""
    section = ""
    found: list[int] = []
    for number, line in enumerate(lines):
        if heading := _HEADING.match(line):
            section = heading["name"]
            if found:
                break
        elif found and line[:1] in " \t" and line.strip():
            if line.strip()[0] not in "#;":
                found.append(number)
        elif found and line.strip() and line[0] not in "#;":
            break
        elif section == APP_SECTION and _KEY.match(line):
            found.append(number)
    if not found:
        raise CannotStart(f"[{APP_SECTION}] has no line `flasky.plugins = …`. Add one.")
    return found


def replace_file(path: Path, text: str) -> None:
    """Put `text` in the place of the file at once, with the same permissions: nobody ever reads half of it."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    shutil.copymode(path, name)
    Path(name).replace(path)
