"""flasky.bootstrap: Bootstrap under a strict Content-Security-Policy, dark by preference."""

from __future__ import annotations

import re
from functools import cache

import pytest

from flasky.bootstrap import dark_by_preference, files, without_data_addresses, without_source_map


@cache
def made() -> dict[str, bytes]:
    return dict(files())


def css() -> str:
    return made()["bootstrap.min.css"].decode()


def test_no_picture_is_a_data_address() -> None:
    """HDR-01: img-src 'self' refuses them."""
    assert "data:" not in css()


def test_every_picture_that_the_style_sheet_names_is_there() -> None:
    named = set(re.findall(r"url\(([^)]*)\)", css()))
    assert len(named) > 15
    assert named <= set(made())


def test_pictures_are_svg_documents() -> None:
    for name, content in made().items():
        if name.endswith(".svg"):
            assert content.startswith(b"<svg xmlns="), name


def test_nothing_asks_for_a_source_map_that_is_not_served() -> None:
    assert all(b"sourceMappingURL" not in content for content in made().values())


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a{b:c}\n/*# sourceMappingURL=x.map */\n", "a{b:c}\n"),
        ("a{b:c}/*# sourceMappingURL=x.map */", "a{b:c}\n"),
        ("f();//# sourceMappingURL=x.map", "f();\n"),
        ("/*# sourceMappingURL=x.map */a{b:c}", "/*# sourceMappingURL=x.map */a{b:c}"),
        ("f('//# sourceMappingURL=');\ng()", "f('//# sourceMappingURL=');\ng()"),
        ("f('# sourceMappingURL=')", "f('# sourceMappingURL=')"),
        ("# sourceMappingURL=", "# sourceMappingURL="),
    ],
)
def test_of_the_code_before_and_behind_a_source_map_nothing_is_cut(text: str, rest: str) -> None:
    assert without_source_map(text) == rest


def test_bootstraps_licence_goes_with_it() -> None:
    assert b"MIT" in made()["LICENSE"]
    assert b"Bootstrap" in made()["bootstrap.bundle.min.js"][:300]


def test_every_rule_of_the_dark_scheme_has_its_counterpart() -> None:
    original, preferred = css().split("@media (prefers-color-scheme:dark){")
    of_the_page = [
        selector
        for selectors in re.findall(r"([^{}@;]*\[data-bs-theme=dark\][^{}]*)\{", original)
        for selector in selectors.split(",")
        if selector.startswith("[data-bs-theme=dark]")
    ]
    assert len(of_the_page) >= 7
    assert preferred.count(":root:not([data-bs-theme])") == len(of_the_page)


def test_a_part_that_is_always_dark_is_left_alone() -> None:
    sheet = ".navbar-dark,.navbar[data-bs-theme=dark]{a:b}[data-bs-theme=dark] .x{c:d}"
    assert dark_by_preference(sheet) == ("\n@media (prefers-color-scheme:dark){:root:not([data-bs-theme]) .x{c:d}}\n")


def test_the_same_picture_is_one_file() -> None:
    picture = "url(\"data:image/svg+xml,%3csvg xmlns='x'/%3e\")"
    sheet, pictures = without_data_addresses(f".a{{b:{picture}}}.c{{d:{picture}}}")
    ((name, content),) = pictures.items()
    assert content == b"<svg xmlns='x'/>"
    assert sheet == f".a{{b:url({name})}}.c{{d:url({name})}}"
