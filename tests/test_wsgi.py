"""The outermost layer: the request id, the headers, and the last resort at six places (ERR-03, P11, P15)."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from webtest import TestApp

import flasky
from flasky.testing.plugin import TEST_SETTINGS
from flasky.wsgi import Application

SAMPLES = Path(__file__).parent / "samples"
SECURITY_HEADERS = {"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "X-Request-ID"}


@pytest.fixture(scope="module")
def failing_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """An application with pages that fail; it never opens its database."""
    settings = {
        **TEST_SETTINGS,
        "flasky.plugins": "main",
        "pyramid.includes": "failing_pages",
        "sqlalchemy.url": f"sqlite:///{tmp_path_factory.mktemp('wsgi')}/never-opened.sqlite",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SAMPLES)
        yield flasky.main({}, **settings)


@pytest.fixture
def site(failing_app: Application) -> TestApp:
    return TestApp(failing_app, extra_environ={"HTTP_HOST": "localhost"})


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize(
    ("path", "fail"),
    [
        ("/failing/unspeakable", ""),
        ("/failing/callback", ""),
        ("/failing/view_and_callback", ""),
        ("/failing/fine", "tween"),
        ("/failing/fine", "hook"),
        ("/failing/header?kind=break", ""),
        ("/failing/header?kind=chinese", ""),
        ("/failing/header?kind=nul", ""),
        ("/failing/body?chunks=0", ""),
    ],
)
def test_a_failure_anywhere_is_a_page_with_every_header_err_03_p11(
    site: TestApp, caplog: pytest.LogCaptureFixture, path: str, fail: str, accept: str
) -> None:
    response = site.get(path, headers={"X-Fail": fail, "Accept": accept}, status=500)
    assert set(response.headers) >= SECURITY_HEADERS
    assert response.headers["X-Request-ID"] in response.text
    assert response.content_type == ("text/html" if accept == "text/html" else "application/problem+json")
    assert "stolen" not in str(response.headers)
    records = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(records) == 1
    assert records[0].exc_info


def test_the_body_of_an_answer_that_failed_is_closed(site: TestApp) -> None:
    body = __import__("failing_pages").Body
    before = body.closed
    site.get("/failing/body?chunks=0", status=500)
    assert body.closed == before + 1


def test_a_visitor_cannot_move_the_site_with_x_vhm_root_p15(site: TestApp) -> None:
    assert site.get("/failing/fine", headers={"X-Vhm-Root": "/admin"}).text == "fine"
    assert site.get("/failing/fine", extra_environ={"HTTP_X_VHM_ROOT": "/\xff"}).text == "fine"


class Call:
    """One WSGI call of an `Application` around a router made for the occasion."""

    def __init__(self, app: Application, router: Callable[..., Iterable[bytes]], **environ: str) -> None:
        self.environ: dict[str, Any] = dict(environ)
        setup_testing_defaults(self.environ)
        self.started: list[tuple[str, dict[str, str]]] = []
        application = Application(SimpleNamespace(registry=app.registry))
        application._router = router
        self.body = application(self.environ, self._start)

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.started.append((status, dict(headers)))

    @property
    def status(self) -> str:
        (started,) = self.started
        return started[0]


def answer(body: Any, status: str = "200 OK", *headers: tuple[str, str]) -> Callable[..., Any]:
    def router(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response(status, list(headers))
        return body

    return router


def test_the_answer_is_passed_on_with_the_id_that_the_environ_has(bare_app: Application) -> None:
    body = [b"all"]
    call = Call(bare_app, answer(body))
    assert call.body is body
    assert call.started[0][1]["X-Request-ID"] == call.environ["flasky.request_id"]


def test_a_file_of_the_servers_stays_one(bare_app: Application) -> None:
    class Wrapper:
        def __init__(self, file: io.BytesIO) -> None:
            self.file = file

    wrapped = Wrapper(io.BytesIO(b"file"))
    environ: Any = {"wsgi.file_wrapper": Wrapper}
    assert Call(bare_app, answer(wrapped), **environ).body is wrapped


def test_a_body_that_is_made_bit_by_bit_arrives_whole_and_is_closed(bare_app: Application) -> None:
    closed = []

    def chunks() -> Iterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    call = Call(bare_app, answer(chunks()))
    assert b"".join(call.body) == b"ab"
    call.body.close()  # type: ignore[attr-defined]
    assert closed == [True]


def test_an_empty_body_is_an_answer(bare_app: Application) -> None:
    assert b"".join(Call(bare_app, answer(iter(()), "204 No Content")).body) == b""


def test_what_the_old_write_callable_got_comes_first(bare_app: Application) -> None:
    def router(_environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])(b"written ")
        return [b"returned"]

    assert b"".join(Call(bare_app, router).body) == b"written returned"


def test_a_later_failure_of_the_body_is_the_servers_to_handle(bare_app: Application) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"a"
        raise ValueError("too late for a page")

    call = Call(bare_app, answer(chunks()))
    assert call.status == "200 OK"
    with pytest.raises(ValueError, match="too late"):
        list(call.body)


@pytest.mark.parametrize("header", [("X-A", "a\nb"), ("X\r\n", "a"), ("X-A", "\x7f"), ("X-A", "€"), ("X-A", 7)])
def test_a_header_that_cannot_be_sent_is_a_500(bare_app: Application, header: tuple[str, str]) -> None:
    call = Call(bare_app, answer([b"fine"], "200 OK", header))
    assert call.status.startswith("500")
    assert b"fine" not in b"".join(call.body)


def test_a_router_that_starts_nothing_is_a_500(bare_app: Application) -> None:
    assert Call(bare_app, lambda _environ, _start: [b"?"]).status.startswith("500")


def test_a_body_whose_close_fails_does_not_hide_the_error(
    bare_app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    class Stubborn:
        def __iter__(self) -> Iterator[bytes]:
            raise ValueError("the cause")

        def close(self) -> None:
            raise RuntimeError("stubborn")

    assert Call(bare_app, answer(Stubborn())).status.startswith("500")
    assert "the cause" in caplog.text


def test_headers_that_cannot_be_made_leave_the_page_its_least_ones(
    bare_app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise LookupError("no headers today")

    monkeypatch.setattr("flasky.wsgi.headers_for", fail)
    call = Call(bare_app, answer([b"fine"]))
    assert call.status.startswith("500")
    assert "default-src 'none'" in call.started[0][1]["Content-Security-Policy"]


def test_a_head_request_gets_no_page(bare_app: Application) -> None:
    call = Call(bare_app, answer(None), REQUEST_METHOD="HEAD")
    assert call.status.startswith("500")
    assert b"".join(call.body) == b""


def test_a_handler_that_raises_stops_no_request_f20(bare_app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            raise OSError("disk full")

    handler = Broken()
    monkeypatch.setattr(logging.getLogger("flasky.requests"), "level", logging.INFO)
    logging.getLogger().addHandler(handler)
    try:
        assert Call(bare_app, answer([b"fine"])).status == "200 OK"
    finally:
        logging.getLogger().removeHandler(handler)


def test_each_request_is_a_line_in_the_log_inj_06(site: TestApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "flasky.requests")
    site.get("/failing/fine?password=canary")
    (record,) = [record for record in caplog.records if record.name == "flasky.requests"]
    assert record.getMessage().startswith("GET /failing/fine 200 ")
    assert record.getMessage().endswith(" 0 statements")


def test_a_slow_request_is_a_warning_everywhere(
    bare_app: Application, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, 1.5])
    monkeypatch.setattr("flasky.wsgi.perf_counter", lambda: next(moments))
    Call(bare_app, answer([b"fine"]))
    (record,) = [record for record in caplog.records if record.name == "flasky.requests"]
    assert record.levelno == logging.WARNING
    assert "1500 ms" in record.getMessage()
