"""What no database has a say in is tested once.

The suite runs on SQLite, then on PostgreSQL. Two marks leave a test out of the second run:

- `no_database`: no database takes part, or one that the test starts for itself. pytest-django
  refuses the suite's to a test that did not ask for it; a test that asks for it and carries the
  mark is refused here.
- `any_database`: one is asked, and what is judged is not of it: a colour, a width, a label of a
  page whose content other tests read on both. So it is with all that is done in a browser, but for
  one hour's work from the page to the table and back (`tests/batches/test_journey.py`).
"""

from __future__ import annotations

import pytest
from django.conf import settings

MARKS = ("no_database", "any_database")
_LEFT_OUT = pytest.StashKey[int]()
_KEY = "left_out"

# What a test asks for that wants the database; all else that does asks for one of these.
_DATABASE = {
    "db",
    "transactional_db",
    "live_server",
    "django_db_reset_sequences",
    "django_db_serialized_rollback",
}


def _asks_a_database(item: pytest.Item) -> bool:
    asked_for = getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("django_db") or _DATABASE.intersection(asked_for))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    unmarked = [item for item in items if not any(item.get_closest_marker(mark) for mark in MARKS)]
    wrong = [
        item.nodeid
        for item in items
        if item.get_closest_marker("no_database") and _asks_a_database(item)
    ]
    if wrong:
        raise pytest.UsageError(f"Marked no_database, and asking for one: {', '.join(wrong)}")
    if "sqlite3" in settings.DATABASES["default"]["ENGINE"] or len(unmarked) == len(items):
        return
    kept = {id(item) for item in unmarked}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
    config.stash[_LEFT_OUT] = len(items) - len(unmarked)
    if hasattr(config, "workeroutput"):
        config.workeroutput[_KEY] = config.stash[_LEFT_OUT]
    items[:] = unmarked


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
