"""A database server that can be taken away, and the product installed on it."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.postgres import DATABASE, stoppable_server
from tests.reliability.installation import installed, serving

pytest.register_assert_rewrite("tests.reliability.traffic")


def pytest_collection_modifyitems(items):
    """They take the longest and mostly wait: begun first, others are done meanwhile."""
    items.sort(key=lambda item: Path(__file__).parent not in item.path.parents)


@pytest.fixture(scope="session")
def database():
    """One for all modules that bring no other of their own: preparing it takes the longest.

    It may lose what a power cut would take, and nothing else: not what it said was stored, even
    when it is killed.
    """
    with stoppable_server(fast=True) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute(f"ALTER DATABASE {DATABASE} SET synchronous_commit TO on")
        yield server


@pytest.fixture(scope="session")
def place(database, tmp_path_factory):
    with installed(tmp_path_factory.mktemp("installation"), database.url) as prepared:
        yield prepared


@pytest.fixture(scope="module")
def web(place):
    with serving(place) as running:
        yield running
