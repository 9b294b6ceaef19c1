"""A database server that can be taken away, and the product installed on it."""

from __future__ import annotations

import pytest

from tests.postgres import stoppable_server
from tests.reliability.installation import installed, serving

pytest.register_assert_rewrite("tests.reliability.traffic")


@pytest.fixture(scope="session")
def database():
    """One for all modules that bring no other of their own: preparing it takes the longest."""
    with stoppable_server(fast=True) as server:
        yield server


@pytest.fixture(scope="session")
def place(database, tmp_path_factory):
    with installed(tmp_path_factory.mktemp("installation"), database.url) as prepared:
        yield prepared


@pytest.fixture(scope="module")
def web(place):
    with serving(place) as running:
        yield running
