"""docs/plugins/jobs.md: its examples run, as one plug-in."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from made_plugins import make_plugin
from sqlalchemy import select

from flasky.background import background_request
from flasky.database import get_database, utc_now
from flasky.jobs.models import BackgroundJob
from flasky.jobs.services import enqueue
from flasky.jobs.worker import JobWorker
from flasky.testing.mailbox import Mailbox
from flasky.testing.schema import migrate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins" / "jobs.md"


@pytest.mark.databases("sqlite")
def test_the_examples_of_the_page_are_a_plug_in_that_works(make_app, tmp_path, monkeypatch) -> None:
    # Another name: what a test of the other pages imported as flasky_polls stays imported.
    text = PAGE.read_text(encoding="utf-8").replace("polls", "ballots").replace("Poll ", "Ballot ")
    declare, functions, queue, proof = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    package = make_plugin(tmp_path, "ballots", f"from datetime import timedelta\n{declare}")
    (package / "jobs.py").write_text(f"from flasky.languages import _\n{functions}")
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
    with get_database(registry).writer() as db:
        names["test_the_owner_hears_of_it"](registry, db, Mailbox(registry))
