"""What every test may ask for: databases, field data, a browser.

An ordinary test with `db` runs in one transaction that is rolled back, on one connection that plays every alias;
the code switches roles on it. A test that needs real, separate connections, committed rows or threads takes
`own_database` instead.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis

from portal.embedded import servers
from tests import databases
from tests.people import org, other_org, people  # noqa: F401  fixtures
from tests.portal.packages.proven import kept  # noqa: F401  fixtures
from tests.serving import collected, served  # noqa: F401  fixtures

IN_CI = bool(os.environ.get("CI"))
SLOW = IN_CI or os.environ.get("SLOW") == "1"
# How long an example takes says how busy the machine is, and nothing about the code.
hypothesis.register_profile(
    "patient",
    hypothesis.get_profile("ci" if IN_CI else "default"),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis.load_profile("patient")
MIRRORS = ("auditor", "sequencer", "owner")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_BROWSERS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip = pytest.mark.skip(reason="slow: run with SLOW=1 or CI=true")
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker is not None and marker.kwargs.get("transaction"):
            raise pytest.UsageError(
                f"{item.nodeid}: history can't be flushed, so django_db(transaction=True) can't work; "
                "take the fixture own_database instead"
            )
        if not SLOW and (item.get_closest_marker("slow") or item.get_closest_marker("faults")):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def embedded() -> servers.Urls:
    """The servers of the tests."""
    return databases.start()


@pytest.fixture(scope="session")
def test_template(embedded: servers.Urls, django_db_blocker) -> servers.Urls:
    databases.point_aliases(embedded)
    with django_db_blocker.unblock():
        databases.template(embedded)
    return embedded


@pytest.fixture(scope="session")
def django_db_setup(test_template: servers.Urls, django_db_blocker, worker_id: str) -> Iterator[None]:
    """In place of pytest-django's: one database per worker, copied from the template."""
    with databases.copy(test_template, worker_id.replace("_", "")) as name:
        with django_db_blocker.unblock():
            databases.use(name)
            connections["default"].settings_dict["SHARED_LOGIN"] = True
        yield
        for connection in connections.all():
            connection.close()


@pytest.fixture(autouse=True)
def one_connection_plays_every_alias(request: pytest.FixtureRequest) -> Iterator[None]:
    wants = request.node.get_closest_marker("django_db") is not None or "db" in request.fixturenames
    if not wants:
        yield
        return
    request.getfixturevalue("db")
    apart = {alias: connections[alias] for alias in MIRRORS}
    for alias in MIRRORS:
        connections[alias] = connections["default"]
    yield
    for alias, connection in apart.items():
        connections[alias] = connection


@pytest.fixture
def own_database(test_template: servers.Urls, django_db_setup, django_db_blocker, worker_id: str) -> Iterator[str]:
    """A fresh database for one test: every alias has its own connection and login, and what is committed stays."""
    before = connections.settings["default"]["NAME"]
    with databases.copy(test_template, f"{worker_id.replace('_', '')}own") as name, django_db_blocker.unblock():
        databases.use(name)
        shared = connections["default"].settings_dict.pop("SHARED_LOGIN", None)
        try:
            yield name
        finally:
            for connection in connections.all():
                connection.close()
            databases.use(before)
            if shared:
                connections["default"].settings_dict["SHARED_LOGIN"] = True


@pytest.fixture(scope="session")
def field_data() -> Path:
    """Real files of the field, which don't ship with the project."""
    folder = Path(os.environ.get("CLEARHOLD_FIELD_DATA") or databases.ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no field data at {folder}; set CLEARHOLD_FIELD_DATA")
    return folder


def find_chromium() -> str | None:
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return chosen
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or next((path for path in MAC_BROWSERS if Path(path).exists()), None)


@pytest.fixture(scope="session")
def chromium():
    """A real Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    executable = find_chromium()
    if executable is None:
        words = "no Chromium on the PATH, so the browser tests can't run (Debian: apt-get install chromium)"
        if IN_CI:
            pytest.fail(words)
        pytest.skip(words)
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()
