"""Atom feeds and the sitemap, as XML that every reader parses.

They are built as trees, so that nothing a member wrote can end an element, and without the characters that XML
cannot hold (INJ-06).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from pyramid.request import Request

from flasky.languages import _
from flasky.plugins.blog.markdown import placed
from flasky.plugins.blog.reading import moment_of
from flasky.plugins.blog.titles import name_of

_ATOM = "http://www.w3.org/2005/Atom"
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
#: What XML 1.0 has no way to say.
_IMPOSSIBLE = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
#: A feed without an entry was last changed when there was nothing yet.
_LONG_AGO = "1970-01-01T00:00:00Z"
#: Characters of HTML up to which a feed has a post whole. The longest post of words has less; one of marks can become
#: ten times as long, and XML doubles it: twenty of them would be a feed of many megabytes.
_LONGEST_WHOLE = 50_000


def clean(text: str) -> str:
    """`text` without what XML cannot hold."""
    return re.sub(_IMPOSSIBLE, "�", text)


def atom(request: Request, title: str, own: str, page: str, rows: Sequence[Any]) -> bytes:
    """A feed of posts (rows of `reading.for_feed`), newest first: whole, or of very long ones the summary.

    `own` is its path, `page` that of the page with the same list. All its addresses are those of `request.public_url`:
    readers take an entry with another id for another entry (RED-02).
    """
    feed = Element("feed", {"xmlns": _ATOM, "xml:lang": request.locale_name})
    address = request.public_url(own)
    _add(feed, "id", address)
    _add(feed, "title", title)
    SubElement(feed, "link", {"rel": "self", "type": "application/atom+xml", "href": address})
    SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": request.public_url(page)})
    newest = updated(rows)
    _add(feed, "updated", _moment(newest) if newest else _LONG_AGO)
    for row in rows:
        _entry(request, feed, row)
    return _document(feed)


def updated(rows: Sequence[Any]) -> datetime | None:
    """When the last of these posts was published or edited; None for no post."""
    return max(map(_updated, rows), default=None)


def _updated(row: Any) -> datetime:
    edited: datetime | None = row.edited_at
    return edited or moment_of(row.listed_at)


def _entry(request: Request, feed: Element, row: Any) -> None:
    address = request.public_url(request.route_path("blog.post", id=row.id))
    entry = SubElement(feed, "entry")
    _add(entry, "id", address)
    _add(entry, "title", name_of(row.id, row.title, row.summary))
    SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": address})
    _add(entry, "published", _moment(moment_of(row.listed_at)))
    _add(entry, "updated", _moment(_updated(row)))
    author = SubElement(entry, "author")
    _add(author, "name", row.username or request.localizer.translate(_("a former member")))
    for tag in row.tag_names.split():
        SubElement(entry, "category", {"term": clean(tag)})
    people = request.public_url(request.route_path("blog.person", id="0")[:-1])
    if len(row.html) <= _LONGEST_WHOLE:
        text = _add(entry, "content", placed(row.html, people))
    else:
        text = _add(entry, "summary", placed(row.summary, people) + _to_the_rest(request, address))
    text.set("type", "html")
    # What its author links to without saying where is on this site.
    text.set("xml:base", address)


def _to_the_rest(request: Request, address: str) -> str:
    """A paragraph of HTML with a link to the whole post."""
    return f'<p><a href="{escape(address)}">{escape(request.localizer.translate(_("Read on")))}</a></p>\n'


def sitemap_index(addresses: Iterable[str]) -> bytes:
    """The list of the parts of the sitemap."""
    return _addresses("sitemapindex", "sitemap", ((address, None) for address in addresses))


def sitemap(home: str, pages: Iterable[tuple[str, datetime | None]]) -> bytes:
    """One part: pages that search engines may visit, and when each last changed, where that is known.

    Without any it names the address of the `home` page: the schema of sitemaps allows no empty part.
    """
    return _addresses("urlset", "url", list(pages) or [(home, None)])


def _addresses(name: str, part: str, addresses: Iterable[tuple[str, datetime | None]]) -> bytes:
    root = Element(name, {"xmlns": _SITEMAP})
    for address, changed in addresses:
        item = SubElement(root, part)
        _add(item, "loc", address)
        if changed is not None:
            _add(item, "lastmod", _moment(changed))
    return _document(root)


def _add(parent: Element, name: str, text: str) -> Element:
    child = SubElement(parent, name)
    child.text = clean(text)
    return child


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _document(root: Element) -> bytes:
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document
