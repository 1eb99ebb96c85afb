"""Checks on mails, for the tests of a site and of a plug-in."""

from __future__ import annotations

from pathlib import Path

from pyramid.registry import Registry

from flasky.languages import LANGUAGES
from flasky.mail.declarations import declared_mails
from flasky.mail.rendering import render_sample
from flasky.templating import template_folders

#: Where a plug-in's mail templates are, inside its folder of templates; `layout` is what they extend.
_FOLDER = "mail"
_NOT_MAILS = frozenset({"layout"})


def assert_every_mail_renders(registry: Registry) -> None:
    """Render every mail of the site with its sample, in each language; raises AssertionError with all that fails.

    A template under ``mail/`` that no plug-in declares is a failure too: nobody could look at it in the preview.
    """
    problems = []
    for mail in declared_mails(registry):
        for language in LANGUAGES:
            try:
                rendered = render_sample(registry, mail, language)
            except Exception as error:  # noqa: BLE001 - whatever a template raises is what is reported
                problems.append(f"{mail.template} of {mail.package} in {language}: {type(error).__name__}: {error}")
                continue
            if not (rendered.text.strip() and rendered.html.strip()):
                problems.append(f"{mail.template} of {mail.package} in {language}: a part is empty")
            if "${" in rendered.subject:
                problems.append(
                    f"{mail.template} of {mail.package} in {language}: the sample lacks a value of the subject"
                )
    problems.extend(_undeclared(registry))
    assert not problems, "\n".join(problems)  # noqa: S101 - this is a check for tests


def _undeclared(registry: Registry) -> list[str]:
    declared = {mail.template for mail in declared_mails(registry)}
    found = {
        (owner, f"{_FOLDER}/{Path(file.name).stem}")
        for owner, folder in template_folders(registry)
        for suffix in ("txt", "html")
        for file in (folder / _FOLDER).glob(f"*.{suffix}")
        if file.stem not in _NOT_MAILS
    }
    return [
        f"{template} of {owner} is not declared: config.add_mail({template!r}, subject, sample={{…}})"
        for owner, template in sorted(found)
        if template not in declared
    ]
