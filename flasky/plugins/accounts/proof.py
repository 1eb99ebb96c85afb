"""Views that ask for the password again when the last proof of being oneself is older than half an hour.

    @view_config(route_name="…", permission="…", fresh_proof=True)

What was sent is kept while the password is typed, and then goes on (`drafts`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request

from flasky.plugins.accounts.work import work_of


class ProofNeeded(Exception):
    """Whoever is signed in has to give their password again before this view answers."""


def demand_proof(view: Callable[[Any, Request], Any], info: Any) -> Callable[[Any, Request], Any]:
    """A view deriver: a view with `fresh_proof=True` raises ProofNeeded while the last proof is too old."""
    if not info.options.get("fresh_proof"):
        return view

    def guarded(context: Any, request: Request) -> Any:
        identity = request.identity
        if identity is None or not identity.proved(work_of(request).now()):
            raise ProofNeeded
        return view(context, request)

    return guarded


demand_proof.options = ("fresh_proof",)  # type: ignore[attr-defined]


def includeme(config: Configurator) -> None:
    """Add the view option; who may not use the view at all is refused before."""
    config.add_view_deriver(demand_proof, "accounts_proof", under="secured_view")
