"""Making a new plug-in: the files of flasky/scaffold with the plug-in's name in them."""

from __future__ import annotations

import json
from email.utils import parseaddr
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from flasky.ini import CannotStart
from flasky.loader import available
from flasky.plugin import Plugin
from flasky.versions import version_of

#: Each file of the scaffold ends so: they are templates, and no tool takes them for Python or TOML.
_SUFFIX = ".in"


#: What fits into a line of the files below, where it stands between other words.
_LONGEST_WORDS = 80
_DEFAULT_LICENCE = "MIT"


def make_plugin(
    name: str, parent: Path, *, description: str = "", author: str = "", licence: str = _DEFAULT_LICENCE
) -> Path:
    """Make the distribution of a plug-in called `name` in a new folder below `parent`, and return that folder.

    `description` is one line (the plug-in's name if nothing is said), `author` a name, with a mail address in angle
    brackets or without, or nothing; `licence` an SPDX expression. Raises CannotStart for a name that no plug-in can
    have or that is taken, when the folder is already there, and for words that are no short line.
    """
    for said in (description, author, licence):
        if len(said) > _LONGEST_WORDS or not said.isprintable():
            raise CannotStart(f"Expected one line of at most {_LONGEST_WORDS} characters, not {said!r}.")
    if faults := Plugin(name=name).faults():
        raise CannotStart("; ".join(faults))
    if name in available():
        raise CannotStart(f"A plug-in called {name!r} is installed already. Choose another name.")
    folder = parent / f"flasky-{name.replace('_', '-')}"
    if folder.exists():
        raise CannotStart(f"{folder} is there already. Choose another name, or another place with --path.")
    scaffold = Path(__file__).parent / "scaffold"
    words = {**_words(name), **_about(name, description, author, licence)}
    for source in sorted(scaffold.rglob(f"*{_SUFFIX}")):
        target = folder / _filled(source.relative_to(scaffold).as_posix().removesuffix(_SUFFIX), words)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(source.read_text(encoding="utf-8"), words), encoding="utf-8")
    for catalog in folder.rglob("*.po"):
        _compile(catalog)
    return folder


def _words(name: str) -> dict[str, str]:
    major, minor, *_ = version_of("flasky").split(".")
    # Before 1.0 a minor version may break what it promised before (docs/plugins/contract.md).
    limit = f"{major}.{int(minor) + 1}" if major == "0" else str(int(major) + 1)
    return {
        "@name@": name,
        "@package@": f"flasky_{name}",
        "@dist@": f"flasky-{name.replace('_', '-')}",
        "@Name@": name.replace("_", " ").capitalize(),
        "@Class@": "".join(part.capitalize() for part in name.split("_")),
        "@flasky@": f">={major}.{minor},<{limit}",
    }


def _about(name: str, description: str, author: str, licence: str) -> dict[str, str]:
    """What stands in the files as a quoted text: JSON's is also Python's and TOML's."""
    what = description or f"{name.replace('_', ' ').capitalize()}."
    person, address = parseaddr(author)
    who = {"name": person or author, "email": address if person else ""}
    shown = ", ".join(f"{key} = {_quoted(value)}" for key, value in who.items() if value)
    return {
        "@description@": _quoted(what),
        # As ruff writes it.
        "@described@": repr(what) if '"' in what else _quoted(what),
        "@licence@": _quoted(licence),
        "@authors@": f"authors = [{{ {shown} }}]\n" if author else "",
    }


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _filled(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _compile(catalog: Path) -> None:
    with catalog.open("rb") as source:
        messages = read_po(source, locale=catalog.parts[-3])
    compiled = BytesIO()
    write_mo(compiled, messages)
    catalog.with_suffix(".mo").write_bytes(compiled.getvalue())
