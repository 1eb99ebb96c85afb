"""What runs for every request: a mark in its environ, to see whose turn comes when."""

from __future__ import annotations


def note(event):
    """Note on the request that the subscriber ran."""
    event.request.environ.setdefault("sample.order", []).append("board")


def tween(handler, _registry):
    """Note on the answer that the request came by."""

    def marked(request):
        response = handler(request)
        response.headers["X-Board"] = "here"
        return response

    return marked
