"""What the OpenAPI document says of the blog's resources: plain values, in which the same part is the same object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flasky.plugins.blog import limits

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
    "BlogUnlistedPost": _object(
        **{name: _LISTED[name] for name in ("id", "url", "title", "summary", "is_long")},
        created_at=_MOMENT,
        published_at=_MOMENT_OR_NOT,
        draft=_FLAG,
        hidden=_HIDDEN,
    ),
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
    "schema": {"type": "integer", "minimum": 1, "maximum": limits.MOST_LISTED},
    "description": "How many at most.",
}
#: Where a list goes on. Their values come from the addresses `newer` and `older` of an answer.
_BY_PLACE: list[Part] = [_LIMIT, *({"name": name, "in": "query", "schema": _TEXT} for name in ("newer", "older"))]
_BY_ID: list[Part] = [_LIMIT, *({"name": name, "in": "query", "schema": _INTEGER} for name in ("after", "before"))]
_KNOWN: Part = {"name": "If-None-Match", "in": "header", "schema": _TEXT}
_REFUSED: Part = {"4XX": {"description": "What is wrong, as application/problem+json (RFC 9457)."}}


_CHANGES: Part = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "schema": _TEXT,
    "description": "The ETag of what is changed: 428 without, 412 when it has changed since.",
}
_MAY_CHANGE: Part = {
    **_CHANGES,
    "required": False,
    "description": "The ETag of what was read: 412 when it has changed.",
}
_KEY: Part = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": f"^[A-Za-z0-9_-]{{1,{limits.LONGEST_KEY}}}$"},
    "description": "Sent again with the same key, the same request makes nothing more.",
}
_DONE: Part = {"204": {"description": "It is so."}, **_REFUSED}


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


def _body(*needed: str, **properties: Part) -> Part:
    schema = {"type": "object", "properties": properties, "required": list(needed), "additionalProperties": False}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _make(summary: str, schema: str, body: Part, parameters: list[Part]) -> Part:
    made = _answer("It is made; Location says where it is.", _reference(schema))
    return {
        "summary": summary,
        "parameters": [*parameters, _KEY],
        "requestBody": body,
        "responses": {"201": made, **_REFUSED},
    }


def _change(summary: str, schema: str, body: Part) -> Part:
    return {
        "summary": summary,
        "parameters": [_ID, _CHANGES],
        "requestBody": body,
        "responses": {"200": _answer("It is changed.", _reference(schema)), **_REFUSED},
    }


def _do(summary: str, *parameters: Part, **more: Part) -> Part:
    return {"summary": summary, "parameters": [_ID, *parameters], **more, "responses": _DONE}


_FIELDS: dict[str, Part] = {
    "title": {"type": "string", "maxLength": limits.LONGEST_TITLE},
    "body": {"type": "string", "maxLength": limits.LONGEST_BODY, "description": "Markdown."},
    "tags": {"type": "array", "items": _TEXT, "maxItems": limits.MOST_TAGS},
    "draft": _FLAG,
}
_SAID: Part = {"type": "string", "maxLength": limits.LONGEST_COMMENT, "description": "Markdown."}
_HIDE = _body("reason", reason={"type": "string", "maxLength": limits.LONGEST_REASON})
_HIDING: dict[str, Part] = {
    "put": _do("Hide it, with a reason that its author reads", _MAY_CHANGE, requestBody=_HIDE),
    "delete": _do("Show it again", _MAY_CHANGE),
}

_TAG: Part = {"name": "name", "in": "path", "required": True, "schema": _TEXT}
_ASKED: Part = {
    "name": "q",
    "in": "query",
    "required": True,
    "schema": {"type": "string", "maxLength": limits.LONGEST_QUERY},
}

RESOURCES: dict[str, dict[str, Part]] = {
    "blog.api.posts": {
        "get": _list("The newest posts", "posts", "BlogListedPost", _BY_PLACE),
        "post": _make("Write a post, or a draft", "BlogPost", _body("body", **_FIELDS), []),
    },
    "blog.api.post": {
        "get": _one("A post", "BlogPost"),
        "patch": _change("Change fields of one's own post", "BlogPost", _body(**_FIELDS)),
        "delete": _do("Delete one's own post, with its comments", _CHANGES),
    },
    "blog.api.comments": {
        "get": _list("The comments on a post, the oldest first", "comments", "BlogListedComment", [_ID, *_BY_ID]),
        "post": _make("Comment on a post", "BlogComment", _body("body", body=_SAID), [_ID]),
    },
    "blog.api.comment": {
        "get": _one("A comment", "BlogComment"),
        "patch": _change("Change one's own comment", "BlogComment", _body("body", body=_SAID)),
        "delete": _do("Delete one's own comment", _CHANGES),
    },
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
    "blog.api.timeline": {
        "get": _list("The newest posts of those whom one follows, and one's own", "posts", "BlogListedPost", _BY_PLACE)
    },
    "blog.api.drafts": {"get": _list("One's drafts and hidden posts", "posts", "BlogUnlistedPost", _BY_ID)},
    "blog.api.follow": {"put": _do("Follow a member"), "delete": _do("Follow a member no longer")},
    "blog.api.hidden_post": _HIDING,
    "blog.api.hidden_comment": _HIDING,
}


def describe(config: Configurator) -> None:
    """Add the schemas and the resources."""
    for name, schema in SCHEMAS.items():
        config.add_api_schema(name, schema)
    for route, operations in RESOURCES.items():
        config.add_api_resource(route, operations)
