"""Plug-ins: found by entry points, enabled by the INI file, put into one order, every fault told at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

from flasky.loader import available, declarations, resolve_plugins, rivals
from flasky.plugin import ENTRY_POINT_GROUP, RESERVED_NAMES, Plugin
from flasky.settings import Setting

Make = Callable[..., None]


@pytest.fixture
def make_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A function that installs a plug-in: a package and the metadata that pip would have written."""
    monkeypatch.syspath_prepend(tmp_path)
    packages = []

    def make(name: str, arguments: str = "", before: str = "", includeme: bool = True, offered_as: str = "") -> None:
        package = f"sample_{name}"
        packages.append(package)
        (tmp_path / package).mkdir()
        source = f"from flasky.plugin import Plugin\n{before}\nplugin = Plugin(name={name!r}, {arguments})\n"
        if includeme:
            source += "def includeme(config):\n    pass\n"
        (tmp_path / package / "__init__.py").write_text(source, encoding="utf-8")
        metadata = tmp_path / f"{package}-2.5.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.5\n", encoding="utf-8")
        entry = f"[flasky.plugins]\n{offered_as or name} = {package}:plugin\n"
        (metadata / "entry_points.txt").write_text(entry, encoding="utf-8")

    yield make
    for package in packages:
        sys.modules.pop(package, None)


def names_of(*listed: str) -> list[str]:
    """The order in which `listed` come; there must be no fault."""
    plugins, faults = resolve_plugins(listed, "site.ini")
    assert faults == []
    return [item.name for item in plugins]


def faults_of(*listed: str) -> list[str]:
    """The faults of `listed` as people read them."""
    return [str(fault) for fault in resolve_plugins(listed, "site.ini")[1]]


def test_parity_9_what_ships_is_found_like_a_strangers(make_plugin: Make) -> None:
    """`main` and `accounts` come through the entry points that a third party's plug-in comes through."""
    make_plugin("polls", 'description="Polls."')
    assert {"main", "accounts", "polls"} <= set(available())
    (item,) = declarations(["polls"])
    assert (item.name, item.version, item.distribution, item.package) == (
        "polls",
        "2.5",
        "sample_polls",
        "sample_polls",
    )


def test_what_is_installed_once_more_further_back_does_not_count(
    make_plugin: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python imports what it finds first, whatever an older copy of the same distribution offers."""
    make_plugin("polls")
    older = tmp_path / "older" / "sample_polls-1.0.dist-info"
    older.mkdir(parents=True)
    (older / "METADATA").write_text("Metadata-Version: 2.1\nName: Sample.Polls\nVersion: 1.0\n", encoding="utf-8")
    (older / "entry_points.txt").write_text("[flasky.plugins]\npolls = gone:plugin\n", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(older.parent)])
    assert names_of("polls") == ["polls"]
    assert available()["polls"].value == "sample_polls:plugin"


@pytest.mark.parametrize("folder", ["sample_polls-3.0.dist-info", "Sample.Polls-3.0-py3.11.egg-info", "egg"])
def test_a_newer_one_without_plugins_hides_what_an_older_one_further_back_offers(
    make_plugin: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """Its modules are not those that would be imported; that is so for what describes itself inside of an egg, too."""
    make_plugin("polls")
    newer = tmp_path / "newer" / folder
    if folder == "egg":
        newer = tmp_path / "newer" / "sample_polls-3.0-py3.11.egg" / "EGG-INFO"
    newer.mkdir(parents=True)
    described = "Metadata-Version: 2.1\nName: Sample.Polls\nVersion: 3.0\n"
    (newer / ("METADATA" if folder.endswith("dist-info") else "PKG-INFO")).write_text(described, encoding="utf-8")
    place = newer.parent if folder == "egg" else tmp_path / "newer"
    assert "polls" in available()
    monkeypatch.syspath_prepend(place)
    assert "polls" not in available()
    # As Python itself says.
    assert "polls" not in {entry.name for entry in entry_points(group=ENTRY_POINT_GROUP)}


def test_what_is_installed_by_halves_stops_no_site(make_plugin: Make, tmp_path: Path) -> None:
    """Without METADATA nobody knows a distribution's version; its name is that of its folder."""
    make_plugin("polls")
    (tmp_path / "sample_polls-2.5.dist-info" / "METADATA").unlink()
    broken = tmp_path / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "entry_points.txt").write_text("[flasky.plugins]\nwidget = gone:plugin\n", encoding="utf-8")
    assert names_of("main", "polls") == ["main", "polls"]
    assert {"widget", "polls"} <= set(available())
    (polls,) = declarations(["polls"])
    assert (polls.distribution, polls.version) == ("sample-polls", "")
    (fault,) = faults_of("main", "widget")
    assert "the plug-in 'widget' (gone:plugin) cannot be loaded: ModuleNotFoundError" in fault
    (broken / "entry_points.txt").write_text("[flasky.plugins]\npolls = gone:plugin\n", encoding="utf-8")
    assert rivals() == {"polls": ("broken", "sample-polls")}


def test_a_name_that_two_distributions_offer_is_a_fault_once_it_is_enabled(make_plugin: Make) -> None:
    """Which of them Python finds first is nobody's decision."""
    make_plugin("polls")
    make_plugin("votes", offered_as="polls")
    assert names_of("main") == ["main"]
    said = "site.ini, key flasky.plugins: the plug-in 'polls' is offered by sample_polls 2.5 and by sample_votes 2.5. "
    assert f"{said}Uninstall all but one of them (pip uninstall)" in faults_of("main", "polls")
    assert rivals() == {"polls": ("sample_polls 2.5", "sample_votes 2.5")}


def test_installing_switches_nothing_on(make_plugin: Make) -> None:
    make_plugin("polls")
    assert names_of("main") == ["main"]


def test_the_ini_files_order_holds_where_nothing_else_is_asked_for(make_plugin: Make) -> None:
    for name in ("one", "two", "three"):
        make_plugin(name)
    assert names_of("two", "three", "one") == ["two", "three", "one"]


def test_requirements_and_after_come_first(make_plugin: Make) -> None:
    """`requires` and `after` decide before the INI's order; `after` does not enable anything."""
    make_plugin("base")
    make_plugin("polls", 'requires=("base",), after=("nowhere", "late")')
    make_plugin("late")
    assert names_of("polls", "late", "base") == ["base", "late", "polls"]


def test_every_fault_of_every_plugin_is_found_in_one_go(make_plugin: Make) -> None:
    """F35: missing, misspelt, twice, broken on import, incompatible, conflicting, lacking: one list."""
    make_plugin("broken", before="raise RuntimeError('no such thing')")
    make_plugin("old", 'requires_flasky="<0.1"')
    make_plugin("garbled", 'requires_flasky="about 1"')
    make_plugin("rival", 'conflicts=("lonely",)')
    make_plugin("lonely", 'requires=("friend",)')
    make_plugin("bare", includeme=False)
    faults = faults_of("accuonts", "zzz", "broken", "old", "garbled", "rival", "lonely", "bare", "bare")
    text = "\n".join(faults)
    for expected in (
        "the plug-in 'bare' is listed twice",
        "no installed plug-in is called 'accuonts'. Did you mean 'accounts'?",
        "no installed plug-in is called 'zzz'. Installed are:",
        "the plug-in 'broken' (sample_broken:plugin) cannot be loaded: RuntimeError: no such thing",
        f"the plug-in 'old' works with Flasky <0.1, this is {version('flasky')}",
        "the plug-in 'garbled' asks for Flasky 'about 1'. That is not a PEP 440 version specifier",
        "the plug-ins 'rival' and 'lonely' cannot run together",
        "the plug-in 'lonely' requires 'friend'. Add friend to the list",
        "the plug-in 'bare' has no includeme(config) in sample_bare",
    ):
        assert expected in text
    assert len(faults) == 9
    assert all(fault.startswith("site.ini, key flasky.plugins: ") for fault in faults)


def test_a_circle_is_named(make_plugin: Make) -> None:
    make_plugin("hen", 'requires=("egg",)')
    make_plugin("egg", 'requires=("hen",)')
    assert faults_of("hen", "egg") == [
        (
            "site.ini, key flasky.plugins: these plug-ins require one another in a circle: hen → egg → hen. "
            "Take one of them out of the list"
        )
    ]


def test_a_declaration_must_be_one_and_bear_its_name(make_plugin: Make) -> None:
    make_plugin("polls", offered_as="votes")
    make_plugin("thing", before="Plugin = dict")
    text = "\n".join(faults_of("votes", "thing"))
    assert "it is offered as 'votes' but declares the name 'polls'" in text
    assert "sample_thing:plugin is not a flasky.plugin.Plugin" in text


@pytest.mark.parametrize(
    ("plugin", "problem"),
    [
        (Plugin("Polls"), "must be lower-case letters"),
        (Plugin("1polls"), "must be lower-case letters"),
        (Plugin("flasky"), "belongs to Flasky itself"),
        (Plugin("polls", settings=(Setting("polls_size"),)), "its setting 'polls_size' must be named polls.something"),
        (Plugin("polls", commands="polls.cli"), "its commands 'polls.cli' must be named as in package.cli:group"),
    ],
)
def test_a_faulty_declaration_says_what_is_wrong(plugin: Plugin, problem: str) -> None:
    assert any(problem in fault for fault in plugin.faults())


def test_a_right_declaration_has_no_faults() -> None:
    assert Plugin("polls", settings=(Setting("polls.size"),), commands="flasky_polls.cli:polls").faults() == []


def test_plugins_cannot_take_the_names_of_commands() -> None:
    """A plug-in's commands stand under its name beside the kernel's families."""
    from flasky.cli import FAMILIES  # noqa: PLC0415

    assert set(FAMILIES) <= RESERVED_NAMES


def test_declarations_leave_out_what_cannot_be_read(make_plugin: Make) -> None:
    """For what must work when the site cannot start."""
    make_plugin("broken", before="raise RuntimeError")
    assert [item.name for item in declarations(["main", "broken", "nowhere", "main"])] == ["main"]
