from __future__ import annotations

import pytest

from mlcore.engine.drafting.inference import CorrectionError, draft, revise
from mlcore.engine.learning import preparation
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

    @pytest.mark.parametrize(
        "other",
        ["Intention to leave", "Sales target met", "On leave", "Left-handed", "Label RSE",
         "Souhait de départ", "Volontaire au départ", "Formation départ", "Quit smoking programme",
         "Retention bonus", "Still in probation", "Garden leave", "Démission du manager", "Target",
         "Left"],
    )  # fmt: skip
    def test_what_is_only_about_leaving_does_not_say_who_left(self, other):
        rows = [
            ["Yes" if n % 3 else "No", "Yes" if n % 4 == 0 else "No", str(n % 17)]
            for n in range(120)
        ]
        made = draft(Table([other, "Attrition", "Pay"], rows), name="x")
        assert (made.target, made.leaver) == ("Attrition", "Yes")

    def test_of_two_that_may_say_it_a_person_chooses(self):
        rows = [
            ["Yes" if n % 3 else "No", "Yes" if n % 4 == 0 else "No", str(n % 17)]
            for n in range(120)
        ]
        table = Table(["Turnover", "Attrition", "Pay"], rows)
        made = draft(table, name="x")
        assert (made.target, made.plan) == ("", None)
        assert [(need.about, need.options) for need in made.needs] == [
            ("target", ("Turnover", "Attrition"))
        ]
        assert "“Turnover”, “Attrition”" in made.needs[0].text["en"]
        chosen = revise(made, table, {"target": "Attrition"})
        assert (chosen.plan.target, chosen.leaver) == ("Attrition", "Yes")
        assert chosen.finding("Turnover").role == "left_out"

    def test_two_that_say_the_same_ask_nothing(self):
        rows = [["Yes" if n % 3 else "No", "TF"[n % 3 == 0], str(n % 17)] for n in range(120)]
        made = draft(Table(["Turnover", "Attrition", "Pay"], rows), name="x")
        assert made.target == "Turnover"
        assert made.finding("Attrition").suspicion == "leak"

    @pytest.mark.parametrize("word", ["N/A", "-", "unknown", "Non renseigné"])
    def test_words_that_mean_nothing_known_are_no_third_answer(self, word):
        cells = [word if n % 50 == 0 else "Yes" if n % 3 == 0 else "No" for n in range(300)]
        table = table_of(Attrition=cells, Pay=[n * 11 % 307 for n in range(300)])
        made = draft(table, name="x")
        assert (made.target, made.leaver, made.needs) == ("Attrition", "Yes", ())
        data = preparation.prepare(made.plan, table.columns())
        assert data.no_answer == 6
        assert data.left.sum() == cells.count("Yes")

    @pytest.mark.parametrize(
        ("header", "cell"), [("Sorti(e)", "x"), ("Exit date", "2024-02-03"), ("Left", "Yes")]
    )
    def test_a_column_that_is_filled_in_for_some_is_told_how_to_become_the_answer(
        self, header, cell
    ):
        rows = [[cell if n % 5 == 0 else "", str(n % 17)] for n in range(100)]
        made = draft(Table([header, "Pay"], rows), name="x")
        assert made.plan is None
        (need,) = made.needs
        assert f"“{header}” is filled in for some employees" in need.text["en"]
        assert "ajoutez une colonne" in need.text["fr"]

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
         "Last working day", "ExitInterviewScore", "Resignation", "Ancienneté au départ",
         "Tenure at exit", "Age at departure", "Date radiation", "Badge désactivé", "Final pay",
         "Remplacé par", "Solde STC"],
    )  # fmt: skip
    def test_by_its_name(self, header):
        found = self.finding([str(n % 7) for n in range(300)], header)
        assert (found.role, found.suspicion) == ("left_out", "leak")
        assert found.suspicion_reason["fr"]

    @pytest.mark.parametrize(
        "header",
        ["Department", "Départements visités", "Last promotion", "Date of last raise",
         "Last interview score", "Last time promoted", "Months since last day off",
         "Last type of training", "Année de sortie école", "Code départ", "Resignation of manager",
         "Termination clause", "Notice period (weeks)", "Préavis (mois)"],
    )  # fmt: skip
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

    @pytest.mark.parametrize("header", ["Notice period", "Préavis"])
    def test_a_notice_that_only_some_have_is_one_that_was_given(self, header):
        cells = ["" if n % 3 else str(n % 4) for n in range(300)]
        assert self.finding(cells, header).suspicion == "leak"
        assert self.finding([cell or "N/A" for cell in cells], header).suspicion == "leak"

    @pytest.mark.parametrize("blank", ["", " ", "-", "N/A", "NaN", None, float("nan"), "inconnu"])
    @pytest.mark.parametrize("gone", [True, False], ids=["of who left", "of who stayed"])
    def test_amounts_of_some_alone_tell_however_the_others_blanks_are_written(self, blank, gone):
        cells = [
            str(500 + n % 37) if (left == "Yes") is gone else blank
            for n, left in enumerate(self.LEFT)
        ]
        found = self.finding(cells)
        assert (found.role, found.suspicion) == ("left_out", "leak")
        assert "blank" in found.suspicion_reason["en"] or "filled" in found.suspicion_reason["en"]

    def test_blanks_are_one_more_answer(self):
        """Half of the leavers are blank, the others above everybody else."""
        cells = [
            (str(50 + n % 9) if n % 2 else "-") if left == "Yes" else str(n % 9)
            for n, left in enumerate(self.LEFT)
        ]
        assert self.finding(cells).suspicion == "leak"

    @pytest.mark.parametrize(
        "tell",
        [
            lambda n, left: ["20", ["10", "30"][n % 2]][left],
            lambda n, left: ["5", ["1", "9"][n % 2]][left],
        ],
        ids=range(2),
    )
    def test_stayers_may_lie_in_the_middle(self, tell):
        cells = [tell(n, left == "Yes") for n, left in enumerate(self.LEFT)]
        assert self.finding(cells, "Code position").suspicion == "leak"
        assert self.finding(cells, "Weekly amount").suspicion == "leak"

    def test_so_may_amounts_that_nearly_all_differ(self):
        cells = [
            str(500 + n if left == "No" else n if n % 2 else 1000 + n)
            for n, left in enumerate(self.LEFT)
        ]
        assert self.finding(cells, "Weekly amount").suspicion == "leak"

    def test_another_column_that_says_who_left_is_none_to_learn_from(self):
        table = table_of(
            Attrition=self.LEFT,
            Termd=[["0", "1"][left == "Yes"] for left in self.LEFT],
            Pay=[n % 17 for n in range(300)],
        )
        made = draft(table, name="x")
        assert made.target == "Attrition"
        assert made.finding("Termd").suspicion == "leak"

    def test_few_leavers_prove_nothing(self):
        table = table_of(Attrition=["Yes", *["No"] * 8] * 2, Pay=[9, *range(8)] * 2)
        assert not draft(table, name="x").finding("Pay").suspicion
