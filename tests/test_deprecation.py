"""What goes warns first: the author of a plug-in is told where, what to write, and until when."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made_plugins import make_plugin

from flasky.deprecation import warn_deprecated


def add_thing(_config: Any) -> None:
    """Stands for a directive that goes."""
    warn_deprecated("config.add_thing(…)", "config.add_other(…)", gone_in="0.3")


class Config:
    """Stands for the configurator, which calls it for the plug-in."""

    def add_thing(self) -> None:
        """Call the directive."""
        add_thing(self)


def test_a_plug_in_that_uses_what_goes_is_named_with_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = make_plugin(tmp_path, "elderly", "config.add_thing()\nconfig.add_thing()")
    monkeypatch.syspath_prepend(tmp_path)
    includeme = importlib.import_module("flasky_elderly").includeme
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        includeme(Config())
        includeme(Config())
    lines = (package / "__init__.py").read_text().splitlines()
    first = lines.index("    config.add_thing()") + 1
    # Once for each place.
    assert [(item.category, item.filename, item.lineno) for item in caught] == [
        (DeprecationWarning, str(package / "__init__.py"), line) for line in (first, first + 1)
    ]
    assert str(caught[0].message) == (
        f"{package / '__init__.py'}, line {first}: the plug-in 'elderly' 1 uses config.add_thing(…), "
        "which goes in Flasky 0.3: write config.add_other(…)"
    )


def test_without_a_plug_in_it_is_the_place_that_calls_flasky() -> None:
    with pytest.warns(DeprecationWarning, match=r"test_deprecation\.py, line \d+: the site's own code uses") as caught:
        add_thing(None)
    assert caught[0].filename == __file__


def test_the_plug_in_that_has_what_is_deprecated_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the accounts offer to other plug-ins may go as well."""
    offered: dict[str, Any] = {"__name__": "flasky.plugins.accounts.offered", "warn_deprecated": warn_deprecated}
    exec(  # noqa: S102 - stands for a module of the plug-in
        "def old():\n    warn_deprecated('accounts.old', 'accounts.new', gone_in='0.3')\ndef older():\n    old()\n",
        offered,
    )
    package = make_plugin(tmp_path, "relying", "config.older()")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.warns(DeprecationWarning, match=r"the plug-in 'relying' 1 uses accounts\.old") as caught:
        importlib.import_module("flasky_relying").includeme(SimpleNamespace(older=offered["older"]))
    assert caught[0].filename == str(package / "__init__.py")
