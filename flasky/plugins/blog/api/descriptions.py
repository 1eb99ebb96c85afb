"""What the OpenAPI document says of the blog's resources: plain values, in which the same part is the same object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid.config import Configurator

Part = dict[str, Any]

_INTEGER: Part = {"type": "integer"}
_TEXT: Part = {"type": "string"}
_FLAG: Part = {"type": "boolean"}
_MOMENT: Part = {"type": "string", "format": "date-time"}
_NUMBER_OR_NOT: Part = {"type": ["integer", "null"]}
_TEXT_OR_NOT: Part = {"type": ["string", "null"]}
_MOMENT_OR_NOT: Part = {"type": ["string", "null"], "format": "date-time"}
_TEXTS: Part = {"type": "array", "items": _TEXT}


def _object(**properties: Part) -> Part:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _reference(name: str) -> Part:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Part) -> Part:
    return {"anyOf": [schema, {"type": "null"}]}


_HIDDEN = _or_null(_object(at=_MOMENT, reason=_TEXT))
_AUTHOR = _or_null(_reference("BlogAuthor"))

_LISTED: dict[str, Part] = {
    "id": _INTEGER,
    "url": _TEXT,
    "title": _TEXT,
    "summary": {"type": "string", "description": "The beginning, as HTML."},
    "is_long": {"type": "boolean", "description": "Whether there is more than the summary."},
    "tags": _TEXTS,
    "author": _AUTHOR,
    "comment_count": _INTEGER,
    "published_at": _MOMENT_OR_NOT,
    "edited_at": _MOMENT_OR_NOT,
    "version": _INTEGER,
}
_COMMENT: dict[str, Part] = {
    "id": _INTEGER,
    "url": _TEXT,
    "post_id": _INTEGER,
    "author": _AUTHOR,
    "html": _TEXT,
    "created_at": _MOMENT,
    "edited_at": _MOMENT_OR_NOT,
    "version": _INTEGER,
    "hidden": _HIDDEN,
}
_BODY: Part = {"type": "string", "description": "What its author typed, as Markdown."}

SCHEMAS: dict[str, Part] = {
    # Without a profile (disabled, leaving) it is the name alone; null where the author has left.
    "BlogAuthor": _object(id=_NUMBER_OR_NOT, username=_TEXT, url=_TEXT_OR_NOT),
    "BlogListedPost": _object(**_LISTED),
    "BlogPost": _object(**_LISTED, html=_TEXT, body=_BODY, draft=_FLAG, hidden=_HIDDEN),
    "BlogListedComment": _object(**_COMMENT),
    "BlogComment": _object(**_COMMENT, body=_BODY),
    "BlogPerson": _object(id=_INTEGER, username=_TEXT, url=_TEXT_OR_NOT, name=_TEXT),
    "BlogMember": _object(
        id=_INTEGER,
        username=_TEXT,
        name=_TEXT,
        url=_TEXT,
        created_at=_MOMENT,
        follower_count=_INTEGER,
        following_count=_INTEGER,
        is_followed=_FLAG,
        follows_me=_FLAG,
    ),
}

_ID: Part = {"name": "id", "in": "path", "required": True, "schema": _INTEGER}
_LIMIT: Part = {
    "name": "limit",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1, "maximum": 100},
    "description": "How many at most.",
}
#: Where a list goes on. Their values come from the addresses `newer` and `older` of an answer.
_BY_PLACE: list[Part] = [_LIMIT, *({"name": name, "in": "query", "schema": _TEXT} for name in ("newer", "older"))]
_BY_ID: list[Part] = [_LIMIT, *({"name": name, "in": "query", "schema": _INTEGER} for name in ("after", "before"))]
_KNOWN: Part = {"name": "If-None-Match", "in": "header", "schema": _TEXT}
_REFUSED: Part = {"4XX": {"description": "What is wrong, as application/problem+json (RFC 9457)."}}


def _answer(description: str, schema: Part) -> Part:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _list(summary: str, name: str, item: str, parameters: list[Part]) -> Part:
    """The operation that lists something: `name` holds the items."""
    schema = _object(**{name: {"type": "array", "items": _reference(item)}}, newer=_TEXT_OR_NOT, older=_TEXT_OR_NOT)
    return {
        "summary": summary,
        "parameters": parameters,
        "responses": {"200": _answer("A part of the list, and where it goes on.", schema), **_REFUSED},
    }


def _one(summary: str, schema: str) -> Part:
    """The operation that shows something that has a version."""
    return {
        "summary": summary,
        "parameters": [_ID, _KNOWN],
        "responses": {
            "200": _answer("It, with an ETag that names this state of it.", _reference(schema)),
            "304": {"description": "It is as If-None-Match says."},
            **_REFUSED,
        },
    }


_TAG: Part = {"name": "name", "in": "path", "required": True, "schema": _TEXT}
_ASKED: Part = {"name": "q", "in": "query", "required": True, "schema": {"type": "string", "maxLength": 100}}

RESOURCES: dict[str, dict[str, Part]] = {
    "blog.api.posts": {"get": _list("The newest posts", "posts", "BlogListedPost", _BY_PLACE)},
    "blog.api.post": {"get": _one("A post", "BlogPost")},
    "blog.api.comments": {
        "get": _list("The comments on a post, the oldest first", "comments", "BlogListedComment", [_ID, *_BY_ID])
    },
    "blog.api.comment": {"get": _one("A comment", "BlogComment")},
    "blog.api.tag": {"get": _list("The posts with a tag", "posts", "BlogListedPost", [_TAG, *_BY_PLACE])},
    "blog.api.member": {
        "get": {
            "summary": "A member",
            "parameters": [_ID],
            "responses": {
                "200": _answer("Who they are, and how they stand to who asks.", _reference("BlogMember")),
                **_REFUSED,
            },
        }
    },
    "blog.api.member_posts": {"get": _list("The posts of a member", "posts", "BlogListedPost", [_ID, *_BY_PLACE])},
    "blog.api.followers": {"get": _list("Who follows a member", "members", "BlogPerson", [_ID, *_BY_ID])},
    "blog.api.following": {"get": _list("Whom a member follows", "members", "BlogPerson", [_ID, *_BY_ID])},
    "blog.api.search": {"get": _list("Posts with all these words", "posts", "BlogListedPost", [_ASKED, *_BY_ID])},
}


def describe(config: Configurator) -> None:
    """Add the schemas and the resources."""
    for name, schema in SCHEMAS.items():
        config.add_api_schema(name, schema)
    for route, operations in RESOURCES.items():
        config.add_api_resource(route, operations)
