"""Text that tries to become code in a browser, made from parts; and shapes that made Markdown parsers slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

_SCHEMES = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "javascript&colon;alert(1)",
    "javascript&#58;alert(1)",
    "&#106;avascript:alert(1)",
    "&#x6A;avascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD4=",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:https://x/1",
    "javascript%3Aalert(1)",
    "//evil.example/x",
    "\\\\evil.example\\x",
    "javascript\u2028:alert(1)",
    " javascript:alert(1)",
    "view-source:javascript:alert(1)",
    "data:image/png;base64,iVBORw0KGgo=",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "ftp://evil.example/x",
    "tel:+15550100",
    "sms:+15550100?body=x",
    "intent://scan/#Intent;scheme=evil;end",
)
_LINKS = (
    "[a]({})",
    "[a](<{}>)",
    "[a]({} 'title')",
    "![a]({})",
    "![a](<{}>)",
    "<{}>",
    "[a][r]\n\n[r]: {}",
    "[r]\n\n[r]: <{}>",
    "[![a]({})]({})",
    "<a href='{}'>a</a>",
    '[a]({}"onmouseover=alert(1)//)',
)
_HTML = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script>",
    "<iframe src=javascript:alert(1)>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<math><mi//xlink:href='data:x,1'>",
    "<form action=javascript:alert(1)><input type=submit>",
    "<style>@import 'x'</style>",
    "<link rel=stylesheet href=x>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<base href=//evil>",
    "<meta http-equiv=refresh content=0>",
    "<input onfocus=alert(1) autofocus>",
    "<a onclick=alert(1)>a</a>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<template><script>alert(1)</script></template>",
    "</p><script>alert(1)</script>",
    "<mglyph><style><img src=x onerror=alert(1)>",
    "<p style=position:fixed>",
    "<p class=navbar id=content>",
    "{{ 7*7 }}",
    "${7*7}",
)
_PLACES = (
    "{}",
    "> {}",
    "- {}",
    "# {}",
    "**{}**",
    "`{}`",
    "```\n{}\n```",
    "|a|\n|-|\n|{}|",
    "[{}](https://example.com)",
)
_FENCES = ('```"><script>alert(1)</script>\nx\n```', "```x onclick=alert(1)\nx\n```", "~~~navbar fixed\nx\n~~~")


def vectors() -> Iterator[str]:
    """Each kind of link with each scheme, and each piece of HTML in each place of Markdown."""
    for link in _LINKS:
        for scheme in _SCHEMES:
            yield link.replace("{}", scheme)
    for place in _PLACES:
        for piece in _HTML:
            yield place.replace("{}", piece)
    yield from _FENCES


def _repeated(piece: str) -> Callable[[int], str]:
    return lambda size: (piece * (size // len(piece) + 1))[:size]


def _references(definition: str, piece: str) -> Callable[[int], str]:
    """A half defines a link, with as many letters as there is room for, and the other half uses it."""
    return lambda size: f"{definition.format('b' * (size // 2 - 20))}\n\n" + _repeated(piece)(size // 2)


def _below(beginning: str, line: str) -> Callable[[int], str]:
    """One deep beginning, and below it lines that go on with its paragraph without its marks."""
    return lambda size: beginning + _repeated(line)(size - len(beginning))


def _numbered(piece: str) -> Callable[[int], str]:
    """A piece that is another one each time: it holds its number."""
    return lambda size: "".join(map(piece.format, range(size // len(piece) + 1)))[:size]


def _short_rows(size: int) -> str:
    """A wide head with rows that lack nearly all of its cells."""
    columns = size // 20
    return _below("|a" * columns + "|\n" + "|-" * columns + "|\n", "|\n")(size)


#: Shapes by name: each a function from a number of characters to a text of that length.
SHAPES: dict[str, Callable[[int], str]] = {
    name: _repeated(piece)
    for name, piece in {
        "brackets": "[",
        "image brackets": "![",
        "tags": "<a ",
        "open links": "[a](",
        "empty links": "[](",
        "closing": "](",
        "backticks": "`",
        "stars": "*",
        "underscores": "_",
        "strong": "**a",
        "alternating": "*_",
        "quotes": "> ",
        "bullets": "* a\n",
        "numbers": "1. ",
        "dashes": "- ",
        "paragraphs": "a\n\n",
        "tables": "|a|b|\n|-|-|\n",
        "pipes": "|",
        "tildes": "~~a",
        "entities": "&amp",
        "backslashes": "\\",
        "less than": "<",
        "comments": "<!--",
        "fences": "```\n",
        "references": "[a]: b\n",
        "headings": "# ",
        "words": "word ",
        "letters": "a",
        "中文": "胡同",
        "backtick runs": "`a``b```c",
        "mentions": "@a ",
        "mentions in 中文": "中@文化",
        "one mention of many words": "@" + "a b-" * 20,
        "headings in turn": "# a\n### b\n",
        "addresses": "http://a ",
        "one long address": "http://a)",
        "addresses of nothing": "http://(",
        "addresses without a scheme": "://a",
        "addresses within words": "ahttp://a",
        "addresses in 中文": "http://a中",
        "addresses that lead nowhere": "/http://a:99999",
        "addresses in marks": "*http://a*中",
        "pictures": "![](b)",
        "pictures in pictures": "![a",
        "marks beside 中文": "**中",
        "quotes anew": ">" * 29 + "a\n\n",
        "lists anew": "- " * 14 + "> a\nb\n",
        "empty quotes": ">\n\n",
        "empty code": "```\n```\n",
        "empty code in quotes": ">```\n\n",
        "empty code in quotes within quotes": ">>```\n\n",
        "empty code below quotes": ">" * 29 + "```\n\n",
        "lists in turn": "-\n+\n",
        "lists and quotes": "-\n>>",
        "letters in strong marks": "****a**** ",
    }.items()
} | {
    "long numbers": _repeated(f"&#{'9' * 4400};"),
    "references used": _references('[a]: /x "{}"', "[a] "),
    "long references used": _references("[a]: http://x/{}", "[a] "),
    "pictures by reference": _references('[a]: /x "{}"', "![a] "),
    "references without words": _references("[a]: /{}", "[][a] "),
    "quoted references used": _references('[a]: /x&&&& "&&&&{}"', "[a]\n"),
    "lines below quotes": _below(">" * 30 + "a\n", "b\n"),
    "marks below quotes": _below(">" * 29 + "a\n", "<\n"),
    "lines below quoted lists": _below("> - " * 10 + "a\n", "b\n"),
    "short rows": _short_rows,
    "letters in rows": _below("|a|\n|-|\n", "a\n"),
    "lists and quotes below a quote": _below("\n> @~~~<tp://a", "\n-\n>>"),
    "different links": _numbered("[a](/{}) "),
    "different titles": _numbered("[a](/{} '" + '"' * 190 + "') "),
}
