"""The web server: waitress with defaults that suit a public site, and an end that cuts nobody off.

`pserve` makes it from ``[server:main] use = egg:flasky``. Whatever waitress calls a setting may stand there; what
does not stand there has the value of `DEFAULTS`. The port is bound before the application is made, so that a busy
one is told at once.

On SIGTERM or SIGINT the server accepts what already waits at its door, closes the door, answers every request that
is running or queued, and ends. A second signal, or the end of the `grace` period, ends it at once.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import logging
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pyramid.registry import Registry
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import BaseWSGIServer, create_server

from flasky.connections import channel_class
from flasky.dispatching import Dispatcher
from flasky.events import ServingBegins
from flasky.ini import local_address
from flasky.jobs.health import tell_who_does_jobs
from flasky.jobs.worker import start_quick_worker, start_worker
from flasky.mail.deliverer import start_deliverer
from flasky.migrations.state import check_schema
from flasky.site import Site, get_site
from flasky.startup import CannotStart, show_plainly

logger = logging.getLogger(__name__)

#: How waitress is set unless the INI file says otherwise. The reasons are in docs/operations/running.md.
DEFAULTS: Mapping[str, Any] = {
    "host": "localhost",
    "port": "6543",
    "threads": 8,
    "connection_limit": 1000,
    # select() ends the process at the 1024th descriptor.
    "asyncore_use_poll": True,
    "channel_timeout": 20,
    "cleanup_interval": 5,
    # A mebibyte, and room for the form around it: the application refuses what is over with a page of its own.
    "max_request_body_size": 1024 * 1024 + 64 * 1024,
    "max_request_header_size": 32 * 1024,
    "ident": "",
    "expose_tracebacks": False,
}

#: Seconds that running and queued requests get to finish after SIGTERM, unless [server:main] says `grace = …`.
GRACE_SECONDS = 30

#: Seconds that an idle connection stays open after SIGTERM, for the request that may be on its way.
_LINGER_SECONDS = 0.5
_POLL_SECONDS = 0.05

#: The port of an address that names none.
_HTTP_PORT = 80

#: Seconds that the mail which is being sent and the job which is being done get to finish, together.
_WORKERS_SECONDS = 10

#: Descriptors that one connection may cost (its socket, a spooled body, a database connection); accept() spins when
#: there are none left, so the limit of connections stays below a third of them.
_DESCRIPTORS_PER_CONNECTION = 3
_SPARE_DESCRIPTORS = 64

#: The least that a number may be; with less the server starts and answers nobody.
_LEAST: Mapping[str, int] = {
    "threads": 1,
    "connection_limit": 8,
    "backlog": 1,
    "recv_bytes": 1,
    "channel_timeout": 1,
    "cleanup_interval": 1,
    "asyncore_loop_timeout": 1,
    "channel_request_lookahead": 0,
    "outbuf_high_watermark": 1,
    "max_request_body_size": 1,
    "max_request_header_size": 1024,
    "trusted_proxy_count": 1,
}

Runner = Callable[[Any], None]


def make_server(global_conf: Mapping[str, Any], **settings: Any) -> Runner:
    """Bind the port that `settings` name and return what serves an application on it.

    The factory behind ``[server:main] use = egg:flasky``. Raises CannotStart when a setting is wrong or the port
    cannot be had.
    """
    show_plainly()
    place = Path(str(global_conf.get("__file__", ""))).name or "the INI file"
    grace, wanted = _check(settings, place)
    sockets = [] if "unix_socket" in wanted else _bind(wanted, place)

    def run(wsgi_app: Any) -> None:
        _serve(wsgi_app, sockets, wanted, grace, place)

    return run


def serve(wsgi_app: Any, global_conf: Mapping[str, Any], **settings: Any) -> None:
    """Serve `wsgi_app` until a signal ends the process; see `make_server`."""
    make_server(global_conf, **settings)(wsgi_app)


def _check(settings: Mapping[str, Any], place: str) -> tuple[float, dict[str, Any]]:
    """Return the seconds of grace and waitress's settings, each of which waitress accepts by itself."""
    given = dict(settings)
    section = f"{place}, section [server:main]"
    grace = _grace(given.pop("grace", GRACE_SECONDS), section)
    known = {name for name, _ in Adjustments._params}  # noqa: SLF001 - waitress offers no list of its settings
    problems = []
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, [*known, "grace"], n=1)
            problems.append(f"{name}: there is no such setting{f'. Did you mean {near[0]}?' if near else ''}")
        elif problem := _refused(name, value, given):
            problems.append(f"{name} = {value}: {problem}")
    if problems:
        raise CannotStart("\n".join(f"{section}, key {problem}" for problem in problems))
    defaults = dict(DEFAULTS)
    if given.keys() & {"listen", "unix_socket", "sockets"}:
        del defaults["host"], defaults["port"]
    return grace, {**defaults, **given}


def _grace(value: Any, section: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < 3600:
        raise CannotStart(f"{section}, key grace = {value}: expected seconds from 0 to 3600")
    return seconds


def _refused(name: str, value: Any, given: Mapping[str, Any]) -> str:
    if name in {"host", "listen"}:
        return ""
    if name == "port":
        number = str(value)
        fits = number.isascii() and number.isdigit() and int(number) < 65536
        return "" if fits else "expected a port from 0 to 65535"
    # What is read from a trusted proxy means nothing without its name.
    needed = {"trusted_proxy": given["trusted_proxy"]} if "trusted_proxy" in given else {}
    try:
        read = getattr(Adjustments(**{**needed, name: value}), name, None)
    except (ValueError, TypeError) as error:
        return str(error)
    return f"expected {_LEAST[name]} or more" if isinstance(read, int) and read < _LEAST.get(name, read) else ""


def _bind(settings: dict[str, Any], place: str) -> list[socket.socket]:
    """Bind every address that host and port, or `listen`, stand for. Who comes before the site is ready waits."""
    names = {name: settings.pop(name) for name in ("host", "port", "listen", "ipv4", "ipv6") if name in settings}
    try:
        addresses = Adjustments(**names).listen
    except ValueError as error:
        shown = names.get("listen") or f"{names.get('host')}:{names.get('port')}"
        raise CannotStart(f"{place}, section [server:main]: {shown} is no address to listen on: {error}") from error
    sockets: list[socket.socket] = []
    failed: list[tuple[Any, OSError]] = []
    for family, kind, protocol, wanted in addresses:
        # Port 0 means any free one: the same for each address of the host.
        port = sockets[0].getsockname()[1] if sockets and not wanted[1] else wanted[1]
        address = (wanted[0], port, *wanted[2:])
        try:
            sockets.append(_bound(family, kind, protocol, address))
        except OSError as error:
            failed.append((address, error))
    # A machine without IPv6 still has the name localhost for ::1; it is served on what there is.
    fatal = [item for item in failed if not sockets or item[1].errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}]
    if fatal:
        for bound in sockets:
            bound.close()
        raise CannotStart(_why_not(fatal[0][0], fatal[0][1], place))
    return sockets


def _bound(family: int, kind: int, protocol: int, address: Any) -> socket.socket:
    made = socket.socket(family, kind, protocol)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        # Two sockets may be bound to one port; that another program listens there shows only when this one does.
        made.listen(1024)
    except OSError:
        made.close()
        raise
    return made


def _why_not(address: Any, error: OSError, place: str) -> str:
    host, port = address[:2]
    change = f"choose another port under [server:main] in {place}"
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use: another program listens there. Stop it, or {change}."
    if error.errno == errno.EACCES:
        return f"Port {port} on {host} is only for the system's administrator: {change}, from 1024 on."
    return f"Port {port} on {host} cannot be had ({error.strerror}): {change}, or another host."


def _serve(wsgi_app: Any, sockets: list[socket.socket], settings: Mapping[str, Any], grace: float, place: str) -> None:
    registry = getattr(wsgi_app, "registry", None)
    if registry is not None:
        check_schema(get_site(registry))
    limit = _connection_limit(int(settings["connection_limit"]))
    table: dict[int, Any] = {}
    where = {"sockets": sockets} if sockets else {}
    try:
        dispatcher = Dispatcher(int(settings["threads"]))
        given = {**settings, **where, "connection_limit": limit}
        server = create_server(wsgi_app, map=table, _dispatcher=dispatcher, **given)
    except OSError as error:
        # The sockets of hosts are bound already.
        key = f"{place}, section [server:main], key unix_socket = {settings.get('unix_socket')}"
        raise CannotStart(f"{key}: no socket can be made there ({error.strerror})") from error
    dispatcher.set_thread_count(server.adj.threads)
    stopping = threading.Event()
    doors = [item for item in table.values() if isinstance(item, BaseWSGIServer)]
    for door in doors:
        door.channel_class = channel_class(stopping, registry)
    with _workers(registry), _signals(stopping, doors[0]):
        _announce(sockets, settings)
        if registry is not None:
            check_base_url(get_site(registry), [bound.getsockname()[1] for bound in sockets])
            registry.notify(ServingBegins(registry))
        while not stopping.is_set():
            _turn(table, server.adj, server.adj.asyncore_loop_timeout)
        _drain(table, doors, server.adj, grace)
        logger.info("Flasky has stopped")
    server.task_dispatcher.shutdown(timeout=1)
    wasyncore.close_all(table)


def _turn(table: dict[int, Any], adjustments: Any, seconds: float) -> None:
    wasyncore.loop(timeout=seconds, map=table, use_poll=adjustments.asyncore_use_poll, count=1)


@contextlib.contextmanager
def _workers(registry: Registry | None) -> Iterator[None]:
    """Deliver mails and do jobs in threads of this process, as the site wants it."""
    threads = []
    if registry is not None:
        settings = get_site(registry).settings
        starts = (
            ("flasky.mail_deliver", start_deliverer),
            ("flasky.jobs_run", start_worker),
            ("flasky.jobs_run", start_quick_worker),
        )
        threads = [start(registry) for wanted, start in starts if settings[wanted]]
        tell_who_does_jobs(registry)
    try:
        yield
    finally:
        deadline = time.monotonic() + _WORKERS_SECONDS
        for thread in threads:
            thread.tell()
        for thread in threads:
            thread.stop(max(0.0, deadline - time.monotonic()))


class _Impatient(Exception):
    """A second signal arrived: end at once."""


@contextlib.contextmanager
def _signals(stopping: threading.Event, door: Any) -> Iterator[None]:
    """Let SIGTERM and SIGINT set `stopping`, and wake the loop; a second one raises through it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: object) -> None:
        if stopping.is_set():
            raise _Impatient
        stopping.set()
        door.pull_trigger()

    former = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except _Impatient:
        logger.warning("Ended at once by a second signal; running requests were cut off")
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _drain(table: dict[int, Any], doors: list[Any], adjustments: Any, grace: float) -> None:
    """Close the doors, then answer what was asked, for at most `grace` seconds."""
    begun = time.monotonic()
    for door in doors:
        _accept_waiting(door)
        door.accepting = False
        door.del_channel()
        door.socket.close()
    while channels := _channels(doors):
        passed = time.monotonic() - begun
        if passed > grace:
            logger.warning("%d connection(s) were cut off after %g seconds of grace", len(channels), grace)
            return
        if passed > min(_LINGER_SECONDS, grace):
            for channel in channels:
                if _is_idle(channel):
                    channel.will_close = True
        _turn(table, adjustments, _POLL_SECONDS)


def _accept_waiting(door: Any) -> None:
    """Take in the connections that the system has already accepted: to their clients they are open."""
    before = -1
    while len(door.active_channels) != before:
        before = len(door.active_channels)
        door.handle_accept()


def _channels(doors: list[Any]) -> list[Any]:
    return [channel for door in doors for channel in list(door.active_channels.values())]


def _is_idle(channel: Any) -> bool:
    return not (channel.requests or channel.request or channel.total_outbufs_len)


def _connection_limit(wanted: int) -> int:
    """Bring the number of open files up to what `wanted` connections need, or the connections down to the files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted * _DESCRIPTORS_PER_CONNECTION + _SPARE_DESCRIPTORS
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    limit = max(8, (soft - _SPARE_DESCRIPTORS) // _DESCRIPTORS_PER_CONNECTION)
    logger.warning(
        "Only %d files may be open (ulimit -n), so at most %d connections are served at a time instead of %d",
        soft,
        limit,
        wanted,
    )
    return limit


def _announce(sockets: list[socket.socket], settings: Mapping[str, Any]) -> None:
    addresses = dict.fromkeys(_url(bound) for bound in sockets) or {str(settings.get("unix_socket")): None}
    _tell(f"Flasky is at {' and '.join(addresses)}")


def check_base_url(site: Site, ports: list[int]) -> None:
    """Warn when nobody has set the address of `site`, and the port of the one that stands in for it is none of `ports`.

    Its host is the one that [server:main] names, and a socket knows no more than the number of that.
    """
    base = site.settings.values_by_name["flasky.base_url"]
    if base.source == "default" and (urlsplit(base.value).port or _HTTP_PORT) not in ports:
        logger.warning(
            "Links in mails lead to %s/, where this site is not: set flasky.base_url under [app:main], or the "
            "environment variable FLASKY_BASE_URL",
            base.value,
        )


def _url(bound: socket.socket) -> str:
    return f"{local_address(*bound.getsockname()[:2])}/"


def _tell(text: str) -> None:
    # Whoever closed the output does not want to read it.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
