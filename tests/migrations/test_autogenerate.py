"""What a comparison of models and database says and writes, in this process; what comes of it is in test_renames.py."""

from __future__ import annotations

import shutil
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, create_engine, text

# The kernel's own models belong to the real metadata: they are there before another takes its place.
import flasky.jobs.models
import flasky.mail.models
from alembic import command
from flasky.database.base import NAMING_CONVENTION, Base
from flasky.migrations import autogenerate
from flasky.testing.ini import REPOSITORY, write_ini
from flasky.testing.plugin import TEST_SETTINGS

Model = Callable[..., None]


class Project:
    """A project with a chain and an SQLite file of its own."""

    def __init__(self, folder: Path) -> None:
        self.scripts = folder / "alembic"
        (self.scripts / "versions").mkdir(parents=True)
        for name in ("env.py", "script.py.mako"):
            shutil.copy(REPOSITORY / "alembic" / name, self.scripts / name)
        self.url = f"sqlite:///{folder}/data.sqlite"
        self._ini = write_ini(
            folder / "site.ini", {**TEST_SETTINGS, "sqlalchemy.url": self.url, "flasky.plugins": ["main"]}
        )
        written = self._ini.read_text(encoding="utf-8")
        place = f"script_location = {REPOSITORY / 'alembic'}"
        assert place in written
        self._ini.write_text(written.replace(place, f"script_location = {self.scripts}"), encoding="utf-8")

    def _config(self, *said: str) -> Config:
        return Config(self._ini, cmd_opts=Namespace(x=list(said), quiet=True, raiseerr=True, autogenerate=True))

    def upgrade(self) -> None:
        """Migrate the database."""
        command.upgrade(self._config(), "heads")

    def written(self, *said: str) -> str:
        """The revision that is generated with these `-x`; empty when there is none."""
        before = set(self.scripts.glob("versions/*.py"))
        command.revision(self._config(*said), "Change", autogenerate=True)
        return "".join(file.read_text(encoding="utf-8") for file in {*self.scripts.glob("versions/*.py")} - before)

    def refused(self, *said: str) -> str:
        """Why no revision is generated."""
        with pytest.raises(CommandError) as caught:
            self.written(*said)
        return str(caught.value)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    """A function that lets the models be roles and users, called like this."""

    def use(roles: str, name: str = "name", *, users: bool = True) -> None:
        metadata = MetaData(naming_convention=NAMING_CONVENTION)
        # Whose a table is, is known by its module: these are the kernel's.
        info = {"module": flasky.jobs.models.__name__}
        key = Column("id", Integer, primary_key=True)
        Table(roles, metadata, key, Column(name, String(64), unique=True), Column("rank", Integer), info=info)
        if users:
            role = Column("role_id", ForeignKey(f"{roles}.id"))
            Table("users", metadata, Column("id", Integer, primary_key=True), role, info=info)
        monkeypatch.setattr(Base, "metadata", metadata)

    return use


@pytest.fixture
def project(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose database has two roles and one user."""
    made = Project(tmp_path)
    # A table that has no model any more may be that of any plug-in that ships, were they not all enabled.
    monkeypatch.setattr(autogenerate, "_shipped_with_models", set)
    model("roles1")
    made.upgrade()
    assert "op.create_table('users'" in made.written()
    made.upgrade()
    engine = create_engine(made.url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO roles1 (id, name, rank) VALUES (1, 'first', 1), (2, NULL, 2)"))
        connection.execute(text("INSERT INTO users (id, role_id) VALUES (1, 2)"))
    engine.dispose()
    return made


def test_renames_are_offered_written_with_their_constraints_or_told_apart(project: Project, model: Model) -> None:
    assert project.written() == "", "without a difference no revision is written"
    model("roles", "title")
    said = project.refused()
    assert "the table roles1 → roles (2 rows)" in said
    assert "-x renames=no " in said
    told_apart = project.refused("renames=no")
    assert "the table roles1 with 2 rows" in told_apart
    assert "-x drops=yes" in told_apart

    script = project.written("renames=yes")
    upgrade, downgrade = script.split("def downgrade", 1)
    for line in (
        "op.rename_table('roles1', 'roles')",
        "new_column_name='title')",
        "'uq_roles1_name': 'uq_roles_title',",
        "'fk_users_role_id_roles1': 'fk_users_role_id_roles',",
    ):
        assert line in upgrade
    assert "'fk_users_role_id_roles': 'fk_users_role_id_roles1'," in downgrade
    assert "op.rename_table('roles', 'roles1')" in downgrade
    assert "create_table" not in script
    assert "drop_" not in script
    project.upgrade()
    assert project.written() == ""


def test_a_column_alone_is_offered_with_its_values_and_what_goes_is_counted(project: Project, model: Model) -> None:
    model("roles1", "title")
    assert "the column roles1.name → roles1.title (1 row with a value)" in project.refused()
    model("roles1", users=False)
    assert "the table users with 1 row" in project.refused()
    assert "op.drop_table('users')" in project.written("drops=yes")


@pytest.mark.parametrize(
    ("said", "answer"), [("rename=yes", "did you mean renames?"), ("drops=maybe", "-x drops=maybe: expected yes or no")]
)
def test_a_word_that_is_none_is_refused(project: Project, said: str, answer: str) -> None:
    assert answer in project.refused(said)
