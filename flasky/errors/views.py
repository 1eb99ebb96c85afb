"""The exception views; each answers HTML or JSON by what the client accepts.

None of them touches the database, the session or who is signed in: any of these may be what failed, and in the case
of a failed commit they are gone already (P8). None of them raises: what would escape here is a bare page of the
server's.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from pyramid.httpexceptions import HTTPException
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import exception_view_config, forbidden_view_config, notfound_view_config

from flasky.errors.failures import Failure, note
from flasky.errors.fixed import last_resort_page
from flasky.errors.problems import Problem, describe_for_log, explain
from flasky.errors.rendering import answer, plain_answer
from flasky.errors.report import Report, make_report
from flasky.logs import shown_path
from flasky.ownership import kind_of_error, owner_of_error, owner_of_request
from flasky.site import get_site


@notfound_view_config()
@forbidden_view_config()
@exception_view_config(HTTPException)
def http_exception(error: HTTPException, request: Request) -> Response:
    """The page of an HTTP error; a redirect that was raised stays the redirect that it is."""
    if error.code < HTTPStatus.BAD_REQUEST:
        return error
    return _page(error, request)


@exception_view_config(Exception)
def other_exception(error: Exception, request: Request) -> Response:
    """The page of any other error."""
    return _page(error, request)


def _page(error: Exception, request: Request) -> Response:
    try:
        problem = explain(error, request)
        _note(error, problem, request)
    except Exception as failed:  # noqa: BLE001 - whatever breaks here, the visitor gets a page
        return _last(failed, error, request)
    try:
        return answer(problem, request, _report(error, problem, request))
    except Exception as failed:  # noqa: BLE001 - a template, a translation, somebody's __repr__
        _note_also(failed, request)
    try:
        return plain_answer(problem, request)
    except Exception as failed:  # noqa: BLE001 - nothing of the request can be relied on
        return _last(failed, error, request)


def _last(failed: Exception, error: Exception, request: Request) -> Response:
    owner = owner_of_error(request.registry, error)
    line, kind = f"{shown_path(request.environ)} plugin={owner}: 500", kind_of_error(request.registry, error)
    note(request.environ, Failure(logging.ERROR, line, error, owner, kind))
    _note_also(failed, request)
    headers, body = last_resort_page(request.environ)
    return Response(body, status=500, headerlist=headers)


def _note(error: Exception, problem: Problem, request: Request) -> None:
    if problem.level:
        owner = owner_of_error(request.registry, error, owner_of_request(request))
        line = describe_for_log(problem, request, shown_path(request.environ), owner)
        kind = kind_of_error(request.registry, error)
        note(request.environ, Failure(problem.level, line, error if problem.with_traceback else None, owner, kind))


def _note_also(failed: Exception, request: Request) -> None:
    owner = owner_of_error(request.registry, failed)
    line = f"{shown_path(request.environ)}: the error page failed, plugin={owner}"
    note(request.environ, Failure(logging.ERROR, line, failed, owner))


def _report(error: Exception, problem: Problem, request: Request) -> Report | None:
    """What developers see; None outside of development, and where there is nothing to add."""
    site = get_site(request.registry)
    if site.environment != "development" or not problem.reason:
        return None
    # Alembic is imported when an error first asks for it, and in production never.
    from flasky.migrations.state import explain_missing_table  # noqa: PLC0415 - see above

    advice = explain_missing_table(error, site) or ""
    whole = problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return make_report(error, request, site, reason=problem.reason, advice=advice, whole=whole)
