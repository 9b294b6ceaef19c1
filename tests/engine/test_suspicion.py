from __future__ import annotations

import pytest

from mlcore.engine.drafting.inference import CorrectionError, draft, revise
from mlcore.engine.tabular import Table
from tests.engine.drafts import table_of


class TestWhoLeft:
    @pytest.mark.parametrize(
        ("header", "answers", "leaver"),
        [
            ("Attrition", ["Yes", "No"], "Yes"),
            ("left", ["0", "1"], "1"),
            ("left", [0.0, 1.0], "1"),
            ("Left", [True, False], "true"),
            ("A quitté l'entreprise", ["Oui", "Non"], "Oui"),
            ("Départ", ["non", "oui"], "oui"),
            ("sorti", ["VRAI", "FAUX"], "VRAI"),
            ("Turnover", ["Stayed", "Left"], "Left"),
            ("Statut", ["Présent", "Sorti"], "Sorti"),
            ("EmploymentStatus", ["Active", "Terminated"], "Terminated"),
            ("Situation", ["En poste", "Parti(e)"], "Parti(e)"),
            ("Active", ["Yes", "No"], "No"),
            ("Still employed", ["1", "0"], "0"),
            ("LeaveOrNot", ["0", "1"], "1"),
            ("Termd", ["0", "1"], "1"),
            ("Quelconque", ["sorti", "présent"], "sorti"),
        ],
    )
    def test_by_its_name_or_its_answers(self, header, answers, leaver):
        rows = [[answers[n % 2], str(n % 17), "Yes" if n % 3 else "No"] for n in range(60)]
        made = draft(Table([header, "Pay", "Overtime"], rows), name="x")
        assert (made.target, made.leaver) == (header, leaver)
        assert made.plan

    @pytest.mark.parametrize(
        "header",
        ["Overtime", "Department", "Date of leave", "Annual leave taken", "Gender", "Sexe", "Exit"],
    )
    def test_a_person_is_asked_where_nothing_tells(self, header):
        rows = [["Yes" if n % 2 else "No", str(n % 17), "a" if n % 3 else "b"] for n in range(60)]
        made = draft(Table([header, "Pay", "Site"], rows), name="x")
        assert (made.target, made.plan) == ("", None)
        (need,) = made.needs
        assert need.about == "target"
        assert need.options == (header, "Site")

    @pytest.mark.parametrize(
        ("header", "answers"),
        [("Hand", ["Left", "Right"]), ("Group", ["active", "placebo"]),
         ("Symptom", ["present", "absent"]), ("Customer", ["current", "prospective"])],
    )  # fmt: skip
    def test_words_that_mean_something_else_do_not_tell(self, header, answers):
        made = draft(table_of(**{header: answers * 30, "Pay": range(60)}), name="x")
        assert made.target == ""

    def test_a_leaver_cannot_be_named_before_its_column(self):
        table = table_of(Overtime=["Yes", "No"] * 30, Pay=range(60))
        with pytest.raises(CorrectionError) as refused:
            revise(draft(table, name="x"), table, {"leaver": "Yes"})
        assert refused.value.problems[""]["en"] == "Say first which column tells who left."

    def test_a_person_is_asked_which_value_means_leaving(self):
        made = draft(table_of(Attrition=["A", "B"] * 30, Pay=[1, 2, 3] * 20), name="x")
        assert (made.target, made.leaver, made.plan) == ("Attrition", "", None)
        assert [(need.about, need.options) for need in made.needs] == [("leaver", ("A", "B"))]

    def test_three_answers_are_told_as_what_stands_in_the_way(self):
        cells = ["Sorti", "Présent", "Suspendu"] * 20
        made = draft(table_of(Statut=cells, Pay=range(60)), name="x")
        assert made.plan is None
        assert "“Statut”" in made.needs[0].text["en"]
        assert "3: Sorti, Présent, Suspendu" in made.needs[0].text["en"]

    @pytest.mark.parametrize(
        ("cells", "said"),
        [(["Yes"], "this one has only “Yes”"), (["0", "1", "2"], "this one has 3: 0, 1, 2")],
    )
    def test_so_is_one_answer_and_numbers_that_are_none(self, cells, said):
        made = draft(table_of(Attrition=cells * 20, Pay=range(20 * len(cells))), name="x")
        assert made.plan is None
        assert said in made.needs[0].text["en"]

    def test_nothing_to_learn_from_is_told(self):
        table = table_of(Attrition=["Yes", "No"] * 30, Note=[f"text, {n} or so" for n in range(60)])
        made = draft(table, name="x")
        assert made.plan is None
        assert [need.about for need in made.needs] == ["inputs"]


class TestLeaks:
    LEFT = ["Yes" if n % 5 == 0 else "No" for n in range(300)]

    def finding(self, cells, header="Thing"):
        table = Table(
            ["Attrition", header, "Pay"],
            [
                [left, cell, str(n % 17)]
                for n, (left, cell) in enumerate(zip(self.LEFT, cells, strict=True))
            ],
        )
        return draft(table, name="x").finding(header)

    @pytest.mark.parametrize(
        "header",
        ["Exit date", "TerminationDate", "Termination reason", "Date de sortie", "Motif de départ",
         "Last working day", "Notice period", "Préavis", "ExitInterviewScore", "Resignation"],
    )  # fmt: skip
    def test_by_its_name(self, header):
        found = self.finding([str(n % 7) for n in range(300)], header)
        assert (found.role, found.suspicion) == ("left_out", "leak")
        assert found.suspicion_reason["fr"]

    @pytest.mark.parametrize(
        "header", ["Department", "Départements visités", "Last promotion", "Date of last raise"]
    )
    def test_not_by_a_name_that_only_sounds_like_it(self, header):
        assert not self.finding([str(n % 7) for n in range(300)], header).suspicion

    @pytest.mark.parametrize(
        "tell",
        [
            lambda n, left: "2024-05-06" if left else "",
            lambda n, left: f"went to a competitor {n}" if left else "",
            lambda n, left: "" if left else "desk 7",
            lambda n, left: str(n % 9 + 20 * left),
            lambda n, left: str(n % 9 - 20 * left),
            lambda n, left: ["A", "B"][left],
            lambda n, left: "Closed" if left and n % 2 else "ab"[n % 3 == 0],
            lambda n, left: "Yes" if left else "No",
        ],
        ids=range(8),
    )
    def test_by_what_it_tells(self, tell):
        found = self.finding([tell(n, left == "Yes") for n, left in enumerate(self.LEFT)])
        assert (found.role, found.suspicion) == ("left_out", "leak")

    @pytest.mark.parametrize(
        "tell",
        [
            lambda n, left: str(n % 9 + 3 * left),
            lambda n, left: "" if n % 3 else "x",
            lambda n, left: f"site {n * 7 % 50}",
            lambda n, left: ["a", "b", "c"][(n + left) % 3],
        ],
        ids=range(4),
    )
    def test_a_column_that_goes_with_leaving_is_no_leak_yet(self, tell):
        found = self.finding([tell(n, left == "Yes") for n, left in enumerate(self.LEFT)])
        assert (found.role, found.suspicion) == ("input", "")

    def test_few_leavers_prove_nothing(self):
        table = table_of(Attrition=["Yes", *["No"] * 8] * 2, Pay=[9, *range(8)] * 2)
        assert not draft(table, name="x").finding("Pay").suspicion
