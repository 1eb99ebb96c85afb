"""Versions of installed distributions, each read once: Python parses the whole description of a package each time."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def version_of(distribution: str) -> str:
    """The version that this process runs, whatever is installed meanwhile. Raises PackageNotFoundError."""
    return metadata.version(distribution)
