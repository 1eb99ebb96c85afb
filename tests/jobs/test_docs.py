"""docs/plugins/jobs.md: its examples run, as one plug-in."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from made_plugins import make_plugin
from sqlalchemy import select, text

from flasky.background import background_request
from flasky.database import get_database, utc_now
from flasky.jobs.models import BackgroundJob
from flasky.jobs.services import COMMIT_PART, enqueue
from flasky.jobs.worker import JobWorker
from flasky.testing.mailbox import Mailbox
from flasky.testing.schema import migrate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins" / "jobs.md"


@pytest.mark.databases("sqlite")
def test_the_examples_of_the_page_are_a_plug_in_that_works(make_app, tmp_path, monkeypatch) -> None:
    # Another name: what a test of the other pages imported as flasky_polls stays imported.
    page = PAGE.read_text(encoding="utf-8").replace("polls", "ballots").replace("Poll ", "Ballot ")
    declare, functions, queue, large, proof = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    package = make_plugin(tmp_path, "ballots", f"from datetime import timedelta\n{declare}")
    (package / "jobs.py").write_text(f"from flasky.languages import _\n{functions}")
    table = "ballots = table('ballots', column('id'), column('closed', Boolean()))\n"
    parts = {}
    exec(f"from sqlalchemy import Boolean, column, delete, select, table\n{table}{large}", parts)  # noqa: S102 - ours
    monkeypatch.syspath_prepend(tmp_path)
    migrate({"flasky.plugins": "main", "sqlalchemy.url": f"sqlite:///{tmp_path}/0.sqlite"})
    registry = make_app(flasky__plugins="main ballots").registry

    with background_request(registry) as request:
        exec(queue, {"request": request, "utc_now": utc_now, "timedelta": timedelta})  # noqa: S102 - our own page
    with get_database(registry).writer() as db:
        assert [job.arguments for job in db.scalars(select(BackgroundJob))] == [{"poll_id": 3}, {"poll_id": 4}]
    assert JobWorker(registry).run_once().done == 1

    names = {"enqueue": enqueue, "JobWorker": JobWorker}
    exec(proof, names)  # noqa: S102 - our own page
    _tidied(registry, parts["tidy"])
    with get_database(registry).writer() as db:
        names["test_the_owner_hears_of_it"](registry, db, Mailbox(registry))


def _tidied(registry, tidy) -> None:
    """The large job: in three parts, and what is not closed stays."""
    numbers = "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 260) SELECT v, v > 5 FROM n"
    with get_database(registry).writer.begin() as db:
        db.execute(text("CREATE TABLE ballots (id INTEGER PRIMARY KEY, closed BOOLEAN)"))
        db.execute(text(f"INSERT INTO ballots {numbers}"))
    parts = []
    with background_request(registry) as request:
        request.environ[COMMIT_PART] = lambda: (parts.append(1), request.tm.commit(), request.tm.begin())
        tidy(request)
    with get_database(registry).writer() as db:
        assert (len(parts), db.execute(text("SELECT count(*) FROM ballots")).scalar_one()) == (3, 5)
