"""Employees of whom the inputs say nothing: learned from as blanks, and never assessed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlcore.engine.judging import evaluation
from mlcore.engine.learning.preparation import prepare
from mlcore.engine.making import make
from mlcore.engine.plan import TrainingError
from mlcore.engine.schema import SchemaError
from tests.engine import small_history


@pytest.fixture(autouse=True)
def _few_folds(monkeypatch):
    """What is learned here is learned from everyone; the folds only judge it."""
    monkeypatch.setattr(evaluation, "FOLDS", 2)
    monkeypatch.setattr(evaluation, "REPEATS", 1)


def one_column():
    schema = replace(small_history.PLAN.schema, features=small_history.PLAN.schema.features[:1])
    return replace(small_history.PLAN, schema=schema)


def with_blanks(*, share, of, count=400):
    """A history in which `share` of those whose answer is `of` have no pay."""
    columns = small_history.history(count, seed=4)
    dice = np.random.default_rng(4)
    for row, answer in enumerate(columns["Gone"]):
        if answer in of and dice.random() < share:
            columns["Pay"][row] = None
    return columns


@pytest.mark.usefixtures("few_stumps")
def test_a_model_of_one_column_with_many_blanks_is_trained():
    columns = with_blanks(share=0.2, of=("yes", "no"))
    blanks = columns["Pay"].count(None)
    assert blanks > 60
    made = make(one_column(), columns)
    assert made.card["rows"] == 400
    assert made.card["set_aside"]["unreadable"] == 0
    with pytest.raises(SchemaError):  # but nobody is assessed by nothing
        made.schema.clean({"employee_id": "E1"})


@pytest.mark.parametrize(("of", "sign"), [("yes", 1), ("no", -1)])
def test_what_a_blank_says_is_learned(of, sign):
    made = make(one_column(), with_blanks(share=0.4, of=(of,)))
    assert made.model.shapes["pay"].missing * sign > 0.3


def test_the_rows_that_cannot_be_read_are_still_refused():
    columns = with_blanks(share=0.2, of=("yes", "no"))
    columns["Pay"][:40] = ["much"] * 40
    with pytest.raises(TrainingError, match="40 employees cannot be read"):
        prepare(one_column(), columns)


def test_where_everything_is_blank_that_is_said():
    columns = small_history.history()
    columns["Pay"] = [None] * len(columns["Pay"])
    with pytest.raises(TrainingError, match="Every input is blank"):
        prepare(one_column(), columns)
