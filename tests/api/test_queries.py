"""What the addresses that anyone may ask for cost the database."""

from __future__ import annotations

import pytest
from django.db.backends.utils import CursorWrapper

from mlcore import registry
from tests.api.conftest import Api


@pytest.fixture
def executed(monkeypatch):
    """Every statement from now on, whichever thread asks: health has one of its own."""
    statements = []
    execute = CursorWrapper.execute

    def note(self, sql, params=None):
        statements.append(sql)
        return execute(self, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", note)
    return statements


@pytest.mark.parametrize(
    ("address", "first", "then"),
    [
        ("health", 3, 1),  # the active model and its files; whether the database is there
        ("schema", 2, 0),  # the active model and its files
        ("docs", 0, 0),
    ],
)
def test_what_an_open_address_costs(active_model, executed, address, first, then):
    registry.forget()
    for expected in (first, then):
        executed.clear()
        Api().get(f"/api/v1/{address}")
        assert len(executed) == expected, executed
