"""Markdown: safe whatever is written (XSS-01)."""

from __future__ import annotations

import re
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from blog_vectors import vectors

from flasky.plugins.blog import markdown, titles

ALLOWED = {
    "href": {"a"}, "title": {"a"}, "rel": {"a"}, "start": {"ol"}, "class": {"code"},
    "tabindex": {"pre", "table"}, "dir": {"ul", "ol", "blockquote"},
}  # fmt: skip
#: What a browser takes for the scheme of an address: it drops blanks and control characters before and within it.
SCHEME = re.compile(r"[\x00-\x20]*[a-zA-Z](?:[a-zA-Z0-9+.\x00-\x20-])*:")
GOOD = re.compile(r"(?:https?|mailto):", re.IGNORECASE)


class Reader(HTMLParser):
    """Notes what a browser could run or load; another parser than the one under test."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "img", "iframe", "svg", "style", "form", "input", "object", "embed", "math", "link"}:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            if tag not in ALLOWED.get(name, ()):
                self.faults.append(f"{tag} {name}={value}")
            if name == "href" and SCHEME.match(value or "") and not GOOD.match(value or ""):
                self.faults.append(f"href={value}")


def faults(html: str) -> list[str]:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader.faults


def test_there_are_at_least_300_vectors() -> None:
    assert len(set(vectors())) >= 300


def test_xss_01_a_link_leads_to_this_site_to_another_one_or_into_a_mail() -> None:
    """By a list of what an address may begin with, as a browser reads it: what is not known is not allowed."""
    for beginning in ("ftp:", "tel:", "sms:", "intent:", "data:image/"):
        assert any(f"]({beginning}" in vector for vector in vectors()), beginning
    for vector in vectors():
        rendered = markdown.render(f"{vector} [a](http://a) [b](https://b) [c](mailto:c@d) [e](/f)")
        schemes = {urlsplit(address).scheme for address in addresses(rendered.html) | addresses(rendered.summary)}
        assert schemes <= {"", "http", "https", "mailto"}, vector


def addresses(html: str) -> set[str]:
    """Where the links lead."""
    return {unescape(address) for address in re.findall(r'href="([^"]*)"', html)}


def test_xss_01_no_vector_makes_anything_that_runs_or_loads() -> None:
    bad = {}
    for vector in vectors():
        rendered = markdown.render(vector)
        if problems := faults(rendered.html) + faults(rendered.summary):
            bad[vector] = problems
    assert not bad


def test_other_html_of_the_same_text_has_another_number() -> None:
    """Otherwise `flasky blog rebuild` leaves what is stored as it is.

    Where this fails, raise `markdown.PIPELINE` and note it here with the digest. Each bound of the pipeline is met.
    """
    texts = (
        "# One\n\n*a* **b** ~~c~~ `d` [e](f.org 'g') <https://h.org> www.i.org @anna\n\n1. j\n\n---\n\n```k\nl\n```\n",
        "|a|b|\n|-|-|\n|c|\n\n<b>raw</b> ![d](e) [f](javascript:g) \\@anna 中**文。**字",
        ">" * 40 + "deep\n\n" + "- " * 40 + "deep\n\n" + "*a **b " * 12 + "c** d*" * 12,
        (">" * 29 + "quotes anew\n\n") * 60 + ("- " * 14 + "> lists anew\nb\n") * 60,
        "|a" * 12 + "\n" + "|-" * 12 + "\n" + "|\n" * 60 + f"\n[a](b.org '{'t' * 300}')",
        "[a]\n" * 60 + f"\n[a]: http://b.org/{'c' * 200}\n",
        "long " * 300 + "w" * 60 + "\n\nmore",
        "[a](b.md) [c](d.md/e) [f](g@h.md)",
        "empty\n\n" + ">>\n\n" * 40,
        "empty\n\n" + "```\n```\n" * 40,
        "    code\n\n---\n" * 40,
        "a\\\n" * 60,
        "> " + "[a](/b 'c') " * 10 + "****a**** " * 350,
        "lists in turn\n\n" + "-\n+\n" * 1000,
    )
    made = [markdown.render(text) for text in texts]
    digest = sha256("\0".join(part for one in made for part in (one.html, one.summary)).encode()).hexdigest()
    assert (markdown.PIPELINE, digest[:16]) == (14, "adea1b3ab407b3ec")


def test_the_test_can_see_what_is_bad() -> None:
    assert faults('<p><a href="javascript:x">y</a><img src=x onerror=y></p>')


def test_links_of_members_are_marked_as_such() -> None:
    assert 'rel="nofollow ugc noopener"' in markdown.render("[a](https://example.com)").html


def test_xss_03_deep_nesting_never_raises() -> None:
    for nested in ("\n".join("  " * level + "- a" for level in range(300)), "> " * 5000 + "a", "*" * 9999 + "a"):
        assert markdown.render(nested).html


@pytest.mark.parametrize("mark", ["- ", "> ", "1. ", "> - "])
def test_what_is_nested_too_deeply_is_shown_as_text(mark: str) -> None:
    """Fifteen lists within each other are lists; of more none loses a word."""
    blanks = {"- ": "  ", "1. ": "   "}.get(mark, mark)
    source = "\n".join(f"{blanks * level}{mark}item {level}.\n{blanks * level}>" for level in range(60))
    text = markdown.text_of(markdown.render(source.replace("\n>", "\n")).html)
    assert [level for level in range(60) if f"item {level}." not in text] == []
    lists = markdown.render("\n".join("  " * level + "- item" for level in range(15))).html
    assert (lists.count('<ul dir="auto">'), lists.count("<li>item")) == (15, 15)
    assert markdown.render("> " * 30 + "deep").html.count('<blockquote dir="auto">') == 30
    for brackets, is_link in ((8, True), (10, False)):
        html = markdown.render(f"[{'[' * brackets}a{']' * brackets}](/b)").html
        assert ("<a " in html, "a" in markdown.text_of(html)) == (is_link, True)


@pytest.mark.parametrize("marks", [">", ">>", "> - >"])
def test_a_line_without_marks_goes_on_with_a_paragraph_however_deep_it_stands(marks: str) -> None:
    html = markdown.render(f"{marks} a\n    1. b\nc").html
    assert html.count("a<br>\n1. b<br>\nc") == 1


def test_headings_come_below_those_of_the_page() -> None:
    rendered = markdown.render("# A")
    assert "<h2>A</h2>" in rendered.html
    assert "<h3>A</h3>" in rendered.summary
    assert "<h3>A</h3>" in markdown.render("# A", above=2).html


def test_a_long_text_has_a_summary_that_is_whole_html() -> None:
    rendered = markdown.render("\n\n".join(f"**Paragraph {number}** " + "word " * 30 for number in range(20)))
    assert rendered.is_long
    assert rendered.summary.count("<p>") == rendered.summary.count("</p>") < 10
    long = markdown.render("w" * 5000)
    assert long.is_long
    assert len(long.summary) < 1000


#: One character longer than an address may be.
LONG = "http://e.org/" + "x" * 1992
LINK = '<a href="http://e.org" rel="nofollow ugc noopener">'


@pytest.mark.parametrize(
    ("source", "begins", "ends"),
    [
        ("**bold** and [a link](http://e.org) " * 60, f"<p><strong>bold</strong> and {LINK}a link</a>", " …</p>\n"),
        ("**[" + "word " * 300 + "](http://e.org)**", f"<p><strong>{LINK}word", "word</a></strong> …</p>\n"),
        ("# " + "*word* " * 300, "<h3><em>word</em>", " …</h3>\n"),
        ("- an **item**\n" * 60, '<ul dir="auto">\n<li>an <strong>item</strong></li>', "</strong></li>\n</ul>\n"),
        (
            "1. a\n   - " + "word " * 300,
            '<ol dir="auto">\n<li>a\n<ul dir="auto">\n<li>word',
            " …</li>\n</ul>\n</li>\n</ol>\n",
        ),
        ("> " + "`code` " * 300, '<blockquote dir="auto">\n<p><code>code</code>', " …</p>\n</blockquote>\n"),
        (
            "```py\n" + "print(1)\n" * 90 + "```",
            '<pre tabindex="0"><code class="language-py">print(1)',
            "\n…\n</code></pre>\n",
        ),
        ("    " + "x" * 5000, '<pre tabindex="0"><code>xxx', "x\n…\n</code></pre>\n"),
        (
            "|a|b|\n|-|-|\n" + "|one|**two**|\n" * 90,
            '<table tabindex="0">\n<thead>\n<tr>\n<th>a</th>',
            "</tr>\n</tbody>\n</table>\n",
        ),
        ("---\n" * 300, "<hr>\n<hr>", "<hr>\n"),
        ("胡同 " + "胡同，" * 400, "<p>胡同 胡同，", "，胡同 …</p>\n"),
        ("a\n" * 300, "<p>a<br>\na<br>", " …</p>\n"),
    ],
)
def test_the_summary_of_each_kind_of_block_is_the_beginning_of_what_it_is(source: str, begins: str, ends: str) -> None:
    rendered = markdown.render(source)
    assert rendered.is_long
    assert rendered.summary.startswith(begins)
    assert rendered.summary.endswith(ends)
    for source_of_markup in ("**", "](", "|", "```"):
        assert source_of_markup not in rendered.summary
    tags = re.findall(r"<(/?)([a-z0-9]+)", rendered.summary)
    opened = [tag for slash, tag in tags if not slash and tag not in {"br", "hr"}]
    assert sorted(opened) == sorted(tag for slash, tag in tags if slash)
    assert not faults(rendered.summary)


def test_what_shows_nothing_or_next_to_it_is_long_too() -> None:
    """Empty quotations and blocks of code have a line each on the page, and what is marked has its marks."""
    for source in (">>```\n\n", ">```\n\n", ">\n\n", "```\n```\n", ">" * 29 + "```\n\n"):
        # Few enough to be shown as what they are.
        rendered = markdown.render(f"x\n\n{source * 60}")
        assert rendered.is_long, source
        assert rendered.summary.startswith("<p>x</p>\n<")
        assert len(rendered.summary) < 5000, source
    # However deep they stand, the words of a quotation are shown, and code of which all is shown does not go on.
    assert "word word" in markdown.render(">" * 30 + "word " * 300).summary
    code = "> " + "word " * 90 + "\n\n```\n```\n"
    assert markdown.render(code + "end " * 200).summary.count("…") == 1


def test_a_summary_that_is_much_longer_than_what_it_shows_has_its_words_alone() -> None:
    title = '"' * 190
    for source, words in (
        ("![](b)" * 5000, "bbb"),
        ("****a**** " * 350, "a a a"),
        ("".join(f"[<](/{number} '{title}') " for number in range(90)), "&lt; &lt;"),
    ):
        rendered = markdown.render(f"> {source}")
        assert rendered.is_long
        assert rendered.summary.startswith(f"<p>{words}")
        assert rendered.summary.endswith(" …</p>\n")
        assert rendered.summary.count("…") == 1
        assert rendered.summary.count("<") == 2
        assert len(rendered.summary) < 5000


def test_what_a_post_is_called_is_remembered_of_short_html_alone() -> None:
    """Five hundred of the longest would be megabytes in each process."""
    titles._kept_opening.cache_clear()
    for html in ("<p>The old gate</p>\n", f"<p>The old gate<a title='{'x' * 2000}'></a></p>\n"):
        assert titles.name_of(7, "", html) == "The old gate"
    assert titles._kept_opening.cache_info().currsize == 1


@pytest.mark.parametrize("piece", ["-\n+\n", "\n-\n>>", ">\n-\n"])
def test_xss_03_a_text_that_would_become_too_long_is_shown_as_it_was_written(piece: str) -> None:
    source = "@anna\n\n" + piece * 2000
    rendered = markdown.render(source, members=everybody)
    assert rendered.html.startswith('<pre tabindex="0"><code>@anna\n')
    assert unescape(re.sub("<[^>]*>", "", rendered.html)).strip() == source.strip()
    assert rendered.mentioned == ()
    assert rendered.is_long
    assert rendered.summary.endswith("\n…\n</code></pre>\n")
    assert markdown.render("@anna\n\n" + piece * 20, members=everybody).mentioned == (1,)


def test_what_is_short_stays_whole_and_a_table_keeps_whole_rows() -> None:
    for source in ("- a\n" * 12, "|a|b|\n|-|-|\n" + "|c|d|\n" * 8, "```\n" + "x = 1\n" * 20 + "```", "word " * 150):
        rendered = markdown.render(source)
        assert (rendered.summary, rendered.is_long) == (rendered.html, False), source
    rows = markdown.render("|a|b|\n|-|-|\n" + "|one|" + "two " * 30 + "|\n" * 90).summary
    assert rows.count("<td>") % 2 == 0
    # Longer than there is room for in one line: nothing of the address is cut in two.
    assert markdown.render(f"[x](http://e.org/{'y' * 5000}) z").summary == "<p> …</p>\n"


def test_nothing_says_that_there_is_more_where_there_is_not() -> None:
    """Addresses count for less than words, as they are not seen; what was not cut is the whole."""
    link = f"[text](https://e.org/{'a' * 900})"
    for source in (link, f"# {link}", f"- {link}", f"> **{link}**"):
        rendered = markdown.render(source)
        assert not rendered.is_long, source
        assert rendered.summary.replace("h3", "h2") == rendered.html
    assert markdown.render(f"# {link}\n\n" + "word " * 300).is_long


@pytest.mark.parametrize(
    ("source", "address", "rest"),
    [
        ("see http://e.org", "http://e.org", ""),
        ("HTTPS://e.org/a_b_c/__init__.py?x=1*2.", "HTTPS://e.org/a_b_c/__init__.py?x=1*2", "."),
        ("(http://e.org/w_(x)), then", "http://e.org/w_(x)", "), then"),
        ("http://e.org/w_(x", "http://e.org/w_(x", ""),
        ("**http://e.org**", "http://e.org", "</strong>"),
        ("看http://e.org。后面", "http://e.org", "。后面"),
        ("“http://e.org/x”", "http://e.org/x", "”"),
        ("http://e.org：看", "http://e.org", "：看"),
        ('http://e.org/"onclick="x', "http://e.org/", '"onclick='),
        ("http://e.org/<script>", "http://e.org/", "&lt;script&gt;"),
        ("http://e.org/@anna", "http://e.org/@anna", ""),
        ("请看http://e.org的文章", "http://e.org", "的文章"),
        ("http://e.org...看", "http://e.org", "...看"),
        ("http://e.org:8080端口", "http://e.org:8080", "端口"),
        ("http://e.org/a的文章", "http://e.org/a", "的文章"),
        ("http://e.org/的文章", "http://e.org/", "的文章"),
        ("http://e.org/%E7%9A%84?q=1に", "http://e.org/%E7%9A%84?q=1", "に"),
    ],
)
def test_an_address_is_a_link_to_itself(source: str, address: str, rest: str) -> None:
    rendered = markdown.render(source, members=everybody)
    found = re.findall(r'<a href="([^"]*)" rel="nofollow ugc noopener">([^<]*)</a>([^<]*(?:</strong>)?)', rendered.html)
    assert len(found) == 1
    assert found[0][:2] == (address, address)
    assert found[0][2].startswith(rest)
    assert rendered.mentioned == ()


def test_a_name_of_a_site_in_a_script_without_blanks_is_a_link_and_one_that_goes_over_into_it_ends_there() -> None:
    for source, href, shown in (
        ("http://例子.中国/a看", "http://xn--fsqu00a.xn--fiqs8s/a", "http://例子.中国/a"),
        ("http://www.例子.com看", "http://www.xn--fsqu00a.com", "http://www.例子.com"),
        ("http://é.org/é", "http://xn--9ca.org/%C3%A9", "http://é.org/é"),
        ("http://пример.рф看", "http://xn--e1afmkfd.xn--p1ai", "http://пример.рф"),
    ):
        assert f'<a href="{href}" rel="nofollow ugc noopener">{shown}</a>' in markdown.render(source).html
    # In angle brackets all of it belongs to the address.
    assert 'href="http://e.org/%E7%9A%84"' in markdown.render("<http://e.org/的>").html


@pytest.mark.parametrize(
    ("typed", "href"),
    [
        ("example.com", "https://example.com"),
        ("Example.COM:8080/a?b#c", "https://Example.COM:8080/a?b#c"),
        ("www.bbc.co.uk/", "https://www.bbc.co.uk/"),
        ("a-b.example.org?q", "https://a-b.example.org?q"),
        ("例子.中国/看", "https://xn--fsqu00a.xn--fiqs8s/%E7%9C%8B"),
        ("xn--fsqu00a.xn--fiqs8s", "https://xn--fsqu00a.xn--fiqs8s"),
        ("anna.b+c@example.com", "mailto:anna.b+c@example.com"),
        ("shop.example.pl", "https://shop.example.pl"),
        # Endings of files, which are those of countries, too: a site where something says so.
        ("README.md", "README.md"),
        ("notes.zh.MD#begin", "notes.zh.MD#begin"),
        ("setup.py?plain=1", "setup.py?plain=1"),
        ("main.rs", "main.rs"),
        ("install.sh", "install.sh"),
        ("app.js", "app.js"),
        ("docs.rs/", "https://docs.rs/"),
        ("docs.rs/serde?a#b", "https://docs.rs/serde?a#b"),
        ("brew.sh:443", "https://brew.sh:443"),
        ("WWW.point.md#a", "https://WWW.point.md#a"),
        ("https://point.md", "https://point.md"),
        ("anna@point.md", "mailto:anna@point.md"),
        # What no site is called, and what says itself where it leads.
        ("picture.png", "picture.png"),
        ("my_notes.md", "my_notes.md"),
        ("-a.com", "-a.com"),
        ("a..com", "a..com"),
        ("example.comx", "example.comx"),
        ("com", "com"),
        ("a.com.b/", "a.com.b/"),
        ("/example.com", "/example.com"),
        ("#example.com", "#example.com"),
        ("?example.com", "?example.com"),
        ("http://example.com", "http://example.com"),
        ("//example.com", "//example.com"),
    ],
)
def test_the_address_of_a_link_may_lack_its_beginning(typed: str, href: str) -> None:
    """It was a link to a page beside the one where it stands."""
    for source in (f"[site]({typed})", f"![site]({typed})", f"[site]\n\n[site]: {typed}"):
        assert f'<a href="{href}" rel="nofollow ugc noopener">site</a>' in markdown.render(source).html, source


def test_a_name_in_the_text_is_no_link_be_it_of_a_file_or_of_a_site() -> None:
    for name in ("notes.md", "setup.py", "main.rs", "script.sh", "example.com", "www.example.com", "<notes.md>"):
        assert "<a" not in markdown.render(f"See {name}, and {name}.").html, name


def test_what_leads_nowhere_is_no_link() -> None:
    for address in ("http://e.org:99999/x", "http://ａ.com/", "http://xn--/", "http://a\0b", "http://1.2.3.4.5/", LONG):
        assert "<a" not in markdown.render(f"看{address} b").html, address
    assert markdown.render(LONG[:-1]).html.count("<a ") == 1


def test_what_is_no_address_or_in_a_link_or_code_is_no_link_of_its_own() -> None:
    for text in ("xhttp://e.org", "http://", "http:// a", "javascript://e.org", "ftp://e.org", "`http://e.org`"):
        assert "<a " not in markdown.render(text).html, text
    assert markdown.render("[x http://b.org](http://a.org)").html.count("<a ") == 1
    assert markdown.render("<http://e.org>").html.count("<a ") == 1


def test_a_picture_is_a_link_without_an_exclamation_mark() -> None:
    def shown(source: str) -> str:
        return markdown.render(source).html.replace(' rel="nofollow ugc noopener"', "").strip()

    assert shown("a ![**p**](http://e.org) b") == '<p>a <a href="http://e.org"><strong>p</strong></a> b</p>'
    assert shown("![p]\n\n[p]: http://e.org") == '<p><a href="http://e.org">p</a></p>'
    assert shown("![](http://e.org/x)") == '<p><a href="http://e.org/x">http://e.org/x</a></p>'
    # A picture that is a link, as badges are.
    assert shown("[![*p*](x.png)](http://e.org) **a**") == (
        '<p><a href="http://e.org"><em>p</em></a> <strong>a</strong></p>'
    )
    assert shown("\\![p](u) ![p]") == '<p>!<a href="u">p</a> ![p]</p>'


def test_marks_beside_chinese_punctuation_are_marks() -> None:
    for source in (
        "**“中文”**后面",
        "看**“中文”**后面",
        "看**（中文）**，后面",
        "看**中文。**后面",
        "*“a”*",
        "に*「あ」*が",
    ):
        assert "*" not in markdown.render(source).html, source
    for source in ("2 * 3 * 4", "中 * 文 * 中", "5*“a", "** a**"):
        assert "<em>" not in markdown.render(source).html, source


def everybody(names: list[str]) -> dict[str, markdown.Called]:
    """A site where everybody with a name of one word is a member since 5; their ids are 1, 2, …"""
    words = [name for name in names if re.fullmatch(r"\w+", name)]
    return {name: markdown.Called(number, since=5) for number, name in enumerate(words, 1)}


def called(source: str, *there: str) -> list[str]:
    """The names as which `source` calls these members."""
    people = {name: markdown.Called(number, since=5) for number, name in enumerate(there, 1)}
    rendered = markdown.render(source, members=lambda names: {name: people[name] for name in names if name in people})
    found = re.findall(r'<a class="mention" href="/member/(\d+)\?since=5"[^>]*>@([^<]*)</a>', rendered.html)
    assert rendered.mentioned == tuple(int(number) for number, _name in found)
    assert all(there[int(number) - 1] == unescape(name) for number, name in found)
    return [unescape(name) for _number, name in found]


def link(number: int) -> str:
    return f'<a class="mention" href="/member/{number}?since=5" rel="nofollow ugc noopener">'


def test_mentions_are_linked_outside_of_code_and_links() -> None:
    source = "@anna and **@胡同**, not me@example.com, `@code`, [@link](https://example.com).\n\n    @block"
    rendered = markdown.render(source, members=everybody)
    assert rendered.mentioned == (1, 2)
    assert f"{link(1)}@anna</a> and" in rendered.html
    assert f"<strong>{link(2)}@胡同</a>" in rendered.html
    assert rendered.html.count("<a ") == 3
    assert rendered.summary == rendered.html


def test_a_name_ends_before_the_end_of_a_sentence_and_nobody_is_linked_to_who_is_not_there() -> None:
    assert ">@anna</a>.-</p>" in markdown.render("@anna.-", members=everybody).html
    assert "<a" not in markdown.render("@nobody @else", members=lambda _names: {}).html


def test_a_text_links_each_member_where_it_calls_them_first() -> None:
    html = markdown.render("@anna, @bob, @anna and\n\n> @bob", members=everybody).html
    assert re.findall(r"(<a [^>]*>)?(@\w+)", html) == [
        (link(1), "@anna"), (link(2), "@bob"), ("", "@anna"), ("", "@bob"),
    ]  # fmt: skip
    # Written in two ways it is the same member.
    html = markdown.render("@anna @Anna", members=lambda names: dict.fromkeys(names, markdown.Called(1, 5))).html
    assert html == f"<p>{link(1)}@anna</a> @Anna</p>\n"


def test_xss_03_a_name_that_is_called_again_and_again_makes_no_long_page() -> None:
    assert len(markdown.render("@a " * 1000, members=everybody).html) < 3200


def test_p27_members_are_asked_for_once_for_a_bounded_number_of_names_and_ten_are_called() -> None:
    asked: list[list[str]] = []

    def note(names: list[str]) -> dict[str, markdown.Called]:
        asked.append(names)
        return everybody(names)

    assert len(markdown.render(" ".join(f"@name{number}" for number in range(50)), members=note).mentioned) == 10
    markdown.render("`@code` and a@example.com and @ and @\nx", members=note)
    markdown.render("，".join(f"@{number}" + "胡同" * 40 for number in range(20)), members=note)
    assert [len(names) for names in asked] == [50, markdown.MOST_NAMES]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("谢谢@bob 的文章", "bob"),
        ("@bob的文章", "bob"),
        ("你好@小明，来吧", "小明"),
        ("请问@小明你好", "小明"),
        ("（@bob）", "bob"),
        ("@bob's cat", "bob"),
        ("@bob...and", "bob"),
        ("Ask @a b now", "a b"),
        ("@x'y!", "x'y"),
        ("@bob. said", "bob."),
        ("@b-, no", "b-"),
        ("@<b>胡同</b>的", "<b>胡同</b>"),
        ("@नमस्ते जी", "नमस्ते"),
        ("\\@x, and @bob \\@x", "bob"),
        ("@bob@", "bob"),
        ("@小明@小红", "小明"),
        ("@O\\'Brien", "O'Brien"),
    ],
)
def test_a_mention_is_found_in_running_text_and_by_every_name_there_can_be(source: str, name: str) -> None:
    assert called(source, name) == [name]


def test_of_several_members_the_one_with_the_longest_name_is_called() -> None:
    assert called("@a b, @小明明 和@小明的@小", "a", "a b", "小", "小明", "小明明") == ["a b", "小明明", "小明", "小"]
    assert called("@a bc", "a", "a b") == ["a"]
    assert called("@小明@小红，@小明明@bob.", "小明", "小红", "小明明", "bob") == ["小明", "小红", "小明明", "bob"]


def test_an_escaped_at_is_shown_wherever_it_stands() -> None:
    for source, html in (
        ("# \\@", "<h2>@</h2>"),
        ("[\\@](/x) @bob &#64;", f'<a href="/x" rel="nofollow ugc noopener">@</a> {link(1)}@bob</a> @'),
        ("\\@ \0&#0;", "<p>@ \ufffd\ufffd</p>"),
    ):
        assert html in markdown.render(source, members=everybody).html


@pytest.mark.parametrize(
    "source",
    [
        "me@bob",
        "me.@bob",
        "9@bob",
        "é@bob",
        "/@bob",
        "@bobby",
        "@bob.example",
        "@bob-marie",
        "@bob_",
        "@bob@mastodon.social",
        "\\@bob",
        "x \\@bob\\@bob &#64;bob",
        "\\@@bob",
        "foo\\@@bob",
        "谢谢\\@@bob",
        "@bob\\@mastodon.social",
        "@bob&#64;mastodon.social",
        "@ bob",
        "@\nbob",
    ],
)
def test_nobody_is_called_by_an_address_or_by_a_part_of_a_word(source: str) -> None:
    assert called(source, "bob") == []
    assert called("@नमस्ते", "नम", "नमस") == []
    for source in ("@小明@mastodon.social", "@小明\\@mastodon.social", "@小明&#64;mastodon.social"):
        assert called(source, "小明") == []
    assert called("@re\u0301mi", "re") == []


def test_xss_01_no_vector_makes_anything_bad_of_a_mention() -> None:
    bad = {}
    for vector in vectors():
        html = markdown.render(f"@anna{vector} [@b{vector}](/x) {vector}@anna", members=everybody).html
        html = re.sub(r'<a class="mention" href="/member/[0-9]+\?since=5" ', "<a ", html)
        if problems := faults(html):
            bad[vector] = problems
    assert not bad


def test_the_links_of_mentions_lead_to_where_the_blog_is() -> None:
    html = markdown.render("@anna [x](/member/1)", members=everybody).html
    assert markdown.placed(html, "/member/") == html
    there = markdown.placed(html, "/site/blog/member/")
    assert 'class="mention" href="/site/blog/member/1?since=5"' in there
    # What members link to stays as they wrote it.
    assert '<a href="/member/1"' in there


def test_who_writes_a_links_class_by_hand_makes_no_mention() -> None:
    assert "<a" not in markdown.render('<a class="mention" href="/member/1">@x</a>').html


def test_the_text_has_blanks_where_a_reader_sees_them_and_nowhere_else() -> None:
    for source, text in (
        ("老城的**胡同**还很*安静*", "老城的胡同还很安静"),
        ("un**believ**~~a~~`bl`[e](/x '>'), @anna!", "unbelievable, @anna!"),
        ("a![b](/c)d", "abd"),
        ("one\ntwo\n\n- three\n- four", "one two three four"),
        ("|a|b|\n|-|-|\n|c|d|", "a b c d"),
        ("# A\nb\n\n---\n\n    code\n\n> c", "A b code c"),
    ):
        assert " ".join(markdown.text_of(markdown.render(source, members=everybody).html).split()) == text


def test_headings_leave_out_no_level_and_say_something() -> None:
    def levels(source: str, above: int = 1) -> list[str]:
        rendered = markdown.render(source, above=above)
        lower = [f"h{min(int(level[1]) + 1, 6)}" for level in re.findall(r"<(h\d)>", rendered.html)]
        assert above > 1 or re.findall(r"<(h\d)>", rendered.summary) == lower
        return re.findall(r"<(h\d)>", rendered.html)

    assert levels("# A\n\n#### B\n\n## C\n\n###### D\n\n# E") == ["h2", "h3", "h3", "h4", "h2"]
    assert levels("### A\n\n# B\n\n## C") == ["h2", "h2", "h3"]
    assert levels("\n\n".join("#" * number + " A" for number in range(1, 7)), 2) == ["h3", "h4", "h5", "h6", "h6", "h6"]
    assert levels("#\n\n#### B\n\n# **\u200b**") == ["h2"]


def test_a_link_has_words_and_so_has_the_head_of_a_table() -> None:
    def shown(source: str) -> str:
        return markdown.render(source).html.replace(' rel="nofollow ugc noopener"', "").strip()

    assert shown("[](/x)") == '<p><a href="/x">/x</a></p>'
    assert shown("[](<>)") == '<p><a href="">…</a></p>'
    assert shown("[*\u200b*](/x)").endswith("</em>/x</a></p>")
    assert shown("[](/x) [a](/b)") == '<p><a href="/x">/x</a> <a href="/b">a</a></p>'
    assert shown("[![](x.png)](/y)") == '<p><a href="/y">/y</a></p>'
    assert shown("[`a`](/b)") == '<p><a href="/b"><code>a</code></a></p>'
    assert "<tr>\n<td></td>\n<th>b</th>\n</tr>" in shown("||b|\n|-|-|\n|c|d|")


def test_xss_03_quotations_and_lists_begin_within_others_while_there_is_room() -> None:
    """Thirty marks in each line anew are as many elements: the text became thirty times as long."""
    outline = "".join(f"- part {number}\n  - one\n    - two\n\n> > said\n\n" for number in range(200))
    html = markdown.render(outline).html
    assert html.count("<ul") == 200 * 3
    assert html.count("<blockquote") == 200 * 2
    html = markdown.render((">" * 29 + "word\n\n") * 100).html
    assert len(html) < 12 * 3500
    # Further marks are text, and so is what stands behind them.
    assert html.count("word") == 100
    assert html.endswith('<blockquote dir="auto">\n<p>' + "&gt;" * 28 + "word</p>\n</blockquote>\n")


def test_xss_03_quotations_go_on_without_their_mark_until_they_gave_back_too_many_lines() -> None:
    """Below a heading each quotation takes the rest of the text, and gives it back."""
    answers = "> # part\nanswer\n" * 100 + "\n"
    html = markdown.render(answers + "> said\nmore").html
    assert html.endswith('<blockquote dir="auto">\n<p>said<br>\nmore</p>\n</blockquote>\n')
    # Beyond the bound such a line stands below the quotation; nothing is lost.
    html = markdown.render(answers * 10 + "> said\nmore").html
    assert html.endswith('<blockquote dir="auto">\n<p>said</p>\n</blockquote>\n<p>more</p>\n')
    assert html.count("answer") == html.count("part") == 1000
    # A paragraph that goes on gives nothing back, however long it is.
    html = markdown.render("> said\n" + "more\n> and\n" * 3000).html
    assert html.count("<p>") == 1


def test_xss_03_the_rows_of_a_table_that_lack_cells_get_them_while_there_is_room() -> None:
    """GFM fills them all: of two thousand characters it makes three hundred times as many."""
    head = "|a" * 12 + "\n" + "|-" * 12 + "\n"
    short = head + "|Monday|walk\n" * 30
    assert markdown.render(short).html.count("<td>") == 12 * 30
    wide = "|a" * 100 + "\n" + "|-" * 100 + "\n"
    html = markdown.render(wide + "|b\n" * 500 + "\n" + head + "|c" * 12 + "\n|d" + "|" * 12).html
    assert len(html) < 30_000
    # What has no room is text; a table below it is one, as is a row that lacks nothing.
    assert "<p>|b<br>" in html.replace("<br />", "<br>")
    assert html.count("<table") == 2
    assert html.count("<td>c</td>") == 12
    assert "<td>d</td>" in html


def test_what_can_be_wider_than_the_page_can_have_the_focus() -> None:
    html = markdown.render("```\nx\n```\n\n    y\n\n|a|\n|-|\n|b|").html
    assert html.count('<pre tabindex="0">') == 2
    assert html.count('<table tabindex="0">') == 1
    assert html.count("tabindex") == 3


def test_a_link_that_is_repeated_loses_its_title_and_then_is_text_and_no_other_link_does() -> None:
    often = "[a]: http://e.org/aaaa 'a title'\n[b]: http://e.org/b 'b'\n\n" + "[a]\n" * 300 + "[b] [c](/c 'c')"
    html = markdown.render(often).html
    assert html.startswith('<p><a href="http://e.org/aaaa" title="a title" rel="nofollow ugc noopener">a</a><br>')
    assert 50 < html.count('href="http://e.org/aaaa"') < 150
    assert html.count(">a<") + html.count("\na<") == 300
    assert 'title="b"' in html
    assert 'title="c"' in html
    few = "[a]: /a 'a'\n\n" + "[a] [x](/b 'b') " * 15
    assert markdown.render(few).html.count("title=") == 30


def test_a_title_is_short_and_what_is_not_seen_counts_for_the_summary() -> None:
    html = markdown.render(f"[a](/b '{'c' * 201}') [a](/b '{'d' * 200}')").html
    assert f'title="{"c" * 199}…"' in html
    assert f'title="{"d" * 200}"' in html
    titled = markdown.render("".join(f"[a](/b '{number:0200}') " for number in range(40)))
    assert titled.is_long
    assert titled.summary.count("<a ") < 20


NOTHING = (
    "# ", "# &nbsp;", "[a]: /b", "[a]:\n/b\n'title\nof it'", "```\n```", "~~~python\n~~~", "> \n- ", "&#8203;",
    "&#x200b;", "&nbsp;&zwj;", "1. ", "-\n-", "", " ", "|&nbsp;|\n|-|", "&emsp;",
)  # fmt: skip
SOMETHING = (
    "a", "---", "***", "1", "# a", "[](/b)", "![](/b)", "[a]: b c", "[a]: /b\n\n[a]", "```\na\n```", "&copy;", "。",
    "&#65;", "x[1]: y", "- 🙂", "<!-- -->", "&#" + "9" * 4400 + ";", "&#x" + "f" * 4400 + ";", "&#0;", "![[`",
)  # fmt: skip


def test_a_text_that_shows_nothing_is_known_from_one_that_does() -> None:
    assert [source for source in NOTHING if _shows(source)] == []
    assert [source[:20] for source in SOMETHING if not _shows(source)] == []
    assert [source for source in (*vectors(), *SOMETHING) if markdown.surely_shows(source) > _shows(source)] == []


def _shows(source: str) -> bool:
    return not markdown.shows_nothing(markdown.render(source).html)
