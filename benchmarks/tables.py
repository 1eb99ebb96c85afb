"""Printing what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of pairs that were taken in the same round."""
    return median(our / their for our, their in zip(ours, theirs, strict=True))


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], reach: Sequence[str] = ()) -> None:
    """Print a Markdown table, and below it what is to be reached and whether it was."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(map(_text, row)) + " |")
    for line in reach:
        print(f"\n{line}")


def reached(what: str, figure: float, bound: float, *, least: bool = False) -> str:
    """A sentence that says what was measured, what is to be reached, and whether it is."""
    good = figure >= bound if least else figure <= bound
    word = "at least" if least else "at most"
    return f"- {what}: {figure:.2f} ({word} {bound:g}): {'reached' if good else 'NOT reached'}"


def _text(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
