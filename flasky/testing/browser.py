"""The machine's Chromium, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flasky.testing.missing import missing

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

#: Chromium would load two pages of the suggestions below its address bar (WebUIOmnibox…) for each context, at ten times
#: the cost of a page of a site, and keep a process ready for a site that is never opened. The last list of features
#: counts, so those of playwright are said again.
_WITHOUT = (
    "AimEnabled,AvoidCorsURLLoaderRestartOnRedirect,AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,"
    "HttpsFirstBalancedModeAutoEnable,HttpsUpgrades,LensOverlay,MediaRouter,NetworkTimeServiceQuerying,"
    "OptimizationHints,PaintHolding,PreconnectToSearch,SpareRendererForSitePerProcess,ThirdPartyStoragePartitioning,"
    "WebUIOmniboxAimPopup,WebUIOmniboxPopup"
)
#: Chromium as root in a container, and without looking for anything on the network by itself.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={_WITHOUT}",
]


@contextmanager
def start_browser() -> Iterator[Any]:
    """Chromium, headless, until the block ends; skips (fails in CI) where there is none."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        missing("Chromium", "Install it, for example with: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only browser tests need it
    except ImportError:
        missing("playwright", 'pip install "flasky[testing]" brings it.')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


def watched_page(browser: Any, **options: Any) -> Any:
    """A page in a context of its own; what goes wrong in it is kept in its list `problems`."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(10_000)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(f"{page.url}: {error}"))
    page.on("console", lambda message: _note(page, message))
    return page


def _note(page: Any, message: Any) -> None:
    # The browser writes a line for each answer with an error status; a test that asks for one expects it.
    if message.type == "error" and "Failed to load resource" not in message.text:
        page.problems.append(f"{page.url}: {message.text}")
