"""Error pages: the template's if it can be rendered, a fixed one if not, JSON for clients that ask for it."""

from __future__ import annotations

from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from translationstring import TranslationString

from flasky.errors.exceptions import in_english
from flasky.errors.fixed import COMMON_HEADERS, HTML, JSON, fixed_html, prefers_json, problem_json
from flasky.errors.problems import Problem
from flasky.errors.report import Report
from flasky.templating import get_environment

TEMPLATE = "errors/error.jinja2"


def answer(problem: Problem, request: Request, report: Report | None = None) -> Response:
    """The answer for `problem`. `report` is what developers see besides; without it only the harmless text is sent.

    Raises what the template raises.
    """
    title, detail = translated(request, problem.title), translated(request, problem.detail)
    if prefers_json(request.environ):
        more: dict[str, Any] = {"developer": report.as_json()} if report else {}
        if problem.errors:
            more["errors"] = {
                field: [translated(request, sentence) for sentence in sentences]
                for field, sentences in problem.errors.items()
            }
        return _response(problem, JSON, problem_json(problem.status, title, detail, request.id, **more))
    template = get_environment(request.registry).get_template(TEMPLATE)
    page = template.render(
        request=request, status=problem.status, title=title, detail=detail, request_id=request.id, report=report
    )
    return _response(problem, HTML, page.encode("utf-8", "backslashreplace"))


def plain_answer(problem: Problem, request: Request) -> Response:
    """The same without templates and translations, for when one of them failed."""
    title, detail = str(problem.title), in_english(problem.detail)
    if prefers_json(request.environ):
        return _response(problem, JSON, problem_json(problem.status, title, detail, request.id))
    return _response(problem, HTML, fixed_html(problem.status, title, [detail], request.id))


def _response(problem: Problem, content_type: str, body: bytes) -> Response:
    """A response with the problem's headers; what Allow, Location, Retry-After and the like say is kept."""
    headers = [*problem.headers, *COMMON_HEADERS, ("Content-Type", content_type), ("Content-Length", str(len(body)))]
    response = Response(headerlist=headers, app_iter=[body])
    response.status_int = problem.status
    return response


def translated(request: Request, text: str) -> str:
    """A text in the visitor's language, with those of its values that are marked for translation in it, too."""
    if not isinstance(text, TranslationString):
        return text
    values = {name: translated(request, value) for name, value in (text.mapping or {}).items()}
    found: str = request.localizer.translate(TranslationString(text, mapping=values))
    return found
