"""Whose a table is: the plug-in's whose model made it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table

from flasky.database.base import Base
from flasky.database.ownership import import_models, models, owner_of, tables
from flasky.site import Site, load_site
from flasky.startup import CannotStart

URL = {"sqlalchemy.url": "sqlite:////nowhere/never.sqlite"}


def site(plugins: str) -> Site:
    return load_site({}, {"flasky.environment": "testing", "flasky.plugins": plugins, **URL}, {})


def test_each_table_has_the_owner_whose_model_made_it() -> None:
    owners = {table.name: owner_of(site("main accounts shelf"), table) for table in tables(site("main accounts shelf"))}
    assert owners["shelves"] == owners["books"] == "shelf"
    assert owners["roles"] == owners["users"] == "accounts"
    assert owners["outgoing_mails"] == "flasky"


def test_tables_and_models_of_what_is_not_enabled_are_left_out() -> None:
    import_models(site("main accounts shelf"))
    assert "shelves" not in {table.name for table in tables(site("main accounts"))}
    assert "Shelf" not in models(site("main accounts"))
    assert {"Shelf", "Book", "Role", "User", "OutgoingMail"} <= models(site("main accounts shelf")).keys()


def test_parents_come_before_children() -> None:
    names = [table.name for table in tables(site("main accounts shelf"))]
    assert names.index("shelves") < names.index("books")
    assert names.index("roles") < names.index("users")


def test_a_table_without_a_class_says_whose_it_is() -> None:
    metadata = MetaData()
    owned = Table("pairs", metadata, Column("id", Integer), info={"module": "flasky_shelf.models"})
    stray = Table("strays", metadata, Column("id", Integer))
    assert owner_of(site("main accounts shelf"), owned) == "shelf"
    assert owner_of(site("main accounts shelf"), stray) == ""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """A function that installs a plug-in with the given text in its models.py."""

    def make(name: str, text: str) -> None:
        package = tmp_path / f"own_{name}"
        package.mkdir()
        (package / "__init__.py").write_text(
            "from flasky.plugin import Plugin\n"
            f"plugin = Plugin(name={name!r}, models='own_{name}.models')\n"
            "def includeme(config): pass\n"
        )
        (package / "models.py").write_text(text)
        info = tmp_path / f"own_{name}-1.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_text(f"[flasky.plugins]\n{name} = own_{name}:plugin\n")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: own-{name}\nVersion: 1\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return make


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_module_at_all\n", "No module named 'no_such_module_at_all'"),
        (
            (
                "from flasky.database import Base\nfrom sqlalchemy import Integer\n"
                "from sqlalchemy.orm import mapped_column\n"
                "class Mine(Base):\n    __tablename__ = 'shelves'\n    id = mapped_column(Integer, primary_key=True)\n"
            ),
            "Table 'shelves' is already defined",
        ),
    ],
)
def test_models_that_cannot_be_imported_name_their_plugin(
    install: Callable[[str, str], None], text: str, words: str
) -> None:
    import_models(site("main accounts shelf"))
    install("broken", text)
    with pytest.raises(CannotStart) as caught:
        import_models(site("main accounts shelf broken"))
    assert "The models of the plug-in 'broken' (own_broken.models) cannot be imported" in str(caught.value)
    assert words in str(caught.value)
    # The half-made class is still there (the exception holds it), and in nobody's way.
    whole = site("main accounts shelf")
    assert "Mine" not in models(whole)
    assert owner_of(whole, Base.metadata.tables["shelves"]) == "shelf"
    sys.modules.pop("own_broken.models", None)
    sys.modules.pop("own_broken", None)


def test_constraints_are_named_by_convention() -> None:
    import_models(site("main accounts shelf"))
    shelves: Any = Base.metadata.tables["shelves"]
    assert {constraint.name for constraint in shelves.constraints} == {"pk_shelves", "uq_shelves_name"}
    [key] = Base.metadata.tables["books"].foreign_key_constraints
    assert key.name == "fk_books_shelf_id_shelves"
