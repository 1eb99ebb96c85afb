"""A plug-in in miniature with jobs and schedules, and a page that queues; included with ``pyramid.includes``."""

from __future__ import annotations

import os
import time
from datetime import time as clock_time
from datetime import timedelta
from pathlib import Path
from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPBadRequest
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED

from flasky.jobs.contracts import add_job, add_schedule

#: Where the jobs of a site in a process of its own leave what they did.
FILE = "SAMPLE_JOBS_FILE"


def send(request: Request, to: str, name: str = "Ann") -> None:
    """Send a mail."""
    request.send_mail(to, f"Hello {name}", "mail/test", name=name)


def fail(request: Request, to: str = "") -> None:
    """Send a mail, and fail all the same."""
    if to:
        request.send_mail(to, "Hello", "mail/test")
    raise RuntimeError("the poll is stuck")


def note(request: Request, text: str = "tick", seconds: float | str = 0.0) -> None:
    """Leave a line in a file, which no transaction takes back; then take its time."""
    line = f"{os.getpid()} {text}\n".encode()
    descriptor = os.open(Path(os.environ[FILE]), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line)
    os.close(descriptor)
    time.sleep(float(seconds))


def look(request: Request) -> None:
    """Keep what a job sees of its request where a test finds it."""
    request.registry["sample.seen"] = {
        "id": request.id,
        "url": request.route_url("sample.jobs"),
        "language": request.localizer.locale_name,
        "identity": request.identity,
        "settings": request.registry.settings["flasky.environment"],
    }


def chain(request: Request) -> None:
    """Queue another job."""
    request.enqueue("sample.send", to="next@example.com")


def meet(request: Request) -> None:
    """Do what a test put on the registry."""
    request.registry["sample.meanwhile"](request)


def queue(request: Request) -> Response:
    """Queue what is asked for, then answer, or fail if that is asked for."""
    values: dict[str, Any] = {name: value for name, value in request.params.items() if name not in {"job", "fail"}}
    request.enqueue(request.params["job"], **values)
    if "fail" in request.params:
        raise HTTPBadRequest
    return Response("queued")


def includeme(config: Configurator) -> None:
    """Register everything; included so early that the directives are no methods yet."""
    add_job(config, "sample.send", send)
    add_job(config, "sample.quick", send, quick=True)
    add_job(config, "sample.fail", "sample_jobs.fail", attempts=3)
    add_job(config, "sample.note", note, limit=timedelta(seconds=30))
    add_job(config, "sample.look", look)
    add_job(config, "sample.chain", chain)
    add_job(config, "sample.meet", meet)
    add_schedule(config, "sample.look", every=timedelta(hours=1))
    add_schedule(config, "sample.chain", daily_at=clock_time(3, 30))
    config.add_route("sample.jobs", "/sample/jobs")
    for method in ("GET", "POST"):
        config.add_view(
            queue,
            route_name="sample.jobs",
            request_method=method,
            permission=NO_PERMISSION_REQUIRED,
            require_csrf=False,
        )
