from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlcore
from mlcore.engine.drafting.draft import Draft
from mlcore.engine.drafting.inference import CorrectionError, draft, revise
from mlcore.engine.tabular import Table, TableError
from tests.engine.drafts import check_roles, check_schema, through_json
from tests.engine.strategies import tables


class TestCorrections:
    @pytest.fixture
    def table(self):
        dice = random.Random(5)
        return Table(
            ["Ref", "Gone", "Age", "Pay", "Level", "Site", "Exit date", "Notes", "Country"],
            [
                [
                    f"R{n}",
                    dice.choice(["A", "B"]),
                    str(dice.randint(20, 60)),
                    str(dice.randint(1, 99)),
                    str(dice.randint(1, 5)),
                    dice.choice(["x", "y"]),
                    "2024-01-01" if n % 4 == 0 else "",
                    f"some text, {n}",
                    "FR",
                ]
                for n in range(80)
            ],
        )

    @pytest.fixture
    def made(self, table):
        return draft(table, name="x")

    def refused(self, made, table, corrections):
        with pytest.raises(CorrectionError) as refused:
            revise(made, table, corrections)
        for words in refused.value.problems.values():
            assert words["en"] != words["fr"]
        return {column: words["en"] for column, words in refused.value.problems.items()}

    def test_a_person_says_who_left(self, made, table):
        assert made.plan is None
        better = revise(made, table, {"target": "Gone", "leaver": "b"})
        assert (better.plan.target, better.plan.leaver) == ("Gone", "B")
        assert better.finding("Gone").chosen
        assert better.title == made.title

    def test_one_thing_after_another(self, made, table):
        steps = [
            {"target": "Gone"},
            {"leaver": "A"},
            {"columns": {"Pay": {"label": {"en": "Pay", "fr": "Paie"}, "kind": "number"}}},
            {"columns": {"Site": {"role": "audit", "why": "Sites differ."}}},
            {"columns": {"Level": {"kind": "number"}, "Pay": {"role": "left_out"}}},
            {"columns": {"Pay": {"role": None}}},
            {"title": {"en": "Ours", "fr": "La nôtre"}, "source": {"en": "HRIS"}},
        ]
        for step in steps:
            made = revise(made, table, through_json(step))
            assert revise(made, table, step) == made
            made = Draft.from_json(through_json(made.to_json()))
        plan = made.plan
        assert (plan.target, plan.leaver) == ("Gone", "A")
        assert plan.title["fr"] == "La nôtre"
        assert plan.source == {"en": "HRIS", "fr": "HRIS"}
        assert plan.schema.by_name["pay"].label["fr"] == "Paie"
        assert plan.schema.by_name["level"].kind == "number"
        assert [f.name for f in plan.schema.audit] == ["age", "site"]
        assert made.finding("Site").reason["fr"] == "Sites differ."

    def test_all_at_once_is_the_same_as_one_by_one(self, made, table):
        by_one = revise(revise(made, table, {"target": "Gone"}), table, {"leaver": "A"})
        assert revise(made, table, {"target": "Gone", "leaver": "A"}) == by_one

    def test_another_target_takes_the_leaver_with_it(self, made, table):
        better = revise(made, table, {"target": "Gone", "leaver": "A"})
        assert revise(better, table, {"target": "Site"}).leaver == ""

    def test_the_roles_of_target_and_identifier_can_be_given_to_a_column(self, made, table):
        roles = {"columns": {"Gone": {"role": "target"}, "Notes": {"role": "identifier"}}}
        better = revise(made, table, roles | {"leaver": "A"})
        assert (better.target, better.identifier) == ("Gone", "Notes")
        assert better.finding("Ref").role == "left_out"
        assert revise(better, table, {"identifier": ""}).identifier == ""

    def test_a_leak_can_be_put_back(self, made, table):
        better = revise(made, table, {"columns": {"Site": {"role": "left_out", "why": "Moved."}}})
        assert better.finding("Site").reason == {"en": "Moved.", "fr": "Moved."}
        rows = [[*row[:6], str(n % 5), *row[7:]] for n, row in enumerate(table.rows)]
        table = Table(table.headers, rows)
        made = draft(table, name="x")
        assert made.finding("Exit date").role == "left_out"
        better = revise(made, table, {"columns": {"Exit date": {"role": "input"}}})
        assert better.finding("Exit date").role == "input"
        assert better.finding("Exit date").suspicion == "leak"

    def test_what_is_protected_needs_a_reason(self, made, table):
        refused = self.refused(made, table, {"columns": {"Age": {"role": "input"}}})
        assert refused == {
            "Age": "The law protects what this column tells. Say why the model needs it."
        }
        better = revise(made, table, {"columns": {"Age": {"role": "input", "why": "Pensions."}}})
        assert better.schema.features[0].name == "age"

    @pytest.mark.parametrize(
        ("corrections", "refused"),
        [
            ({"target": "Nowhere"}, {"Nowhere": "The file has no such column."}),
            ({"target": "Level"}, {"Level": "needs two answers; this one has 5"}),
            ({"target": "Country"}, {"Country": "needs two answers; this one has only “FR”"}),
            ({"target": "Gone", "leaver": "C"}, {"Gone": "“C” is not one of its answers: "}),
            ({"target": "Site", "leaver": "A"}, {"Site": "“A” is not one of its answers: "}),
            (
                {"target": "Gone", "identifier": "Gone"},
                {"Gone": "cannot be the employee’s reference"},
            ),
            (
                {"columns": {"Zodiac": {"role": "input"}}},
                {"Zodiac": "The file has no such column."},
            ),
            (
                {"columns": {"Notes": {"role": "input"}}},
                {"Notes": "Nothing can be learned from this"},
            ),
            ({"columns": {"Country": {"role": "input"}}}, {"Country": "The same for everyone"}),
            ({"columns": {"Exit date": {"role": "input"}}}, None),
            ({"columns": {"Site": {"kind": "number"}}}, {"Site": "cannot be read as a number."}),
            ({"columns": {"Notes": {"role": "audit", "kind": "choice"}}}, {"Notes": "as a choice"}),
            ({"columns": {"Pay": {"role": "boss"}}}, {"Pay": "“boss” is not a role"}),
            ({"columns": {"Pay": {"kind": "date"}}}, {"Pay": "“date” is not a kind"}),
            ({"columns": {"Pay": {"label": {"en": " "}}}}, {"Pay": "Give the column a label."}),
            ({"columns": {"Pay": {"label": {"en": "x" * 81}}}}, {"Pay": "at most 80 characters"}),
            (
                {"columns": {"Pay": {"label": {"de": "x"}}}},
                {"Pay": "one text in English and one in"},
            ),
            ({"columns": {"Pay": {"label": "x"}}}, {"Pay": "one text in English and one in"}),
            (
                {"columns": {"Pay": {"colour": "x"}}},
                {"Pay": "is not something that can be corrected"},
            ),
            ({"columns": {"Pay": {"why": "x" * 501}}}, {"Pay": "at most 500 characters"}),
            ({"columns": {"Pay": 3}}, {"Pay": "object"}),
            ({"columns": 3}, {"": "object"}),
            (3, {"": "object"}),
            ({"colour": 1}, {"": "is not something that can be corrected"}),
            ({"target": 1}, {"": "as text"}),
            ({"title": {"en": "x" * 501}}, {"": "at most 500 characters"}),
            (
                {"columns": {"Pay": {"role": "target"}, "Gone": {"role": "target"}}},
                {"Gone": "Only one"},
            ),
            (
                {
                    "columns": {"Site": {"kind": "number"}, "Pay": {"role": "input"}},
                    "target": "Level",
                },
                {"Level": "two answers", "Site": "a number"},
            ),
        ],
        ids=range(28),
    )
    def test_what_cannot_be_is_told_by_column(self, made, table, corrections, refused):
        if refused is None:
            assert revise(made, table, corrections).finding("Exit date").kind == "choice"
            return
        told = self.refused(made, table, corrections)
        assert told.keys() == refused.keys()
        for header, part in refused.items():
            assert part in told[header]

    @settings(max_examples=100)
    @given(st.data())
    def test_corrections_of_any_kind_are_made_once_or_refused(self, data):
        table = data.draw(tables())
        try:
            made = draft(table, name="x")
        except TableError:
            return
        headers = st.sampled_from(table.headers)
        corrections = data.draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "target": headers | st.none(),
                    "leaver": st.sampled_from(["Yes", "1", "Sorti"]) | st.none(),
                    "identifier": headers | st.just(""),
                    "columns": st.dictionaries(
                        headers,
                        st.fixed_dictionaries(
                            {},
                            optional={
                                "role": st.sampled_from(
                                    ["input", "audit", "left_out", "target", None]
                                ),
                                "kind": st.sampled_from(["number", "scale", "choice", None]),
                                "why": st.just("Asked for."),
                                "label": st.just({"en": "A", "fr": "Un"}),
                            },
                        ),
                    ),
                },
            )
        )
        try:
            better = revise(made, table, corrections)
        except CorrectionError as refused:
            assert refused.problems  # noqa: PT017
            return
        assert revise(better, table, corrections) == better
        assert Draft.from_json(through_json(better.to_json())) == better
        check_schema(better.schema, table)
        check_roles(better)


def test_the_corrections_of_the_documentation_can_be_made():
    document = (Path(mlcore.__file__).parents[1] / "docs" / "columns.md").read_text("utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", document, flags=re.DOTALL)
    table = Table(
        ["Matricule", "Statut", "Site", "Niveau", "Âge"],
        [
            [
                f"M{n}",
                "Sorti" if n % 3 else "Présent",
                "xy"[n % 2],
                str(n % 4 + 1),
                str(20 + n % 40),
            ]
            for n in range(80)
        ],
    )
    plan = revise(draft(table, name="x"), table, json.loads(example)).plan
    assert [(f.name, f.kind) for f in plan.schema.features] == [
        ("niveau", "number"),
        ("age", "number"),
    ]
    assert [f.name for f in plan.schema.audit] == ["site"]
