"""Plug-ins that a test makes up: a package and what pip would have noted of it, in a folder on the path."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path


def make_plugin(folder: Path, name: str, includeme: str, *, top: str = "", declaration: str = "") -> Path:
    """Write the plug-in `name` as the package `flasky_<name>` below `folder`, which is on the path; returns its folder.

    `includeme` is the body of its includeme, `top` stands before it, `declaration` are further arguments of Plugin.
    Another of that name, which an earlier test made, is forgotten.
    """
    package = folder / f"flasky_{name}"
    for module in [name for name in sys.modules if name.partition(".")[0] == package.name]:
        del sys.modules[module]
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from flasky.languages import _\nfrom flasky.plugin import Plugin\n"
        f"plugin = Plugin(name={name!r}, {declaration})\n{textwrap.dedent(top).strip()}\n"
        f"def includeme(config):\n{textwrap.indent(textwrap.dedent(includeme).strip(), '    ')}\n    return\n"
    )
    info = folder / f"flasky_{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: flasky-{name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[flasky.plugins]\n{name} = flasky_{name}:plugin\n")
    return package
