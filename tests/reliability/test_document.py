"""docs/reliability.md promises what the suite tries, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.report import HEAD, declared

pytestmark = pytest.mark.no_database

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parents[1] / "docs" / "reliability.md"


def test_the_table_of_the_document_is_that_of_the_suite():
    _, _, table = DOCUMENT.read_text().partition(HEAD + "\n")
    rows = [line.split("|") for line in table.partition("\n\n")[0].splitlines()]
    documented = [(what.strip(), promised.strip()) for _, what, promised, _, _ in rows]
    assert documented == declared(HERE)
    assert all(saw.strip() for _, _, _, saw, _ in rows)
