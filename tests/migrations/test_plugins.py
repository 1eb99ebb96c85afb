"""Migrations of plug-ins: one command for all, independent chains, and a life after being disabled (DESIGN 3)."""

from __future__ import annotations

import pytest
from workshop import Workshop, revision

PEOPLE = """
class People(Base):
    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
"""
TEAMS = """
class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    captain_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
"""
MAKE_PEOPLE = revision(
    "p1",
    """
    op.create_table(
        "people",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
    )
    """,
    'op.drop_table("people")',
    label="people",
)
MAKE_TEAMS = revision(
    "a1",  # Sorts before what it needs, and its plug-in's name too.
    """
    op.create_table(
        "teams",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("captain_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_teams"),
        sa.ForeignKeyConstraint(["captain_id"], ["people.id"], name="fk_teams_captain_id_people"),
    )
    """,
    'op.drop_table("teams")',
    label="clubs",
)


@pytest.fixture
def two(workshop: Workshop) -> Workshop:
    """Two plug-ins, `clubs` building on `people`, installed and enabled, nothing migrated yet."""
    workshop.ship_kernel()
    workshop.plugin("people", PEOPLE, p1=MAKE_PEOPLE)
    workshop.plugin("clubs", TEAMS, requires=("people",), a1=MAKE_TEAMS)
    workshop.enable("clubs", "people")
    return workshop


def filled(workshop: Workshop) -> Workshop:
    workshop.alembic("upgrade", "heads")
    workshop.sql("INSERT INTO people VALUES (1, '胡同')", "INSERT INTO teams VALUES (1, 1)")
    return workshop


def rows(workshop: Workshop) -> tuple[list[object], list[object]]:
    return workshop.sql("SELECT id, name FROM people"), workshop.sql("SELECT id, captain_id FROM teams")


def test_point_7_every_command_sees_every_plugin(two: Workshop) -> None:
    assert {"p1 (people) (head)", "a1 (clubs) (head)"} <= set(two.alembic("heads").splitlines())
    assert "<base> -> p1 (people) (head)" in two.alembic("history")
    assert "Revision p1" in two.alembic("show", "people@head")
    two.alembic("upgrade", "heads")
    current = two.alembic("current")
    assert "p1 (head)" in current
    assert "a1 (head)" in current
    assert "No new upgrade operations detected" in two.alembic("check")
    two.alembic("revision", "-m", "By hand", "--head", "people@head")
    assert len(two.revisions("people")) == 2


def test_points_2_and_3_one_command_migrates_all_in_the_order_of_the_requirements(two: Workshop) -> None:
    said = two.alembic("upgrade", "heads")
    assert said.index("-> p1") < said.index("-> a1")
    two.sql("INSERT INTO people VALUES (1, 'Ada')", "INSERT INTO teams VALUES (1, 1)")
    said = two.alembic("downgrade", "base")
    assert said.index("p1 ->") < said.index("0001 ->")
    assert said.index("a1 ->") < said.index("p1 ->")


def test_point_3_what_is_required_must_be_there_first(two: Workshop) -> None:
    said = two.alembic("upgrade", "clubs@head", status=255)
    assert "The plug-in 'clubs' builds on the tables of 'flasky' and 'people', which are not there yet" in said
    assert "upgrade heads" in said
    two.alembic("upgrade", "flasky@head")
    two.alembic("upgrade", "people@head")
    two.alembic("upgrade", "clubs@head")


def test_point_4_disabled_its_data_stays_and_every_command_works(two: Workshop) -> None:
    filled(two)
    kept = rows(two)
    two.enable("people")
    assert "The plug-in 'clubs' is not enabled, its tables stay as they are" in two.alembic("current")
    two.alembic("upgrade", "heads")
    assert "No new upgrade operations detected" in two.alembic("check")
    assert "no revision was written" in two.generate("Nothing")
    two.enable()
    for command in (("current",), ("heads",), ("history",), ("check",), ("upgrade", "heads"), ("downgrade", "base")):
        two.alembic(*command)
    assert rows(two) == kept
    two.enable("people", "clubs")
    two.alembic("upgrade", "heads")
    assert rows(two) == kept
    assert "No new upgrade operations detected" in two.alembic("check")


def test_point_4_beside_a_disabled_plugin_another_goes_down_step_by_step(two: Workshop) -> None:
    """alembic looks every head of the database up, which it cannot do for those that are not there."""
    filled(two)
    two.models("people", PEOPLE + "    age: Mapped[int | None]\n")
    two.generate("Add age")
    two.alembic("upgrade", "heads")
    before = two.sql("SELECT version_num FROM alembic_version ORDER BY 1")
    two.enable("people")
    two.alembic("downgrade", "people@-1")
    two.alembic("upgrade", "heads")
    assert two.sql("SELECT version_num FROM alembic_version ORDER BY 1") == before
    two.enable("people", "clubs")
    assert "No new upgrade operations detected" in two.alembic("check")


def test_point_5_uninstalled_with_its_data_there_the_plugin_is_named(two: Workshop) -> None:
    filled(two)
    two.uninstall("clubs")
    said = two.alembic("upgrade", "heads", status=255)
    assert "no installed plug-in is called 'clubs'" in said
    two.enable("people")
    said = two.alembic("upgrade", "heads")
    assert "The plug-in 'clubs' is not enabled, its tables stay as they are (it is not installed" in said
    assert two.sql("SELECT id FROM teams") == [(1,)]


def test_point_6_autogenerate_writes_into_the_folder_of_each_plugin(two: Workshop) -> None:
    two.alembic("upgrade", "heads")
    two.models("people", PEOPLE + "    age: Mapped[int | None]\n")
    two.models("clubs", TEAMS + "    motto: Mapped[str | None] = mapped_column(String(99))\n")
    before = two.revisions()
    two.generate("Add columns")
    [_, people] = two.revisions("people")
    [_, clubs] = two.revisions("clubs")
    assert "age" in people.read_text()
    assert "motto" not in people.read_text()
    assert "motto" in clubs.read_text()
    assert two.revisions() == before
    two.alembic("upgrade", "heads")
    assert "No new upgrade operations detected" in two.alembic("check")


def test_point_6_the_first_revision_of_a_plugin_begins_its_chain(workshop: Workshop) -> None:
    workshop.ship_kernel()
    workshop.plugin("people", PEOPLE)
    workshop.enable("people")
    workshop.alembic("upgrade", "heads")
    workshop.generate("Add people")
    [script] = workshop.revisions("people")
    assert 'branch_labels = ("people",)' in script.read_text()
    workshop.alembic("upgrade", "heads")
    assert workshop.sql("SELECT * FROM people") == []


def test_point_6_what_nobody_knows_is_never_proposed_to_be_dropped(two: Workshop) -> None:
    two.alembic("upgrade", "heads")
    two.sql("CREATE TABLE strangers (id INTEGER)")
    assert "No new upgrade operations detected" in two.alembic("check")


def test_chains_must_not_depend_on_one_another(two: Workshop) -> None:
    """Alembic keeps no row for what is depended on: disabling the one would lose track of the other."""
    script = two.revisions("clubs")[0]
    script.write_text(script.read_text().replace("depends_on = None", 'depends_on = "p1"'))
    said = two.alembic("upgrade", "heads", status=255)
    assert "revision a1 of 'clubs' builds on p1 of 'people'" in said
    assert "requires=" in said


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("own_people", "it must be package:folder, as in own_people:migrations"),
        ("no_such_package:migrations", "has no package 'no_such_package' for its migrations"),
    ],
)
def test_a_folder_that_cannot_be_names_its_plugin(sqlite_workshop: Workshop, place: str, words: str) -> None:
    sqlite_workshop.ship_kernel()
    package = sqlite_workshop.plugin("people", PEOPLE)
    declaration = package / "__init__.py"
    declaration.write_text(declaration.read_text().replace("own_people:migrations", place))
    sqlite_workshop.enable("people")
    said = sqlite_workshop.alembic("heads", status=255)
    assert words in said
    assert "Traceback" not in said


def test_models_without_a_folder_for_migrations_are_told_so(sqlite_workshop: Workshop) -> None:
    sqlite_workshop.ship_kernel()
    package = sqlite_workshop.plugin("people", PEOPLE)
    declaration = package / "__init__.py"
    declaration.write_text(declaration.read_text().replace(', migrations="own_people:migrations"', ""))
    sqlite_workshop.enable("people")
    sqlite_workshop.alembic("upgrade", "heads")
    said = sqlite_workshop.generate("Add people", status=255)
    assert "The plug-in 'people' has models but no folder for migrations" in said


def test_row_20a_the_walk_with_people(workshop: Workshop) -> None:
    """PARITY row 20a: add the model, migrate, go back, and the query says which migration is missing."""
    workshop.ship_kernel()
    workshop.plugin("people", PEOPLE)
    workshop.enable("people")
    workshop.alembic("upgrade", "heads")
    workshop.generate("Add people")
    assert "no migration" not in workshop.ask("select(People)")
    workshop.alembic("upgrade", "heads")
    assert workshop.ask("select(People)") == "[]"
    workshop.alembic("downgrade", "people@-1")
    said = workshop.ask("select(People)")
    [script] = workshop.revisions("people")
    identifier = script.name.partition("_")[0]
    assert f"The table people of the plug-in 'people' is not there: the migration {identifier} “Add people”" in said
    assert "alembic -c" in said
    assert "site.ini upgrade heads" in said
    script.unlink()
    said = workshop.ask("select(People)")
    assert "no migration makes it yet" in said
    assert "revision --autogenerate" in said
