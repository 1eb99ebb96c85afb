"""Keeps the translations in step with the texts in code and templates.

    python tools/messages.py            extract all texts into the .po files and compile the .mo files
    python tools/messages.py --check    change nothing; say what is missing and exit with status 1

The kernel's texts are in flasky/locale, each shipped plug-in's in its own locale folder. A file is
written only when what it says changes: no dates, no line numbers, no order of extraction in it.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
DOMAIN = "flasky"
# English is in the code. A language that is added here has to be complete.
LANGUAGES = ("zh",)
METHODS = [
    ("**.py", "python"),
    ("**/templates/**.jinja2", "jinja2"),
    ("**/templates/**.html", "jinja2"),
    ("**/templates/**.txt", "jinja2"),
    ("**/templates/**.xml", "jinja2"),
]
# As the templates are rendered: other settings here would extract texts that nobody looks up.
OPTIONS = {
    "**/templates/**" + suffix: {
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "newstyle_gettext": "true",
        "trimmed": "true",
        "silent": "false",
    }
    for suffix in (".jinja2", ".html", ".txt", ".xml")
}
COMMENT = "# Texts of Flasky. Written by `make messages`; translate here, then run it again."
PLACEHOLDER = re.compile(r"\$\{\w+\}|%\(\w+\)[a-z]")


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
    found = Catalog(fuzzy=False)
    for name, _line, message, comments, context in extract_from_dir(
        package,
        METHODS,
        OPTIONS,
        comment_tags=("Translators:",),
        strip_comment_tags=True,
        directory_filter=lambda folder: (
            not (kernel and Path(folder) == package / "plugins") and not Path(folder).name.startswith((".", "__"))
        ),
    ):
        # The file, without the line: a line number changes with every edit above it.
        found.add(message, None, [(Path(name).as_posix(), None)], auto_comments=comments, context=context)
    return found


def catalog_path(package: Path, language: str) -> Path:
    """Return where the translations of `package` into `language` are."""
    return package / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def update(root: Path) -> list[Path]:
    """Bring every catalog in step with the code and compile it; return the files that changed."""
    written = []
    for package in packages(root):
        texts = extract(package)
        for language in LANGUAGES:
            path = catalog_path(package, language)
            if not len(texts) and not path.exists():
                continue
            catalog = read(path, language)
            catalog.update(texts, no_fuzzy_matching=True, update_creation_date=False)
            for file, content in ((path, po_bytes(catalog)), (path.with_suffix(".mo"), mo_bytes(catalog))):
                if not says(file, content):
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content)
                    written.append(file)
    return written


def read(path: Path, language: str) -> Catalog:
    """Return the translations in `path`, or none yet when the file does not exist."""
    if not path.exists():
        return Catalog(locale=language, domain=DOMAIN, fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def po_bytes(catalog: Catalog) -> bytes:
    """Return the .po file of `catalog`: sorted, with only those headers that programs need."""
    content = BytesIO()
    write_po(content, catalog, width=100, omit_header=True, sort_output=True, ignore_obsolete=True)
    header = [
        COMMENT,
        'msgid ""',
        'msgstr ""',
        f'"Language: {catalog.locale}\\n"',
        '"MIME-Version: 1.0\\n"',
        '"Content-Type: text/plain; charset=utf-8\\n"',
        '"Content-Transfer-Encoding: 8bit\\n"',
        f'"Plural-Forms: {catalog.plural_forms}\\n"',
    ]
    return "\n".join(header).encode() + b"\n\n" + content.getvalue().strip() + b"\n"


def mo_bytes(catalog: Catalog) -> bytes:
    """Return the .mo file of `catalog`; fuzzy and missing texts are not in it."""
    # Through the .po: its header is the one without dates.
    content = BytesIO()
    write_mo(content, read_po(BytesIO(po_bytes(catalog)), locale=catalog.locale, domain=DOMAIN))
    return content.getvalue()


def says(path: Path, content: bytes) -> bool:
    """Tell whether the file says what `content` says; a .mo may differ in a header that names Babel's version."""
    if not path.exists():
        return False
    if path.suffix == ".mo":
        return meaning(path.read_bytes()) == meaning(content)
    return path.read_bytes() == content


def meaning(content: bytes) -> dict[tuple[str | None, tuple[str, ...]], tuple[str, ...]]:
    """Return what a .mo file says, without its header."""
    catalog = read_mo(BytesIO(content))
    return {(message.context, forms(message.id)): forms(message.string) for message in catalog if message.id}


def forms(text: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return the singular and plural forms of a text; Babel has a plain text for one and a sequence for several."""
    return (text,) if isinstance(text, str) else tuple(text)


def check(root: Path) -> list[str]:
    """Return one line for everything that keeps a language from being complete and compiled."""
    problems = []
    for package in packages(root):
        texts = extract(package)
        for language in LANGUAGES:
            path = catalog_path(package, language)
            if len(texts) or path.exists():
                name = path.relative_to(root)
                problems += [f"{name}: {problem}" for problem in problems_of(path, texts, language)]
    return problems


def problems_of(path: Path, texts: Catalog, language: str) -> Iterator[str]:
    """Yield what is wrong with one catalog, given the texts that it has to translate."""
    catalog = read(path, language)
    for text in texts:
        if text.id and catalog.get(text.id, text.context) is None:
            yield f"{text.id!r} ({text.locations[0][0]}) is not in it: run `make messages`, then translate it"
    for message in catalog:
        if message.id:
            yield from problems_of_message(message, texts)
    if not says(path.with_suffix(".mo"), mo_bytes(catalog)):
        yield "the .mo file beside it is not what it compiles to: run `make messages`"


def problems_of_message(message: Message, texts: Catalog) -> Iterator[str]:
    """Yield what is wrong with one translation."""
    strings = forms(message.string)
    if texts.get(message.id, message.context) is None:
        yield f"{message.id!r} is no longer used: run `make messages`"
    elif not all(strings):
        yield f"{message.id!r} is not translated"
    elif message.fuzzy:
        yield f"{message.id!r} is marked fuzzy: check the translation and remove the mark"
    else:
        # Chinese has one form for singular and plural: it has to hold what the plural holds.
        last = forms(message.id)[-1]
        expected = set(PLACEHOLDER.findall(last))
        for string in strings:
            if set(PLACEHOLDER.findall(string)) != expected:
                yield f"{string!r} must have the placeholders of {last!r}: {', '.join(sorted(expected)) or 'none'}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
