"""The form of a draft, for drafts whose columns are not what their names say."""

from __future__ import annotations

from mlcore.engine.drafting.inference import draft
from mlcore.engine.tabular import Table
from mlcore.trainings.columns import ColumnsForm


def form(*, answers=("Yes", "No"), blank="", header="Attrition"):
    rows = [
        [
            blank if n % 10 == 0 else answers[n % 3 > 0],
            ("Mr", "Mrs")[n % 2],
            str(n * 31 % 17),
        ]
        for n in range(200)
    ]
    made = draft(Table([header, "Title", "Pay"], rows), name="x")
    return ColumnsForm(made, "en")


def test_a_column_whose_answers_are_protected_asks_why_it_should_be_learned_from():
    fields = form().fields
    assert "why-1" in fields
    assert "why-2" not in fields


def test_words_that_mean_nothing_known_are_employees_without_an_answer():
    for blank in ("", "N/A", "-"):
        outcome = form(blank=blank).outcome
        assert (outcome.left, outcome.stayed, outcome.unknown) == (60, 120, 20)


def test_each_column_that_may_say_who_left_can_be_chosen():
    rows = [[("Yes", "No")[n % 3 > 0], ("Yes", "No")[n % 4 > 0], str(n % 17)] for n in range(200)]
    asked = ColumnsForm(draft(Table(["Turnover", "Attrition", "Pay"], rows), name="x"), "en")
    assert asked.questions() == [
        "Which column says who left? Several could: “Turnover”, “Attrition”."
    ]
    assert [group for group, _ in asked.fields["target"].choices[1:]] == ["Turnover", "Attrition"]
