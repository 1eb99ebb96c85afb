"""The examples of a documentation page as a plug-in of its own.

Every page writes of a plug-in `polls`; here each is called something else, so that all of them run in one site. A block
of Python without a file name stands in `includeme`; one whose first line names a file (`# flasky_polls/views.py`) is
that file, or goes on with it. Blocks marked `text` or `console` are not the plug-in's.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

BLOCK = re.compile(r"^```(python|jinja|css|po)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"(?:# |\{# |/\* )((?:flasky_polls|tests)/\S+)")
SIGNATURE = re.compile(r"^```text\n(config\.\w+\(.*?\))\n```$", re.DOTALL | re.MULTILINE)


def name_of(page: Path) -> str:
    """The plug-in that a page's examples are run as."""
    return f"polls_{page.stem}"


def blocks(page: Path, text: str = "") -> dict[str, str]:
    """The examples of a page by file, `includeme` for those without one; with the page's own name of the plug-in."""
    name = name_of(page)
    found: dict[str, str] = {}
    for _language, block in BLOCK.findall(text or page.read_text(encoding="utf-8")):
        first, _, rest = block.partition("\n")
        file = FILE.match(first)
        code = rest if file else block
        if first == "def includeme(config):":
            code = textwrap.dedent(rest)
        own = re.sub(r"\bPoll\b", f"Poll{name.title().replace('_', '')}", code)
        key = file[1].replace("polls", name) if file else "includeme"
        found[key] = found.get(key, "") + own.replace("polls", name)
    return found


def install(page: Path, folder: Path, text: str = "") -> str:
    """Install the plug-in of a page into `folder`, as pip would have, and return its name."""
    name = name_of(page)
    files = blocks(page, text)
    package = f"flasky_{name}"
    body = textwrap.indent(files.pop("includeme", ""), "    ")
    declared = f"from flasky.plugin import Plugin\n\nplugin = Plugin({name!r}, after=('main', 'accounts'))\n"
    beginning = files.pop(f"{package}/__init__.py", "")
    if "def includeme" not in beginning:
        beginning += f"{'' if 'plugin = ' in beginning else declared}\n\ndef includeme(config):\n{body}    return\n"
    files[f"{package}/__init__.py"] = f"from flasky.languages import _\n{beginning}"
    for file, content in files.items():
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
        if target.suffix == ".po":
            with target.open("rb") as source, target.with_suffix(".mo").open("wb") as compiled:
                write_mo(compiled, read_po(source, locale="zh"))
    info = folder / f"{package}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[flasky.plugins]\n{name} = {package}:plugin\n")
    return name
