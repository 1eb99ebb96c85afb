"""Every rule, in the order in which they are told, and all of them at once."""

from __future__ import annotations

from flasky.conformance import declaration, life, schema, wheel
from flasky.conformance.rule import Outcome, Rule
from flasky.conformance.subject import Subject

RULES: tuple[Rule, ...] = (
    declaration.START,
    declaration.IMPORT,
    declaration.TARGETS,
    declaration.NAMES,
    declaration.SETTINGS,
    declaration.PERMISSIONS,
    declaration.MAILS,
    declaration.TRANSLATIONS,
    schema.MODELS,
    schema.MIGRATIONS,
    life.DISABLED,
    life.REMOVED,
    wheel.WHEEL,
)

#: What may come out differently on another kind of database.
RULES_OF_DATABASES: tuple[Rule, ...] = (schema.MODELS, schema.MIGRATIONS, life.DISABLED, life.REMOVED)


def check(subject: Subject) -> list[Outcome]:
    """What comes out for each rule. The subject stays open."""
    return [rule.check(subject) for rule in RULES]
