"""Extension points: what plug-ins contribute to one another, whose it is, and what is wrong with it."""

from __future__ import annotations

import pytest
from made_plugins import make_plugin

from flasky.extension_points import extension_points
from flasky.ownership import contributions
from flasky.settings import ConfigurationFaults

HOST = """
from flasky.extension_points import ExtensionPoint
KINDS = ExtensionPoint("{name}.kinds", "kind of poll")
def add_{name}_kind(config, name, count):
    KINDS.contribute(config, name, count)
"""


@pytest.fixture(autouse=True)
def _path(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)


def host(tmp_path, name: str) -> None:
    make_plugin(tmp_path, name, f"config.add_extension_point(KINDS, add_{name}_kind)", top=HOST.format(name=name))


def test_a_plug_in_contributes_to_another_and_it_is_listed_whose_it_is(make_app, tmp_path) -> None:
    host(tmp_path, "xhost")
    make_plugin(tmp_path, "xguest", "config.add_xhost_kind('best', max)", declaration="requires=('xhost',)")
    registry = make_app(flasky__plugins="xguest xhost main").registry
    assert extension_points(registry)["xhost.kinds"].contributions(registry) == {"best": max}
    found = {(item.plugin, item.kind, item.name) for item in contributions(registry)}
    assert {("xhost", "extension point", "xhost.kinds"), ("xguest", "kind of poll", "best")} <= found
    bare = make_app(flasky__plugins="xhost main").registry
    assert extension_points(bare)["xhost.kinds"].contributions(bare) == {}


def test_two_of_one_name_are_a_fault_that_names_both(make_app, tmp_path) -> None:
    host(tmp_path, "yhost")
    for name in ("yone", "ytwo"):
        make_plugin(tmp_path, name, "config.add_yhost_kind('best', max)", declaration="requires=('yhost',)")
    with pytest.raises(ConfigurationFaults, match=r"the kind of poll 'best' is claimed by yone \(.*\) and by ytwo"):
        make_app(flasky__plugins="yhost yone ytwo main")


@pytest.mark.parametrize("taken", ["add_slot", "add_route"])
def test_a_directive_that_there_is_already_is_not_replaced(make_app, tmp_path, taken: str) -> None:
    name = f"z{taken.removeprefix('add_')}"
    body = f"from flasky.extension_points import ExtensionPoint\ndef {taken}(config): pass\n"
    make_plugin(tmp_path, name, f"{body}config.add_extension_point(ExtensionPoint('{name}.x', 'x'), {taken})")
    with pytest.raises(ConfigurationFaults, match=f"there is a directive '{taken}' already"):
        make_app(flasky__plugins=f"main {name}")
