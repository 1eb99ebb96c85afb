"""Checks on mails, for the tests of a site and of a plug-in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pyramid.registry import Registry

from flasky.languages import LANGUAGES
from flasky.mail.declarations import DeclaredMail, declared_mails
from flasky.mail.rendering import render_sample
from flasky.templating import template_folders

#: Where a plug-in's mail templates are, inside its folder of templates; `layout` is what they extend.
_FOLDER = "mail"
_NOT_MAILS = frozenset({"layout"})


def assert_every_mail_renders(registry: Registry) -> None:
    """Render every mail of the site with its sample, in each language; raises AssertionError with all that fails.

    A template under ``mail/`` that no plug-in declares is a failure too: nobody could look at it in the preview.
    """
    problems = [
        *(
            f"{mail.template} of {mail.package} {problem}"
            for mail, problem in problems_of_mails(registry, declared_mails(registry))
        ),
        *(
            f"{template} of {owner} is not declared: config.add_mail({template!r}, subject, sample={{…}})"
            for owner, template, _file in undeclared_mails(registry)
        ),
    ]
    assert not problems, "\n".join(problems)  # noqa: S101 - this is a check for tests


def problems_of_mails(registry: Registry, mails: Iterable[DeclaredMail]) -> Iterator[tuple[DeclaredMail, str]]:
    """Each of `mails` that cannot be rendered with its sample in one of the languages, and why."""
    for mail in mails:
        for language in LANGUAGES:
            try:
                rendered = render_sample(registry, mail, language)
            except Exception as error:  # noqa: BLE001 - whatever a template raises is what is reported
                yield mail, f"in {language}: {type(error).__name__}: {error}"
                continue
            if not (rendered.text.strip() and rendered.html.strip()):
                yield mail, f"in {language}: a part is empty"
            if "${" in rendered.subject:
                yield mail, f"in {language}: the sample lacks a value of the subject"


def undeclared_mails(registry: Registry) -> list[tuple[str, str, Path]]:
    """Templates of mails that nobody declares: whose, the mail's name, and its file (one of the two)."""
    declared = {mail.template for mail in declared_mails(registry)}
    found = {
        (owner, f"{_FOLDER}/{file.stem}"): file
        for owner, folder in template_folders(registry)
        for suffix in ("txt", "html")
        for file in (folder / _FOLDER).glob(f"*.{suffix}")
        if file.stem not in _NOT_MAILS
    }
    return [(owner, name, file) for (owner, name), file in sorted(found.items()) if name not in declared]
