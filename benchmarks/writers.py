"""Sixteen members who comment at once, and visitors who read beside them.

    python -m benchmarks writers
    FLASKY_BENCHMARK_DATABASE=postgresql://… python -m benchmarks writers      an empty database, or one filled before

One process of Flasky's own server serves the blog, with sixteen threads more than the other benchmarks give one: nobody
else's pages are compared here, and how long readers wait for writers is a matter of the server, too. First the members
write as fast as they can, and every answer has to be the redirect to the comment. Then visitors ask for the home page,
50 times a second, in rounds without and with members who each write once in four seconds: as many as the machine can
serve without a queue, as it is the database whose readers must not wait for its writers, not a processor that has to
serve both.
"""

from __future__ import annotations

import http.client
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from sqlalchemy import create_engine, func, inspect, select

from benchmarks.applications import blog_settings
from benchmarks.blog import fill, sign_in
from benchmarks.serving import AS_SHIPPED, serving
from benchmarks.tables import reached, show
from flasky.plugins.blog.models import Comment

WRITERS = 16
USERS, POSTS = 100, 2000
SECONDS = 5
ROUNDS = 8
READ_EVERY = 0.02
WRITE_EVERY = 4.0
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Writer:
    """A member with a browser of their own."""

    def __init__(self, port: int, number: int, session: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._path = f"/post/{number + 1}"
        self._headers = {"Host": "localhost", "Cookie": f"session={session}"}
        answer, page = self._send("GET", self._path)
        cookie = next(value for name, value in answer.getheaders() if name == "Set-Cookie" and "csrf" in value)
        self._headers["Cookie"] += f"; {cookie.partition(';')[0]}"
        self._headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._headers["Origin"] = "http://localhost"
        self._token = _TOKEN.findall(page)[0]

    def write(self) -> float:
        """Comment; returns the milliseconds it took. Raises RuntimeError when it was not accepted."""
        key = secrets.token_urlsafe(16)
        # Not the same text each time: it would be taken for a form that was sent again.
        fields = {"csrf_token": self._token, "body": f"One more, {key[:8]}", "key": key}
        begin = time.perf_counter()
        answer, _page = self._send("POST", f"{self._path}/comment", urlencode(fields))
        if answer.status != 303:
            raise RuntimeError(f"a comment was answered with {answer.status}")
        return (time.perf_counter() - begin) * 1000

    def _send(self, method: str, path: str, body: str | None = None) -> tuple[http.client.HTTPResponse, str]:
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        return answer, answer.read().decode()


def run() -> None:
    """Make the data, measure, print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = blog_settings(folder)
        engine = create_engine(settings["sqlalchemy.url"])
        if settings["sqlalchemy.url"].startswith("sqlite") or not inspect(engine).has_table("posts"):
            fill(folder, USERS, POSTS)
        cookies = sign_in(settings, WRITERS)
        with serving(AS_SHIPPED, folder, threads=WRITERS + 4) as server:
            writers = [Writer(server.port, number, cookie) for number, cookie in enumerate(cookies)]
            before = _comments(engine)
            _at_once(writers, engine, before)
            _beside(server.port, writers)
        engine.dispose()


def _comments(engine: object) -> int:
    with engine.connect() as connection:  # type: ignore[attr-defined]
        return int(connection.scalar(select(func.count()).select_from(Comment)))


def _at_once(writers: list[Writer], engine: object, before: int) -> None:
    spent, errors = _writing(writers, SECONDS, 0.0)
    accepted = _comments(engine) - before
    show(
        f"{WRITERS} members comment as fast as they can, {SECONDS} s",
        ("comments", "a second", "p50 ms", "p99 ms", "errors", "in the database"),
        [(len(spent), len(spent) / SECONDS, median(spent), _p99(spent), len(errors), accepted)],
        [
            reached("requests that failed", len(errors), 0),
            reached("comments accepted and not in the database", len(spent) - accepted, 0),
        ],
    )


def _beside(port: int, writers: list[Writer]) -> None:
    idle: list[float] = []
    beside: list[float] = []
    failed = 0
    for _round in range(ROUNDS):
        idle += _read(_reading(port, SECONDS))
        reader = _reading(port, SECONDS)
        failed += len(_writing(writers, SECONDS - 1, WRITE_EVERY)[1])
        beside += _read(reader)
    show(
        f"Visitors beside {WRITERS} members who each comment every {WRITE_EVERY:g} s ({ROUNDS} rounds of {SECONDS} s)",
        ("", "p50 ms", "p99 ms"),
        [
            ("nobody writes", median(idle), _p99(idle)),
            (f"{WRITERS} write", median(beside), _p99(beside)),
        ],
        [
            reached("readers' p99 beside writers / idle", _p99(beside) / _p99(idle), 1.2),
            reached("comments that failed", failed, 0),
        ],
    )


def _writing(writers: list[Writer], seconds: float, pause: float) -> tuple[list[float], list[Exception]]:
    """How long each comment took, and what failed."""
    spent: list[float] = []
    errors: list[Exception] = []
    end = time.perf_counter() + seconds

    def work(writer: Writer, number: int) -> None:
        time.sleep(pause * number / len(writers))
        while time.perf_counter() < end:
            try:
                spent.append(writer.write())
            except (RuntimeError, OSError, http.client.HTTPException) as error:
                errors.append(error)
                return
            time.sleep(pause)

    threads = [threading.Thread(target=work, args=(writer, number)) for number, writer in enumerate(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return spent, errors


def _reading(port: int, seconds: float) -> subprocess.Popen[str]:
    """The visitors, in a process of their own, which prints how long each answer took: threads of the process that
    writes would wait for its writers."""
    command = [sys.executable, "-m", "benchmarks.writers", str(port), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command


def _read(reader: subprocess.Popen[str]) -> list[float]:
    printed, _errors = reader.communicate()
    if reader.returncode:
        raise RuntimeError("the visitors were not served")
    return list(map(float, printed.split()))


def read(port: int, seconds: float) -> None:
    """Ask for the home page every `READ_EVERY` seconds, for `seconds`; print the milliseconds each answer took."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    spent = []
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        connection.request("GET", "/", headers={"Host": "localhost"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the home page was answered with {answer.status}")
        spent.append((time.perf_counter() - begin) * 1000)
        time.sleep(max(0.0, READ_EVERY - (time.perf_counter() - begin)))
    connection.close()
    print(*spent)


def _p99(spent: list[float]) -> float:
    ordered = sorted(spent)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


if __name__ == "__main__":
    read(int(sys.argv[1]), float(sys.argv[2]))
