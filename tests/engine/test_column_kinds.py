from __future__ import annotations

import pytest

from mlcore.engine.drafting.inference import draft
from mlcore.engine.tabular import Table
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
        ],
        ids=range(30),
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

    def test_a_column_like_another_is_told(self):
        table = table_of(Attrition=["Yes", "No"] * 40, Pay=["1", "2", "7", "9"] * 20)
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
            (["0"] * 9 + ["3"], "Sanctions", 0, 10, 10),
        ],
        ids=range(11),
    )
    def test_a_range_holds_what_was_seen_and_what_is_as_plausible(
        self, cells, name, low, high, typed
    ):
        found = column(cells, name=name).feature
        assert (found.minimum, found.maximum) == (low, high)
        assert found.read(typed) is not None
