"""The texts of a package and their translations: what is to be translated, and what is wrong with a catalog.

Babel reads the files, so nothing of the package is imported. `make messages` and the conformance suite both ask here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from flasky.languages import DOMAIN

_METHODS = [
    ("**.py", "python"),
    ("**/templates/**.jinja2", "jinja2"),
    ("**/templates/**.html", "jinja2"),
    ("**/templates/**.txt", "jinja2"),
    ("**/templates/**.xml", "jinja2"),
]
# As the templates are rendered: other settings here would extract texts that nobody looks up.
_OPTIONS: dict[str, dict[str, Any]] = {
    pattern: {
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "newstyle_gettext": "true",
        "trimmed": "true",
        "silent": "false",
    }
    for pattern, method in _METHODS
    if method == "jinja2"
}
_SHIPPED = "# Texts of Flasky. Written by `make messages`; translate here, then run it again."
_PLACEHOLDER = re.compile(r"\$\{\w+\}|%\(\w+\)[a-z]")


class Problem(NamedTuple):
    """What is wrong with a catalog; `is_stale` when bringing the files in step with the code (`update`) is the cure."""

    text: str
    is_stale: bool = False


def extract(package: Path, within: Callable[[Path], bool] = lambda _folder: True) -> Catalog:
    """The texts in code and templates of the folder `package`, each with the file and line of its first place.

    `within` says of a folder whether it is looked into.
    """
    found = Catalog(fuzzy=False)
    for name, line, message, comments, context in extract_from_dir(
        package,
        _METHODS,
        _OPTIONS,
        comment_tags=("Translators:",),
        strip_comment_tags=True,
        directory_filter=lambda folder: within(Path(folder)) and not Path(folder).name.startswith((".", "__")),
    ):
        place = (Path(name).as_posix(), line)
        found.add(message, None, [place], auto_comments=comments, context=context)
    return found


def catalog_path(package: Path, language: str) -> Path:
    """Where the translations of `package` into `language` are."""
    return package / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(path: Path, language: str) -> Catalog:
    """The translations in `path`, or none yet when the file does not exist."""
    if not path.exists():
        return Catalog(locale=language, domain=DOMAIN, fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def po_bytes(catalog: Catalog, comment: str = _SHIPPED) -> bytes:
    """The .po file of `catalog`: sorted, with `comment` and only those headers that programs need."""
    content = BytesIO()
    # Without lines: they change with every edit above them.
    write_po(
        content, catalog, width=100, omit_header=True, sort_output=True, ignore_obsolete=True, include_lineno=False
    )
    header = [
        comment,
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
    """The .mo file of `catalog`; fuzzy and missing texts are not in it."""
    # Through the .po: its header is the one without dates.
    content = BytesIO()
    write_mo(content, read_po(BytesIO(po_bytes(catalog)), locale=catalog.locale, domain=DOMAIN))
    return content.getvalue()


def meaning(content: bytes) -> dict[tuple[str | None, tuple[str, ...]], tuple[str, ...]]:
    """What a .mo file says, without its header, which names Babel's version."""
    catalog = read_mo(BytesIO(content))
    return {(message.context, forms(message.id)): forms(message.string) for message in catalog if message.id}


def forms(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """The singular and plural forms of a text; Babel has a plain text for one and a sequence for several."""
    return (text,) if isinstance(text, str) else tuple(text or ())


def update(package: Path, texts: Catalog, languages: Iterable[str], comment: str = _SHIPPED) -> list[Path]:
    """Bring the catalogs of `package` in step with `texts` and compile them; returns the files that changed.

    `comment` is the first line of each .po file.
    """
    written = []
    for language in languages:
        path = catalog_path(package, language)
        if not len(texts) and not path.exists():
            continue
        catalog = read(path, language)
        catalog.update(texts, no_fuzzy_matching=True, update_creation_date=False)
        for file, content in ((path, po_bytes(catalog, comment)), (path.with_suffix(".mo"), mo_bytes(catalog))):
            if not _says(file, content):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                written.append(file)
    return written


def _says(path: Path, content: bytes) -> bool:
    """Whether the file says what `content` says; a .mo may differ in a header that names Babel's version."""
    if not path.exists():
        return False
    if path.suffix == ".mo":
        return meaning(path.read_bytes()) == meaning(content)
    return path.read_bytes() == content


def problems_of(path: Path, texts: Catalog, language: str) -> Iterator[Problem]:
    """Yield what is wrong with the catalog `path`, given the texts that it has to translate."""
    catalog = read(path, language)
    for text in texts:
        if text.id and catalog.get(text.id, text.context) is None:
            file, line = text.locations[0]
            yield Problem(f"{text.id!r} ({file}, line {line}) is not in it", is_stale=True)
    for message in catalog:
        if message.id:
            yield from _problems_of_message(message, texts)
    if not _says(path.with_suffix(".mo"), mo_bytes(catalog)):
        yield Problem("the .mo file beside it is not what it compiles to", is_stale=True)


def _problems_of_message(message: Any, texts: Catalog) -> Iterator[Problem]:
    strings = forms(message.string)
    if texts.get(message.id, message.context) is None:
        yield Problem(f"{message.id!r} is no longer used", is_stale=True)
    elif not all(strings):
        yield Problem(f"{message.id!r} is not translated")
    elif message.fuzzy:
        yield Problem(f"{message.id!r} is marked fuzzy: check the translation and remove the mark")
    else:
        # Chinese has one form for singular and plural: it has to hold what the plural holds.
        last = forms(message.id)[-1]
        expected = set(_PLACEHOLDER.findall(last))
        for string in strings:
            if set(_PLACEHOLDER.findall(string)) != expected:
                wanted = ", ".join(sorted(expected)) or "none"
                yield Problem(f"{string!r} must have the placeholders of {last!r}: {wanted}")
