"""Tests in which no database takes part run once.

The suite runs on SQLite, then on PostgreSQL. A test that carries the mark `no_database` says the
same of both, so on PostgreSQL it is left out. pytest-django refuses the database to a test that did
not ask for it; a test that asks for it and carries the mark is refused here.
"""

from __future__ import annotations

import pytest
from django.conf import settings

MARK = "no_database"
_LEFT_OUT = pytest.StashKey[int]()

# What a test asks for that wants the database; all else that does asks for one of these.
_DATABASE = {"db", "transactional_db", "django_db_reset_sequences", "django_db_serialized_rollback"}


def _asks_a_database(item: pytest.Item) -> bool:
    return bool(
        item.get_closest_marker("django_db")
        or _DATABASE & set(getattr(item, "fixturenames", ()))
        or "live_server" in getattr(item, "fixturenames", ())
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker(MARK)]
    if wrong := [item.nodeid for item in marked if _asks_a_database(item)]:
        raise pytest.UsageError(f"Marked {MARK}, and asking for one: {', '.join(wrong)}")
    if "sqlite3" in settings.DATABASES["default"]["ENGINE"] or not marked:
        return
    config.hook.pytest_deselected(items=marked)
    config.stash[_LEFT_OUT] = len(marked)
    if hasattr(config, "workeroutput"):
        config.workeroutput[MARK] = len(marked)
    items[:] = [item for item in items if not item.get_closest_marker(MARK)]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """pytest-xdist: the processes collect, and the one that started them is told here."""
    if left_out := getattr(node, "workeroutput", {}).get(MARK):
        node.config.stash[_LEFT_OUT] = left_out  # type: ignore[attr-defined]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Nothing left to run is no failure when what was asked for has run on SQLite."""
    nothing_ran = session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
    if nothing_ran and session.config.stash.get(_LEFT_OUT, 0):
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if left_out := terminalreporter.config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(f"{left_out} tests without a database ran on SQLite alone.")
