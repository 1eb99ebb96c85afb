"""Identity values: what other plug-ins want to know of whoever is signed in, read by the statement that says who it is.

A page that shows such a value, the number of unread notices in the navbar say, needs no statement of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.registry import Registry
from sqlalchemy import ColumnElement, ScalarSelect

from flasky.extension_points import ExtensionPoint
from flasky.plugins.accounts.models import User
from flasky.settings import Fault

VALUES = ExtensionPoint("accounts.identity_values", "identity value")

#: Given the column with the member's id, the subquery for one value.
Value = Callable[[Any], ScalarSelect[Any]]


def add_identity_value(config: Configurator, name: str, value: Value | str) -> None:
    """Directive `config.add_identity_value("polls.open", open_polls)`: read by `request.identity.values["polls.open"]`.

    `value` is a function, or its dotted name, that takes the column with the member's id and returns a scalar subquery.
    It is a part of every page of every member: it must look at a bounded number of rows, found by an index.
    """
    if "." not in name:
        # The columns of the statement have names without one.
        raise ConfigurationError(f"{config.package_name}: call the identity value {name!r} plug-in.name")
    VALUES.contribute(config, name, config.maybe_dotted(value))


def identity_columns(registry: Registry) -> dict[str, ColumnElement[Any]]:
    """The column of each value, by its name."""
    return {name: value(User.id).label(name) for name, value in VALUES.contributions(registry).items()}


def faults_of_values(registry: Registry) -> list[Fault]:
    """Values that are no scalar subquery: no member could be known with one of them."""
    faults = []
    for name, value in VALUES.contributions(registry).items():
        made = value(User.id)
        if not isinstance(made, ScalarSelect):
            problem = f"is {type(made).__name__}, not a scalar subquery"
            faults.append(VALUES.fault(registry, name, problem, "Return select(…).scalar_subquery()"))
    return faults


def includeme(config: Configurator) -> None:
    """Add the directive and its check."""
    config.add_extension_point(VALUES, add_identity_value)
    config.add_start_check(faults_of_values)
