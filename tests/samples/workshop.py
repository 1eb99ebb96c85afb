"""A workshop for migrations: a project with an INI file, an alembic folder of its own and made-up plug-ins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from sqlalchemy import NullPool, create_engine, make_url, text
from warm import unwatched

from flasky.testing.ini import REPOSITORY, write_ini

SETTINGS = {"flasky.environment": "development", "flasky.base_url": "http://localhost", "mail.tls": "false"}

MODELS = """\
from __future__ import annotations
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column
from flasky.database import Base
"""


class WarmAlembic:
    """Runs `alembic` in processes that are forked from a warm one (tests/samples/warm_alembic.py)."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("warm_alembic.py"))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=unwatched(os.environ)
        )

    def run(
        self, arguments: list[str], folder: Path, environ: dict[str, str], path: list[str], *outputs: Path
    ) -> list[int]:
        """Run a command once for each output file, at the same time, and return the exit statuses, negative for the
        signal that ended one."""
        # English, and argparse, which asks for a translation of each of its words, looks for no catalog on the disk.
        variables = {**environ, "LANGUAGE": "C"}
        files = [str(output) for output in outputs]
        job = {"arguments": arguments, "folder": str(folder), "environ": variables, "path": path, "outputs": files}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return [int(status) for status in self._process.stdout.readline().split()]

    def stop(self) -> None:
        """End the warm process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


class Workshop:
    """A project folder, its database, and the real command `alembic`."""

    def __init__(self, folder: Path, warm: WarmAlembic, url: str) -> None:
        self._warm = warm
        self.folder = folder
        self.url = url
        self.packages = folder / "site-packages"
        self.packages.mkdir()
        self.scripts = folder / "alembic"
        (self.scripts / "versions").mkdir(parents=True)
        for name in ("env.py", "script.py.mako"):
            shutil.copy(REPOSITORY / "alembic" / name, self.scripts / name)
        self.enabled = ["main"]
        self.settings: dict[str, Any] = {}
        self.ini = folder / "site.ini"
        self.write_ini()

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return Path(str(make_url(self.url).database))

    def write_ini(self) -> None:
        """Write the INI file anew, with what is enabled now."""
        given = {"sqlalchemy.url": self.url, "flasky.plugins": self.enabled}
        write_ini(self.ini, {**SETTINGS, **given, **self.settings})
        written = self.ini.read_text(encoding="utf-8")
        self.ini.write_text(
            written.replace(f"script_location = {REPOSITORY / 'alembic'}", f"script_location = {self.scripts}"),
            encoding="utf-8",
        )

    def enable(self, *names: str) -> None:
        """Enable these plug-ins and no other, beside `main`."""
        self.enabled = ["main", *names]
        self.write_ini()

    def plugin(self, name: str, models: str = "", requires: tuple[str, ...] = (), **migrations: str) -> Path:
        """Install a plug-in with these models; `migrations` are revisions by file name. Returns its package."""
        package = self.packages / f"own_{name}"
        folder = package / "migrations"
        folder.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text(
            dedent(f"""\
            from flasky.plugin import Plugin
            plugin = Plugin(
                name={name!r}, requires={requires!r}, models="own_{name}.models", migrations="own_{name}:migrations"
            )
            def includeme(config):
                pass
            """)
        )
        self.models(name, models)
        for file, script in migrations.items():
            (folder / f"{file}.py").write_text(script)
        info = self.packages / f"own_{name}-1.dist-info"
        info.mkdir(exist_ok=True)
        (info / "entry_points.txt").write_text(f"[flasky.plugins]\n{name} = own_{name}:plugin\n")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: own-{name}\nVersion: 1\n")
        return package

    def models(self, name: str, models: str) -> None:
        """Change the models of a plug-in."""
        (self.packages / f"own_{name}" / "models.py").write_text(MODELS + dedent(models))

    def uninstall(self, name: str) -> None:
        """Do what pip uninstall does."""
        shutil.rmtree(self.packages / f"own_{name}")
        shutil.rmtree(self.packages / f"own_{name}-1.dist-info")

    def revisions(self, name: str = "") -> list[Path]:
        """The revision files of a plug-in, or of the project itself, oldest first."""
        folder = self.packages / f"own_{name}" / "migrations" if name else self.scripts / "versions"
        return sorted(folder.glob("*.py"), key=lambda file: file.stat().st_mtime_ns)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start `alembic -c site.ini …` as a process of its own."""
        command = [str(Path(sys.executable).with_name("alembic")), "-c", str(self.ini), *arguments]
        variables = {**os.environ, "PYTHONPATH": str(self.packages), "PYTHONDONTWRITEBYTECODE": "1", **environ}
        variables.pop("COLUMNS", None)
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder, env=variables
        )

    def alembic(self, *arguments: str, status: int = 0, **environ: str) -> str:
        """Run `alembic -c site.ini …`, check its exit status, and return what it printed."""
        [(ended, said)] = self.attempt(*arguments, **environ)
        assert ended == status, said
        return said

    def attempt(self, *arguments: str, times: int = 1, **environ: str) -> list[tuple[int, str]]:
        """Run `alembic -c site.ini …` so many times at once; the exit status of each and what it printed."""
        outputs = [self.folder / f"output-{number}.txt" for number in range(times)]
        command = ["-c", str(self.ini), *arguments]
        statuses = self._warm.run(command, self.folder, environ, [str(self.packages)], *outputs)
        return [(ended, output.read_text(encoding="utf-8")) for ended, output in zip(statuses, outputs, strict=True)]

    def generate(self, message: str, *before: str, status: int = 0) -> str:
        """Run `alembic … revision --autogenerate -m message`."""
        return self.alembic(*before, "revision", "--autogenerate", "-m", message, status=status)

    def ask(self, query: str) -> str:
        """Run a query on the model `People` of the plug-in `people` as the shell would; what it answers."""
        # S608 takes the word `select` for SQL that is put together.
        program = dedent(f"""\
            from sqlalchemy import select
            from sqlalchemy.exc import DBAPIError
            from sqlalchemy.orm import Session
            from flasky.database.engine import make_engine
            from flasky.ini import read_ini
            from flasky.migrations.state import explain_missing_table
            from flasky.site import load_site
            ini = read_ini({str(self.ini)!r})
            site = load_site(ini.global_config, ini.settings)
            from own_people.models import People
            try:
                with Session(make_engine(site.settings["sqlalchemy.url"])) as session:
                    print(list(session.scalars({query})))
            except DBAPIError as error:
                print(explain_missing_table(error, site))
            """)  # noqa: S608
        output = self.folder / "output.txt"
        [ended] = self._warm.run(["--program", program], self.folder, {}, [str(self.packages)], output)
        said = output.read_text(encoding="utf-8").strip()
        assert ended == 0, said
        return said

    def ship_kernel(self) -> None:
        """Begin the project with one revision that makes the kernel's own tables, as every site has them.

        They come from two revisions with those of what ships between, which this project does not have.
        """
        folder = REPOSITORY / "alembic" / "versions"
        [mails] = folder.glob("0001_*.py")
        [jobs] = folder.glob("0004_*.py")
        parts = [
            mails.read_text(encoding="utf-8"),
            "_first = (upgrade, downgrade)\n",
            jobs.read_text(encoding="utf-8").split("depends_on = None")[1],
            "_second = (upgrade, downgrade)\n",
            "def upgrade() -> None:\n    _first[0]()\n    _second[0]()\n",
            "def downgrade() -> None:\n    _second[1]()\n    _first[1]()\n",
        ]
        (self.scripts / "versions" / mails.name).write_text("\n\n".join(parts), encoding="utf-8")

    def sql(self, *statements: str) -> list[Any]:
        """Send statements as another program would, and return the rows of the last."""
        engine = create_engine(make_url(self.url), poolclass=NullPool)
        rows: list[Any] = []
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            for statement in statements:
                result = connection.execute(text(statement))
                rows = [tuple(row) for row in result] if result.returns_rows else []
        engine.dispose()
        return rows


def revision(
    identifier: str, upgrade: str, downgrade: str = "pass", *, after: str | None = None, label: str = ""
) -> str:
    """The text of a revision."""
    return dedent(f"""\
        '''Revision {identifier}'''
        import os, signal, time
        import sqlalchemy as sa
        from alembic import op
        revision = {identifier!r}
        down_revision = {after!r}
        branch_labels = {(label,) if label else None!r}
        depends_on = None
        def upgrade():
        {{upgrade}}
        def downgrade():
        {{downgrade}}
        """).format(
        upgrade="\n".join(f"    {line}" for line in dedent(upgrade).strip().splitlines()),
        downgrade="\n".join(f"    {line}" for line in dedent(downgrade).strip().splitlines()),
    )
