from __future__ import annotations

import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcore.engine.describe import json_schema
from mlcore.engine.draft import Draft
from mlcore.engine.inference import CorrectionError, draft, revise
from mlcore.engine.plan import TrainingPlan
from mlcore.engine.schema import EMPLOYEE_ID, ROW, FeatureSchema
from mlcore.engine.tabular import Table, TableError, match_columns, read_table
from predictions.forms import EmployeeForm
from tests.engine.strategies import tables
from tests.engine.test_tabular import workbook


def through_json(value):
    return json.loads(json.dumps(value))


def table_of(**columns):
    """A table of columns of equal length; a name's underscores are spaces in its header."""
    headers = [name.replace("_", " ") for name in columns]
    return Table(headers, [list(row) for row in zip(*columns.values(), strict=True)])


def column(cells, *, name="Thing", rows=200):
    """The finding of a column that repeats `cells`, beside an answer that has nothing to do
    with it and a column to learn from."""
    some = (list(cells) * rows)[:rows]
    left = ["Yes" if (place * 7919) % 10 < 3 else "No" for place in range(rows)]
    hours = [str(30 + (place * 31) % 11) for place in range(rows)]
    table = Table(
        [name, "Attrition", "Weekly hours"], [list(r) for r in zip(some, left, hours, strict=True)]
    )
    return draft(table, name="x").finding(name)


@pytest.fixture(scope="module")
def ibm(columns):
    """The public file as a table, with the constants of the original."""
    columns = columns | {
        "EmployeeCount": [1] * 1470, "Over18": ["Y"] * 1470, "StandardHours": [80] * 1470
    }  # fmt: skip
    return Table(list(columns), [list(row) for row in zip(*columns.values(), strict=True)])


class TestThePublicFile:
    def test_its_plan_is_nearly_the_one_that_people_wrote(self, ibm, plan):
        made = draft(ibm, name="IBM HR attrition.csv")
        assert (made.name, made.target, made.leaver) == ("ibm-hr-attrition", "Attrition", "Yes")
        assert made.identifier == "EmployeeNumber"
        assert made.needs == ()
        roles = {finding.column: finding.role for finding in made.findings}
        assert {c for c, role in roles.items() if role == "audit"} == {
            "Age", "Gender", "MaritalStatus"
        }  # fmt: skip
        assert {f.column for f in made.findings if f.kind == "constant"} == {
            "EmployeeCount", "Over18", "StandardHours"
        }  # fmt: skip
        assert not [f.column for f in made.findings if f.suspicion]
        # The random columns are for a person, or the selection, to leave out.
        guessed = {f.name: f for f in made.schema.everything}
        assert guessed.keys() - plan.schema.by_name.keys() == {
            "daily_rate", "hourly_rate", "monthly_rate"
        }  # fmt: skip
        assert plan.schema.by_name.keys() <= guessed.keys()
        for name, written in plan.schema.by_name.items():
            assert guessed[name].kind == written.kind, name
            assert guessed[name].column == written.column
            if written.kind == "number":
                assert guessed[name].integer
                assert guessed[name].minimum >= 0
        changed = {f.name for f in plan.schema.features if f.actionable}
        assert len(changed & {f.name for f in made.schema.features if f.actionable}) > 10
        assert {s.name for s in made.schema.sections} == {s.name for s in plan.schema.sections}

    def test_its_words_are_translated(self, ibm):
        schema = draft(ibm, name="IBM").schema
        assert schema.by_name["monthly_income"].label == {
            "en": "Monthly income", "fr": "Rémunération mensuelle"
        }  # fmt: skip
        assert schema.by_name["over_time"].choice_label("Yes", "fr") == "Oui"
        assert schema.by_name["job_satisfaction"].choice_label(4, "fr") == "Très élevé"
        assert schema.by_name["percent_salary_hike"].unit == {"en": "%", "fr": "%"}
        assert schema.by_name["percent_salary_hike"].maximum == 100

    def test_the_scales_of_the_original_are_numbers_and_scales(self):
        assert column([1, 2, 3, 4], name="JobSatisfaction").kind == "scale"
        rating = column(["3", "4"], name="PerformanceRating")
        assert rating.kind == "scale"
        # Steps that nobody has yet are steps too.
        assert [choice.value for choice in rating.feature.choices] == [1, 2, 3, 4]
        assert column([0, 1, 2, 3], name="StockOptionLevel").kind == "scale"
        assert column(list(range(7)), name="TrainingTimesLastYear").kind == "number"
        assert column(list(range(10)), name="NumCompaniesWorked").kind == "number"


FRENCH_HEADER = (
    "Matricule;Nom;Sexe;Date de naissance;Service;Type de contrat;Salaire brut mensuel (€);Prime;"
    "Augmentation;Temps partiel;Ancienneté;Date d'embauche;Note d'évaluation;Statut;Date de sortie;"
    "Motif de départ;Satisfaction;Nb enfants;Commentaire"
)


def french_export(rows=400):
    dice = random.Random(3)
    lines = [FRENCH_HEADER]
    for number in range(rows):
        gone = dice.random() < 0.2
        pay = f"{dice.uniform(1_700, 7_000):,.2f}".translate({ord(","): "\u202f", ord("."): ","})
        cells = [
            f"M{10_000 + number}",
            f"{dice.choice(['Durand', 'Martin', 'Petit'])} {number % 300}",
            dice.choice("FH"),
            f"{dice.randint(1, 28):02}/0{dice.randint(1, 9)}/{dice.randint(1960, 2000)}",
            dice.choice(["Ventes", "R&D", "RH"]),
            dice.choice(["CDI", "CDD"]),
            pay,
            f"{dice.randint(0, 3_000)} €",
            f"{dice.randint(0, 80) / 10:.1f} %".replace(".", ","),
            dice.choice(["Oui", "Non"]),
            f"{dice.uniform(0, 30):.1f}".replace(".", ","),
            f"{dice.randint(2000, 2023)}-03-01",
            str(dice.randint(1, 5)),
            "Sorti" if gone else "Présent",
            "12/05/2024" if gone else "",
            dice.choice(["Démission", "Retraite"]) if gone else "",
            dice.choice(["Très satisfait", "Satisfait", "Insatisfait", ""]),
            dice.choice(["0", "1", "2", "3", "N/A"]),
            f"texte libre, numéro {number}" if dice.random() < 0.7 else "",
        ]
        lines.append(";".join(cells))
    return "\r\n".join(lines)


@pytest.fixture(scope="module", params=["utf-8-sig", "utf-16", "xlsx"])
def made_of_export(request):
    text = french_export()
    if request.param == "xlsx":
        table = read_table(workbook(*[line.split(";") for line in text.split("\r\n")]))
    else:
        table = read_table(text.encode(request.param))
    return draft(table, name="Export RH 2025 (paie).csv")


class TestAFrenchExport:
    @pytest.fixture
    def made(self, made_of_export):
        return made_of_export

    def test_who_left_and_who_is_who(self, made):
        assert (made.target, made.leaver, made.identifier) == ("Statut", "Sorti", "Matricule")
        assert made.name == "export-rh-2025-paie"
        assert made.plan

    def test_the_role_of_each_column(self, made):
        roles = {finding.column: (finding.role, finding.kind) for finding in made.findings}
        assert roles == {
            "Matricule": ("identifier", "identifier"),
            "Nom": ("left_out", "identifier"),
            "Sexe": ("audit", "choice"),
            "Date de naissance": ("left_out", "date"),
            "Service": ("input", "choice"),
            "Type de contrat": ("input", "choice"),
            "Salaire brut mensuel (€)": ("input", "number"),
            "Prime": ("input", "number"),
            "Augmentation": ("input", "number"),
            "Temps partiel": ("input", "choice"),
            "Ancienneté": ("input", "number"),
            "Date d'embauche": ("left_out", "date"),
            "Note d'évaluation": ("input", "scale"),
            "Statut": ("target", "choice"),
            "Date de sortie": ("left_out", "date"),
            "Motif de départ": ("left_out", "choice"),
            "Satisfaction": ("input", "scale"),
            "Nb enfants": ("audit", "number"),
            "Commentaire": ("left_out", "text"),
        }

    def test_what_gives_the_answer_away_is_flagged(self, made):
        suspects = {f.column for f in made.findings if f.suspicion == "leak"}
        assert suspects == {"Date de sortie", "Motif de départ"}

    def test_its_numbers_words_and_blanks(self, made):
        asked = {f.column: f for f in made.schema.everything}
        pay = asked["Salaire brut mensuel (€)"]
        assert (pay.name, pay.integer, pay.minimum) == ("salaire_brut_mensuel", False, 0)
        assert pay.label == {"en": "Gross monthly salary", "fr": "Salaire brut mensuel"}
        assert pay.unit == {}
        assert asked["Prime"].unit == {"en": "€", "fr": "€"}
        assert asked["Prime"].read("€ 2 500") == 2500
        assert asked["Augmentation"].read("1,5 %") == 1.5
        assert asked["Augmentation"].maximum == 100
        assert asked["Temps partiel"].choice_label("Oui", "en") == "Yes"
        assert [c.label["en"] for c in asked["Satisfaction"].choices] == [
            "Dissatisfied", "Satisfied", "Very satisfied"
        ]  # fmt: skip
        assert asked["Satisfaction"].read("très satisfait") == 3
        assert asked["Nb enfants"].read("N/A") is None
        assert "«\u00a0N/A\u00a0»" in made.finding("Nb enfants").notes[0]["fr"]

    def test_an_example_of_each_column_is_shown(self, made):
        assert made.finding("Service").answers[0][1] > 100
        assert all(1 <= len(finding.examples) <= 3 for finding in made.findings)
        assert made.finding("Date de sortie").blanks > 300
        assert made.finding("Service").distinct == 3


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


class TestRefusal:
    """Each bad file ends in a clear sentence."""

    @pytest.mark.parametrize(
        ("table", "code"),
        [
            (Table(["Attrition"], [["Yes"], ["No"]]), "one_column"),
            (Table(["Attrition", "Pay"], []), "no_rows"),
            (
                Table(["Yes", "41", "Sales"], [["No", "36", "Sales"], ["Yes", "22", "HR"]]),
                "no_header",
            ),
            (Table([f"c{n}" for n in range(201)], [["1"] * 201]), "too_many_columns"),
            (Table(["a", "b"], [["1", "2"]] * 100_001), "too_many_rows"),
        ],
        ids=["one column", "only a header", "no header", "wide", "long"],
    )
    def test_a_table_that_no_model_can_be_trained_on(self, table, code):
        with pytest.raises(TableError) as refused:
            draft(table, name="x")
        assert refused.value.code == code


class TestNames:
    def test_they_differ_whatever_the_headers(self):
        headers = ["Over Time", "OverTime", "over_time", "!!!", "年齢", "Employee ID", "employee_id",
                   "class", "2024", "x" * 90, "x" * 91]  # fmt: skip
        rows = [[str((n * (place + 2)) % 11) for place in range(len(headers))] for n in range(40)]
        table = Table(
            ["Left", *headers], [["Yes" if n % 3 else "No", *r] for n, r in enumerate(rows)]
        )
        made = revise(
            draft(table, name="x"),
            table,
            {"columns": {header: {"role": "input", "kind": "number"} for header in headers}},
        )
        names = [feature.name for feature in made.schema.features]
        assert names == ["over_time", "over_time_2", "over_time_3", "column", "column_2",
                         "column_employee_id", "column_employee_id_2", "column_class",
                         "column_2024", "x" * 60, "x" * 58 + "_2"]  # fmt: skip

    @pytest.mark.parametrize(
        ("header", "label"),
        [
            ("weekly_shift_count", "Weekly shift count"),
            ("WeeklyShiftCount", "Weekly shift count"),
            ("WEEKLY_SHIFT", "Weekly shift"),
            ("HRScore2", "HR score 2"),
            ("CSP", "CSP"),
            ("Prime (k€)", "Prime (k€)"),
            ("Points cumulés", "Points cumulés"),
            ("部門", "部門"),
        ],
    )
    def test_a_label_is_the_header_as_a_person_would_write_it(self, header, label):
        found = column(["3", "7", "12"], name=header).feature
        assert found.label == {"en": label, "fr": label}

    @pytest.mark.parametrize(
        ("name", "plain"),
        [("Export RH 2025.xlsx", "export-rh-2025"), ("", "history"), ("年", "history"), ("a" * 99, "a" * 40),
         ("../../etc/passwd", "etc-passwd"), ("%%", "history"), ("É.CSV", "e")],
    )  # fmt: skip
    def test_a_plan_is_named_after_the_file(self, name, plain):
        table = table_of(Left=["Yes", "No"] * 30, Pay=[1, 2, 3] * 20)
        assert draft(table, name=name).plan.name == plain


class TestCorrections:
    @pytest.fixture
    def table(self):
        dice = random.Random(5)
        return Table(
            ["Ref", "Gone", "Age", "Pay", "Level", "Site", "Exit date", "Notes", "Country"],
            [
                [f"R{n}", dice.choice(["A", "B"]), str(dice.randint(20, 60)), str(dice.randint(1, 99)),
                 str(dice.randint(1, 5)), dice.choice(["x", "y"]), "2024-01-01" if n % 4 == 0 else "",
                 f"some text, {n}", "FR"]
                for n in range(80)
            ],
        )  # fmt: skip

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
            ({"target": "Gone", "identifier": "Gone"}, {"Gone": "cannot be the employee’s reference"}),
            ({"columns": {"Zodiac": {"role": "input"}}}, {"Zodiac": "The file has no such column."}),
            ({"columns": {"Notes": {"role": "input"}}}, {"Notes": "Nothing can be learned from this"}),
            ({"columns": {"Country": {"role": "input"}}}, {"Country": "The same for everyone"}),
            ({"columns": {"Exit date": {"role": "input"}}}, None),
            ({"columns": {"Site": {"kind": "number"}}}, {"Site": "cannot be read as a number."}),
            ({"columns": {"Notes": {"role": "audit", "kind": "choice"}}}, {"Notes": "as a choice"}),
            ({"columns": {"Pay": {"role": "boss"}}}, {"Pay": "“boss” is not a role"}),
            ({"columns": {"Pay": {"kind": "date"}}}, {"Pay": "“date” is not a kind"}),
            ({"columns": {"Pay": {"label": {"en": " "}}}}, {"Pay": "Give the column a label."}),
            ({"columns": {"Pay": {"label": {"en": "x" * 81}}}}, {"Pay": "at most 80 characters"}),
            ({"columns": {"Pay": {"label": {"de": "x"}}}}, {"Pay": "one text in English and one in"}),
            ({"columns": {"Pay": {"label": "x"}}}, {"Pay": "one text in English and one in"}),
            ({"columns": {"Pay": {"colour": "x"}}}, {"Pay": "is not something that can be corrected"}),
            ({"columns": {"Pay": {"why": "x" * 501}}}, {"Pay": "at most 500 characters"}),
            ({"columns": {"Pay": 3}}, {"Pay": "object"}),
            ({"columns": 3}, {"": "object"}),
            (3, {"": "object"}),
            ({"colour": 1}, {"": "is not something that can be corrected"}),
            ({"target": 1}, {"": "as text"}),
            ({"columns": {"Pay": {"role": "target"}, "Gone": {"role": "target"}}}, {"Gone": "Only one"}),
            (
                {"columns": {"Site": {"kind": "number"}, "Pay": {"role": "input"}}, "target": "Level"},
                {"Level": "two answers", "Site": "a number"},
            ),
        ],
        ids=range(27),
    )  # fmt: skip
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
        TestAnyTable()._check_schema(better.schema, table)
        TestAnyTable()._check_roles(better)


class TestAnyTable:
    @settings(max_examples=400)
    @given(tables(), st.text(max_size=60))
    def test_it_is_a_draft_or_a_sentence_and_the_draft_reads_its_own_rows(self, table, name):
        try:
            made = draft(table, name=name)
        except TableError:
            return
        assert [finding.column for finding in made.findings] == table.headers
        assert Draft.from_json(through_json(made.to_json())) == made
        if made.plan:
            assert TrainingPlan.from_json(through_json(made.plan.to_json())) == made.plan
        self._check_schema(made.schema, table)
        self._check_roles(made)

    def _check_schema(self, schema, table):
        assert FeatureSchema.from_json(through_json(schema.to_json())) == schema
        for feature in schema.everything:
            assert re.fullmatch(r"[a-z][a-z0-9_]{0,59}", feature.name)
            assert feature.name.isidentifier()
            assert feature.label["en"].strip()
            assert feature.label["fr"].strip()
        match = match_columns(table.headers, schema)
        assert match.missing == []
        for feature in schema.everything:
            assert match.headers[feature.name] == feature.column
        wanted = set(schema.by_name)
        if schema.identifier_aliases:
            wanted.add(EMPLOYEE_ID)
            assert (match.headers[EMPLOYEE_ID],) == schema.identifier_aliases
        columns = table.columns()
        frame = schema.clean_frame({name: columns[match.headers[name]] for name in wanted})
        for problems in frame.problems.values():
            assert [p.code for p in problems.pop(ROW)] == ["nothing_known"]
            assert not problems
        assert set(json_schema(schema, "fr")["properties"]) == {EMPLOYEE_ID, *schema.by_name}
        through_json(json_schema(schema, "en"))
        form = EmployeeForm(schema, "fr")
        page = form.as_div()
        for feature in schema.everything:
            assert f'name="{feature.name}"' in page

    def _check_roles(self, made):
        roles = {finding.column: finding.role for finding in made.findings}
        assert [c for c, role in roles.items() if role == "target"] == [made.target] * bool(
            made.target
        )
        asked = {feature.column for feature in made.schema.everything}
        assert asked == {column for column, role in roles.items() if role in ("input", "audit")}
        for finding in made.findings:
            assert finding.reason["en"]
            assert finding.reason["fr"]
            assert (finding.feature is not None) == (finding.role in ("input", "audit"))
        if made.plan:
            plan = made.plan
            everything = [plan.target, plan.identifier, *asked, *plan.left_out]
            assert sorted(filter(None, everything)) == sorted(roles)
