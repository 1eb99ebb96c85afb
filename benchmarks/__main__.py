"""`python -m benchmarks [NAME …]`: run the measurements, all or the named ones, and print their tables.

`python -m benchmarks everything` runs them for each database and size that docs/performance.md has a column for.
"""

from __future__ import annotations

import sys
from importlib import import_module

#: Each a module with a function `run()` that prints its table.
MEASUREMENTS = ("pages", "start", "members", "blog", "large", "writers", "plugins", "plugins_measuring")
EVERYTHING = "everything"


def main(names: list[str]) -> int:
    """Run the measurements called `names`, all if none is named; returns the exit status."""
    unknown = [name for name in names if name not in (*MEASUREMENTS, EVERYTHING)]
    if unknown:
        print(
            f"There is no measurement called {', '.join(unknown)}. There are: {', '.join((*MEASUREMENTS, EVERYTHING))}"
        )
        return 2
    for name in names or MEASUREMENTS:
        import_module(f"benchmarks.{name}").run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
