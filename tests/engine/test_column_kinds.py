from __future__ import annotations

import pytest

from mlcore.engine.drafting.inference import draft
from mlcore.engine.learning import preparation
from mlcore.engine.tabular import Table, read_table
from tests.engine.drafts import column, table_of


class TestKinds:
    @pytest.mark.parametrize(
        ("cells", "name", "kind", "role"),
        [
            (["1500", "2 000", "2\u202f500"], "Salaire", "number", "input"),
            (["1.5", "2.25"], "Rate", "number", "input"),
            (["$2,500", "$3,100"], "Pay", "number", "input"),
            (["3 years", "1 year"], "Tenure", "number", "input"),
            (["12 km", "8 km"], "Commute", "number", "input"),
            (["1", "2", "3", "4", "5"], "Climate", "scale", "input"),
            (["1", "2", "3", "4", "5"], "Number of projects", "number", "input"),
            (["0", "1"], "Remote", "choice", "input"),
            ([True, False], "Remote", "choice", "input"),
            ([1.0, 0.0], "Remote", "choice", "input"),
            (["Low", "High", "Medium"], "Risk appetite", "scale", "input"),
            (["red", "green"], "Badge colour", "choice", "input"),
            (["101", "204", "350"], "Department", "choice", "input"),
            (["69001", "75002", "33000"], "Code postal", "choice", "input"),
            (["x", ""], "Car", "choice", "input"),
            (["same"], "Country", "constant", "left_out"),
            ([""], "Empty", "blank", "left_out"),
            (["2024-01-31", "2023-12-01"], "Hired", "date", "left_out"),
            (["31/01/2024", "01/12/2023 08:30"], "Hired", "date", "left_out"),
            (["12 mars 2020", "3 avr. 2019"], "Hired", "date", "left_out"),
            ([45_000.0, 41_234.0, 39_000.0], "Hire date", "date", "left_out"),
            (["$5", "€6"], "Pay", "choice", "input"),
            (["F", "M"], "Gender", "choice", "audit"),
            (["1", "2"], "Sexe", "choice", "audit"),
            (["34", "51", "28"], "Âge", "number", "audit"),
            (["Oui", "Non"], "RQTH", "choice", "audit"),
            (["3", "0", "12"], "Jours de maladie", "number", "audit"),
            (["Marketing", "IT"], "Genre de poste", "choice", "input"),
            (["3", "5", "9"], "Average hours", "number", "input"),
            (["Léa", "Paul", "Zoé"], "Prénom", "identifier", "left_out"),
            (["20190314", "20201231"], "AAAAMMJJ", "date", "left_out"),
            ([20190314.0, 20201231.0], "Embauche", "date", "left_out"),
            (["03/2019", "12/2020"], "Entrée", "date", "left_out"),
            (["2019-03", "2020-12"], "Période", "date", "left_out"),
            (["mars 2019", "déc. 2020"], "Entrée", "date", "left_out"),
            (["Site 2019", "Marketing 2020"], "Group", "choice", "input"),
            (["20190001", "20209900", "12"], "Weekly pay", "number", "input"),
            (["3 ans 4 mois", "12 ans"], "Ancienneté", "text", "left_out"),
            (["3 ans", "4 mois"], "Ancienneté", "text", "left_out"),
            (["35h15", "39h"], "Horaire", "text", "left_out"),
            (["3 ans", "14 ans"], "Ancienneté", "number", "input"),
            (["3 ans", "14 years", "1 an"], "Ancienneté", "number", "input"),
        ],
        ids=range(42),
    )
    def test_a_column_is_known_by_its_values_and_its_name(self, cells, name, kind, role):
        found = column(cells, name=name)
        assert (found.kind, found.role) == (kind, role)

    def test_few_rows_with_much_blank_are_left_out(self):
        assert column(["a", *[""] * 30]).kind == "blank"

    def test_text_of_too_many_answers_is_free_text_and_codes_are_references(self):
        assert column([f"word {n}" for n in range(70)]).kind == "text"
        assert column([f"word {n}" for n in range(60)]).kind == "choice"
        assert column([f"note {n}, and so on" for n in range(200)]).kind == "text"
        assert column([f"E-{n}" for n in range(200)]).kind == "identifier"

    def test_numbers_that_count_the_rows_are_references_and_amounts_are_not(self):
        assert column(range(1, 201)).kind == "identifier"
        assert column(range(1, 201), name="Salary").kind == "number"
        assert column(range(1500, 6000, 20)).kind == "number"
        assert column([n * 7919 % 10_007 for n in range(200)]).kind == "number"
        assert column([n * 7919 % 10_007 for n in range(200)], name="Badge ID").kind == "identifier"

    @pytest.mark.parametrize(
        "name",
        ["Manager", "Manager ID", "N° responsable", "Matricule responsable", "Centre de coût",
         "Cost center", "Code postal", "Zip", "Service"],
    )  # fmt: skip
    def test_numbers_that_stand_for_somebody_or_something_measure_nothing(self, name):
        many = column([str(600_000 + n * 7) for n in range(79)], name=name, rows=400)
        assert (many.role, many.kind) == ("left_out", "identifier")
        assert many.reason["en"].startswith("A code.")
        few = column([str(600_000 + n * 7) for n in range(37)], name=name, rows=400)
        assert (few.role, few.kind) == ("input", "choice")

    @pytest.mark.parametrize("name", ["Years with current manager", "Manager rating", "Unit price"])
    def test_numbers_about_them_measure_something(self, name):
        assert column(list(range(80)), name=name, rows=400).kind == "number"

    def test_durations_in_words_are_told_how_to_be_written(self):
        found = column([f"{n} ans {n % 12} mois" for n in range(30)], name="Ancienneté")
        assert "one number" in found.reason["en"]
        assert "un seul nombre" in found.reason["fr"].replace("d’un", "un")

    def test_a_column_like_another_is_told(self):
        table = table_of(Attrition=["Yes", "No"] * 42, Pay=["1", "2", "7"] * 28)
        twice = Table([*table.headers, "Salary"], [[*row, row[1]] for row in table.rows])
        found = draft(twice, name="x").finding("Salary")
        assert (found.role, found.kind) == ("left_out", "duplicate")
        assert "“Pay”" in found.reason["en"]

    def test_a_few_odd_words_among_numbers_are_blanks_and_told(self):
        cells = [str(n) for n in range(100)]
        found = column([*cells, "see file", "N/A"], name="Weekly pay", rows=510)
        assert found.kind == "number"
        assert found.feature.blank_words == ("N/A", "see file")
        assert found.feature.read("see file") is None
        assert "“see file”" in found.notes[0]["en"]
        assert column([*cells, *["see file"] * 20], name="Weekly pay", rows=510).kind == "text"

    def test_what_means_nothing_is_a_blank_and_what_may_be_an_answer_is_none(self):
        assert column(["Cadre", "NC", "N/A"]).feature.blank_words == ("N/A",)
        assert column(["12", "40", "NC"], name="Weekly pay").feature.blank_words == ("NC",)

    def test_an_answer_is_one_however_it_is_written_and_signs_count(self):
        found = column(["Sales", "sales ", "SALES", "R_D", "R D", "A+", "A"])
        assert [c.value for c in found.feature.choices] == ["A", "A+", "R_D", "Sales"]
        assert found.feature.read("SALES") == "Sales"
        assert found.feature.read("A") == "A"

    @pytest.mark.parametrize(
        ("cells", "name", "low", "high", "typed"),
        [
            (["1200", "18 500"], "Salary", 0, 50_000, 50_000),
            (["12", "29"], "Distance", 0, 100, 100),
            (["12 %", "29 %"], "Rise", 0, 100, "100 %"),
            (["12 %", "129 %"], "Rise", 0, 500, "130 %"),
            (["2", "41"], "Years at company", 0, 60, 45),
            (["2", "71"], "Years at company", 0, 100, 90),
            (["22", "61"], "Age", 14, 100, 67),
            (["-3", "4"], "Change", -10, 10, -7),
            (["0.5", "0.8", "1"], "FTE", 0, 2, 1.2),
            (["1999", "2023", "2010"], "Hire year", 1900, 2100, 2030),
            (["1999", "2023", "2010"], "Année d’embauche", 1900, 2100, 2030),
            (["1900", "2079", "1987"], "Annual hours", 0, 5_000, 1820),
            (["1900", "2079", "1987"], "Salary of the year", 0, 5_000, 1820),
            (["1900", "2079", "1987"], "Units", 0, 5_000, 1820),
            (["0"] * 9 + ["3"], "Sanctions", 0, 10, 10),
        ],
        ids=range(15),
    )
    def test_a_range_holds_what_was_seen_and_what_is_as_plausible(
        self, cells, name, low, high, typed
    ):
        found = column(cells, name=name).feature
        assert (found.minimum, found.maximum) == (low, high)
        assert found.read(typed) is not None

    @pytest.mark.parametrize(
        ("cells", "name", "cents", "value"),
        [
            (["1200", "18 500"], "Salary", "1200,50", 1200.5),
            (["120 €", "300 €", "450 €"], "Prime", "120,50 €", 120.5),
            (["1200", "18500"], "Units", "1200.50", 1200.5),
            (["120", "300", "450"], "Badges", "120,50", None),
            (["1999", "2023", "2010"], "Hire year", "2010,5", None),
            (["2 ans", "4 ans", "11 ans"], "Ancienneté", "2,5 ans", None),
            # With decimals, these would have two meanings.
            (["1,200", "18,500"], "Salary", "1200.50", None),
        ],
        ids=range(7),
    )
    def test_amounts_take_cents_though_the_history_has_none(self, cells, name, cents, value):
        found = column(cells, name=name).feature
        for cell in cells:
            assert found.read(cell) is not None
        if value is None:
            assert found.integer
        else:
            assert found.read(cents) == value


class TestProtected:
    @pytest.mark.parametrize(
        ("name", "cells"),
        [
            *((name, ["a", "b", "c"]) for name in
              ["Civ.", "H/F", "M/Mme", "Congé parental", "Parental leave", "Titre de séjour",
               "Work permit", "Invalidité", "Mandat CSE", "Sit. fam.", "Tranche d’âge", "Spouse",
               "Mother tongue", "Langue maternelle", "Nb enf.", "Jours AT/MP", "TH", "DDN",
               "Senior"]),
            ("Titre", ["Mr", "Mrs", "Dr", ""]),
            ("Title", ["Mr.", "Ms.", "Miss"]),
            ("Appellation", ["M.", "Mme", "Mlle"]),
            ("X1", ["H", "F"]),
            ("X1", ["Homme", "FEMME", "N/A"]),
            ("X1", ["male", "female", "Other"]),
            ("Tranche", ["<30", "30-40", "> 40"]),
            ("Band", ["18-25", "26-35 years", "55+"]),
        ],
    )  # fmt: skip
    def test_it_is_kept_for_audits(self, name, cells):
        found = column(cells, name=name)
        assert (found.role, found.protected) == ("audit", True)

    @pytest.mark.parametrize(
        ("name", "cells"),
        [
            *((name, ["a", "b", "c"]) for name in
              ["Site d’origine", "Service d’origine", "Poste d’origine",
               "Health and safety training", "Senior manager", "Politique de télétravail",
               "Âge du véhicule", "Gender pay gap training", "Title", "Titre"]),
            ("Size", ["S", "M", "L"]),
            ("Frequency", ["M", "H"]),
            ("Tenure band", ["0-2", "2-5", "5+"]),
            ("Tranche", ["0-2", "2-5", "5+"]),
            ("Commute", ["<15", "15-30", "30-60"]),
        ],
    )  # fmt: skip
    def test_what_sounds_like_it_is_an_input(self, name, cells):
        found = column(cells, name=name)
        assert (found.role, found.protected) == ("input", False)

    def test_a_code_for_it_is_the_same_thing(self):
        sexes = ["F" if n % 3 else "M" for n in range(120)]
        table = table_of(
            Group_code=["1" if sex == "F" else "2" for sex in sexes],
            Sexe=sexes,
            Other=["1" if n % 3 != 1 else "2" for n in range(120)],
            Attrition=["Yes" if n % 5 == 0 else "No" for n in range(120)],
        )
        made = draft(table, name="x")
        assert [made.finding(name).role for name in ("Group code", "Sexe", "Other")] == [
            "audit", "audit", "input"
        ]  # fmt: skip

    def test_of_two_columns_that_are_the_same_the_one_that_names_it_is_kept(self):
        codes = ["1" if n % 3 else "2" for n in range(120)]
        table = table_of(
            Group=codes, Sexe=codes, Pay=[n % 17 for n in range(120)],
            Attrition=["Yes" if n % 5 == 0 else "No" for n in range(120)],
        )  # fmt: skip
        made = draft(table, name="x")
        assert made.finding("Sexe").role == "audit"
        assert made.finding("Group").kind == "duplicate"


class TestReferencesThatRepeat:
    def table(self, name, employees=80, rows=400, prefix="M"):
        return table_of(
            **{name: [f"{prefix}{1000 + n % employees}" for n in range(rows)]},
            Attrition=["Yes" if n * 7919 % 10 < 3 else "No" for n in range(rows)],
            Pay=[n * 31 % 17 for n in range(rows)],
        )

    @pytest.mark.parametrize("name", ["Matricule", "EmployeeNumber", "Code salarié", "ID"])
    @pytest.mark.parametrize("prefix", ["M", ""])
    @pytest.mark.parametrize("employees", [30, 80, 399])
    def test_an_employee_may_stand_in_several_rows(self, name, prefix, employees):
        made = draft(self.table(name, employees, prefix=prefix), name="x")
        assert made.identifier == name
        (note,) = made.finding(name).notes
        if employees == 80:
            assert note["en"].startswith("80 employees appear more than once: they stay together")
            assert "80 collaborateurs" in note["fr"]
        if employees == 399:
            assert note["en"].startswith("One employee appears more than once")

    def test_who_has_no_reference_is_nobody_twice(self):
        rows = [
            [f"M{n}" if n % 5 else "N/A", ("No", "Yes")[n % 3 == 0], str(n * 31 % 17)]
            for n in range(400)
        ]
        table = Table(["Matricule", "Attrition", "Pay"], rows)
        made = draft(table, name="x")
        assert made.identifier == "Matricule"
        assert made.finding("Matricule").notes == ()
        assert preparation.prepare(made.plan, table.columns()).repeated_employees == 0

    def test_each_of_their_own_needs_no_note(self):
        assert draft(self.table("Matricule", 400), name="x").finding("Matricule").notes == ()

    @pytest.mark.parametrize("name", ["Manager ID", "Matricule du responsable", "Site ID"])
    def test_the_reference_of_another_is_not_the_employees(self, name):
        assert draft(self.table(name), name="x").identifier == ""

    @pytest.mark.parametrize("name", ["Code postal", "Zip", "Manager ID"])
    def test_nor_is_that_of_a_place_where_nobody_else_lives(self, name):
        made = draft(self.table(name, employees=400, prefix=""), name="x")
        assert made.identifier == ""
        assert made.finding(name).reason["en"].startswith("A code.")


class TestNumbersThatCanBeReadInTwoWays:
    @pytest.mark.parametrize(
        ("delimiter", "other", "cell", "value"),
        [
            (";", "12", "5,993", 5.993),
            ("\t", "12", "5,993", 5.993),
            (";", "2.50", "5,993", 5993),
            ("|", "12", "5,993", 5993),
            ("|", "2,50", "5,993", 5.993),
        ],
        ids=range(5),
    )
    def test_the_rest_of_the_file_tells_and_a_note_says_what_was_read(
        self, delimiter, other, cell, value
    ):
        rows = [["Attrition", "Weekly pay", "Raise"]]
        rows += [[("No", "Yes")[n % 4 == 0], f"{5 + n % 3},{993 - n}", other] for n in range(100)]
        table = read_table("\n".join(delimiter.join(row) for row in rows).encode())
        found = draft(table, name="x").finding("Weekly pay")
        first = table.columns()["Weekly pay"][0]
        assert found.feature.read(first) == value
        noted = [note["en"] for note in found.notes if "two ways" in note["en"]]
        assert bool(noted) == ("," in first or "." in first)
