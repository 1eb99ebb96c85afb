"""Fixtures that plug-ins bring for the tests of other plug-ins (`Plugin.fixtures`)."""

from __future__ import annotations

from importlib import import_module

import pytest
from _pytest.fixtures import FixtureFunctionDefinition

from flasky.loader import available, load


def load_fixtures(config: pytest.Config) -> None:
    """Register the fixtures of every installed plug-in; what is wrong with one is a warning that names it."""
    for name, entry in available().items():
        try:
            module = load(entry).plugin.fixtures
            if module is None or config.pluginmanager.has_plugin(module):
                continue
            # Before `misnamed` imports it: pytest warns of a plug-in whose assertions it can no longer rewrite.
            pytest.register_assert_rewrite(module)
            if wrong := misnamed(name, module):
                raise ValueError(f"their names must begin with {name}_: {', '.join(wrong)}")
            config.pluginmanager.import_plugin(module)
        except Exception as error:  # noqa: BLE001 - a stranger's package must not stop the tests of everybody else
            text = f"the fixtures of the plug-in {name} cannot be used: {type(error).__name__}: {error}"
            config.issue_config_time_warning(pytest.PytestConfigWarning(text), stacklevel=1)


def misnamed(plugin: str, module: str) -> list[str]:
    """The fixtures of `module` whose names could be another plug-in's."""
    found = vars(import_module(module)).values()
    names = [item.name for item in found if isinstance(item, FixtureFunctionDefinition)]
    return sorted(name for name in names if not name.startswith(f"{plugin}_"))
