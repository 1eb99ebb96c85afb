"""The page docs/api.md, typed from its first command to its last: each gets the answer that stands below it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

PAGE = Path(__file__).parents[3] / "docs" / "api.md"
SITE = "http://localhost:6543"
_STATUS = re.compile(r"(\d{3})(?: (.*))?")


def walk() -> list[tuple[str, str]]:
    """Each command of the page, with what it answers."""
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    steps = "".join(blocks).split("$ curl ")
    return [tuple(step.split("\n", 1)) for step in steps[1:]]  # type: ignore[misc] # two parts each


def is_like(shown: Any, seen: Any) -> bool:
    """Whether an answer is what the page shows, where `…` stands for anything."""
    if isinstance(shown, dict):
        names_all = "…" in shown or shown.keys() == seen.keys()
        return names_all and all(is_like(value, seen.get(name)) for name, value in shown.items() if name != "…")
    if isinstance(shown, list):
        return len(shown) == len(seen) and all(map(is_like, shown, seen))
    if isinstance(shown, str):
        return isinstance(seen, str) and re.fullmatch(re.escape(shown).replace("…", ".*"), seen) is not None
    return bool(shown == seen)


def ask(app: Any, command: str, token: str) -> Any:
    """What `curl` would get for these arguments."""
    words = shlex.split(command.replace("$SITE", SITE).replace("$TOKEN", token))
    method, headers, body = "", {}, None
    while len(words) > 1:
        option, value = words.pop(0), words.pop(0)
        if option == "-X":
            method = value
        elif option == "-H":
            name, _colon, content = value.partition(": ")
            headers[name] = content
        else:
            assert option == "--json"
            body = value.encode()
            headers |= {"Content-Type": "application/json", "Accept": "application/json"}
    method = method or ("GET" if body is None else "POST")
    browser = TestApp(app, extra_environ={"HTTP_HOST": "localhost:6543"})
    path = words[0].removeprefix(SITE)
    return browser.request(path, method=method, headers=headers, body=body or b"", status="*")


@pytest.fixture
def app_settings(app_settings: dict[str, Any]) -> dict[str, Any]:
    return {**app_settings, "flasky.base_url": SITE}


@pytest.mark.databases("sqlite")  # the answers of both are compared in test_api
def test_the_page_of_the_api_shows_what_one_gets(app: Any, member: Any, api_token: Any) -> None:
    assert (member("anna"), member("bob")) == (1, 2)
    token = api_token("anna", "blog.write", "blog.comment", "blog.follow")
    steps = walk()
    assert len(steps) > 25
    for command, shown in steps:
        answer = ask(app, command, token)
        match = _STATUS.match(shown)
        status, text = (match[1], match[2]) if match else ("200", shown.splitlines()[0])
        assert answer.status_int == int(status), (command, answer.text)
        if text:
            assert is_like(json.loads(re.sub(r"(?<!\")…(?!/|\")", '"…": 0', text)), answer.json), (command, answer.text)
