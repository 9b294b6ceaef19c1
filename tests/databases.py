"""What no database has a say in is tested once.

The suite runs on SQLite, then on PostgreSQL. Left out of the second run are

- tests in which the suite's database takes no part: they ask for none, or start their own. A test
  asks by a fixture that it or its fixtures name, or by the mark `django_db`. Who takes one only
  while running (`request.getfixturevalue`) needs the mark: it would not be seen otherwise, and is
  refused here.
- tests with the mark `any_database`: one is asked, and what is judged is not of it: a colour, a
  width, a label of a page whose content other tests read on both. So it is with all that is done
  in a browser, but for one hour's work from the page to the table and back
  (`tests/batches/test_journey.py`).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3

import pytest
from django.conf import settings

_LEFT_OUT = pytest.StashKey[int]()
_KEY = "left_out"

# What a test asks for that wants the database or its server; all else that does asks for these.
_OF_ONE_TEST = {"db", "transactional_db"}
_DATABASE = _OF_ONE_TEST | {"django_db_setup", "live_server", "server_url"}


def _asks_a_database(item: pytest.Item) -> bool:
    asked_for = getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("django_db") or _DATABASE.intersection(asked_for))


def _has_a_say(item: pytest.Item) -> bool:
    return _asks_a_database(item) and not item.get_closest_marker("any_database")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "sqlite3" in settings.DATABASES["default"]["ENGINE"]:
        return
    kept, left_out = [], []
    for item in items:
        (kept if _has_a_say(item) else left_out).append(item)
    if not left_out:
        return
    config.hook.pytest_deselected(items=left_out)
    config.stash[_LEFT_OUT] = len(left_out)
    if hasattr(config, "workeroutput"):
        config.workeroutput[_KEY] = len(left_out)
    items[:] = kept


def pytest_fixture_setup(fixturedef: pytest.FixtureDef, request: pytest.FixtureRequest) -> None:
    if fixturedef.argname in _OF_ONE_TEST and not _asks_a_database(request.node):
        pytest.fail("It asks for the database while running: mark it django_db.", pytrace=False)


@pytest.fixture
def server_url():
    """The URL of the database that the run was given. On PostgreSQL its server has others too."""
    return os.environ.get("DATABASE_URL", "")


@pytest.fixture
def fresh_database(server_url, tmp_path):
    """The URL of an empty database on the server under test, and a function that queries it."""
    if not server_url.startswith("postgres"):
        file = tmp_path / "run.sqlite3"

        def query(sql):
            with contextlib.closing(sqlite3.connect(file)) as connection:
                return connection.execute(sql).fetchall()

        yield f"sqlite:///{file}", query
        return

    import psycopg

    name = f"attrition_run_{os.getpid()}"
    server, _, options = server_url.partition("?")
    own_url = f"{server.rpartition('/')[0]}/{name}?{options}"

    def query(sql):
        with psycopg.connect(own_url) as connection:
            return connection.execute(sql).fetchall()

    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield own_url, query
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """pytest-xdist: the processes collect, and the one that started them is told here."""
    if left_out := getattr(node, "workeroutput", {}).get(_KEY):
        node.config.stash[_LEFT_OUT] = left_out  # type: ignore[attr-defined]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Nothing left to run is no failure when what was asked for has run on SQLite."""
    nothing_ran = session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
    if nothing_ran and session.config.stash.get(_LEFT_OUT, 0):
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if left_out := terminalreporter.config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{left_out} tests in which the database has no say ran on SQLite alone."
        )
