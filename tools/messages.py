"""Keeps the translations in step with the texts in code and templates.

    python tools/messages.py            extract all texts into the .po files and compile the .mo files
    python tools/messages.py --check    change nothing; say what is missing and exit with status 1

The kernel's texts are in flasky/locale, each shipped plug-in's in its own locale folder. A file is
written only when what it says changes: no dates, no line numbers, no order of extraction in it.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog

from flasky.languages import catalogs
from flasky.languages.catalogs import catalog_path, meaning

__all__ = ["LANGUAGES", "catalog_path", "check", "main", "meaning", "packages", "update"]

ROOT = Path(__file__).resolve().parent.parent
# English is in the code. A language that is added here has to be complete.
LANGUAGES = ("zh",)


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit status: 1 when something is missing, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, only tell what is missing")
    parser.add_argument("--root", type=Path, default=ROOT, help="the top of the project")
    options = parser.parse_args(arguments)
    options.root = options.root.resolve()
    if not options.check:
        for path in update(options.root):
            print(f"Wrote {path.relative_to(options.root)}")
    problems = check(options.root)
    for problem in problems:
        print(problem, file=sys.stderr)
    # After an update what remains is for the translator: not a failure of the command.
    return 1 if problems and options.check else 0


def packages(root: Path) -> Iterator[Path]:
    """Yield every folder with texts and a catalog of its own: the kernel, then each shipped plug-in."""
    kernel = root / "flasky"
    yield kernel
    yield from sorted(path.parent for path in kernel.glob("plugins/*/__init__.py"))


def extract(package: Path) -> Catalog:
    """Return the texts in the code and templates of `package`, for the kernel without those of the plug-ins."""
    kernel = (package / "plugins").is_dir()
    return catalogs.extract(package, lambda folder: not (kernel and folder == package / "plugins"))


def update(root: Path) -> list[Path]:
    """Bring every catalog in step with the code and compile it; return the files that changed."""
    return [path for package in packages(root) for path in catalogs.update(package, extract(package), LANGUAGES)]


def check(root: Path) -> list[str]:
    """Return one line for everything that keeps a language from being complete and compiled."""
    problems = []
    for package in packages(root):
        texts = extract(package)
        for language in LANGUAGES:
            path = catalog_path(package, language)
            if len(texts) or path.exists():
                name = path.relative_to(root)
                for problem in catalogs.problems_of(path, texts, language):
                    remedy = ": run `make messages`" if problem.is_stale else ""
                    problems.append(f"{name}: {problem.text}{remedy}")
    return problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
