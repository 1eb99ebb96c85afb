"""What axe-core finds wrong with a page in a browser."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

#: Only the findings come back: what the page does right is ten times as much text.
_LOOK = """;
axe.run({resultTypes: ['violations']}).then(
    found => found.violations.flatMap(fault => fault.nodes.map(node => `${fault.id}: ${node.html}`))
)"""
_PROGRAM = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8") + _LOOK


def faults_of(page: Any) -> list[str]:
    """The rules that the page breaks, each with the element.

    The program is put into the page by the browser's own means, as a script in it would be refused.
    """
    found: list[str] = page.evaluate(_PROGRAM)
    return found
