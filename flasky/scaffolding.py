"""Making a new plug-in: the files of flasky/scaffold with the plug-in's name in them."""

from __future__ import annotations

from importlib.metadata import version
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from flasky.ini import CannotStart
from flasky.loader import available
from flasky.plugin import Plugin

#: Each file of the scaffold ends so: they are templates, and no tool takes them for Python or TOML.
_SUFFIX = ".in"


def make_plugin(name: str, parent: Path) -> Path:
    """Make the distribution of a plug-in called `name` in a new folder below `parent`, and return that folder.

    Raises CannotStart for a name that no plug-in can have or that is taken, and when the folder is already there.
    """
    if faults := Plugin(name=name).faults():
        raise CannotStart("; ".join(faults))
    if name in available():
        raise CannotStart(f"A plug-in called {name!r} is installed already. Choose another name.")
    folder = parent / f"flasky-{name.replace('_', '-')}"
    if folder.exists():
        raise CannotStart(f"{folder} is there already. Choose another name, or another place with --path.")
    scaffold = Path(__file__).parent / "scaffold"
    words = _words(name)
    for source in sorted(scaffold.rglob(f"*{_SUFFIX}")):
        target = folder / _filled(source.relative_to(scaffold).as_posix().removesuffix(_SUFFIX), words)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(source.read_text(encoding="utf-8"), words), encoding="utf-8")
    for catalog in folder.rglob("*.po"):
        _compile(catalog)
    return folder


def _words(name: str) -> dict[str, str]:
    major, minor, *_ = version("flasky").split(".")
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
