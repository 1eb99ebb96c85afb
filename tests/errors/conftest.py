"""Sites with the failing pages, one for each environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

import flasky
from flasky.database import get_database
from flasky.testing.plugin import TEST_SETTINGS
from flasky.testing.schema import migrate
from flasky.wsgi import Application

#: Looks random, as production wants it; tests look for it where it must not be.
SECRET = "canary-Vw8s2KpYxTq6ZrBnGm4LhJd9EcFa3U"
SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="session")
def site_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Application]]:
    """A function that makes a site of an environment with the failing pages; each is made once."""
    made: dict[Any, Application] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SAMPLES)

        def make(environment: str = "testing", **settings: str) -> Application:
            key = (environment, *settings.items())
            if key not in made:
                folder = tmp_path_factory.mktemp("failing")
                own = {
                    **TEST_SETTINGS,
                    "flasky.environment": environment,
                    "flasky.plugins": "main",
                    "flasky.base_url": "http://localhost",
                    "flasky.secret_key": SECRET,
                    "pyramid.includes": "failing_pages",
                    "sqlalchemy.url": f"sqlite:///{folder}/data.sqlite",
                    **{name.replace("__", "."): value for name, value in settings.items()},
                }
                if environment == "development":
                    # Every page of a development site says so as long as its schema is not there.
                    migrate(own)
                made[key] = flasky.main({}, **own)
            return made[key]

        yield make
    for application in made.values():
        get_database(application.registry).dispose()


@pytest.fixture
def client_of(site_of: Callable[..., Application]) -> Callable[..., TestApp]:
    """A function that returns a WebTest client of `site_of`."""

    def make(environment: str = "testing", **settings: str) -> TestApp:
        return TestApp(
            site_of(environment, **settings), extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"}
        )

    return make


@pytest.fixture
def client(client_of: Callable[..., TestApp]) -> TestApp:
    """A WebTest client of the failing pages in the testing environment."""
    return client_of()
