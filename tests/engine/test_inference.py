from __future__ import annotations

import datetime
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcore.engine.drafting.draft import Draft
from mlcore.engine.drafting.inference import CorrectionError, draft, revise
from mlcore.engine.learning import training
from mlcore.engine.plan import TrainingPlan
from mlcore.engine.tabular import Table, TableError, read_table
from tests.engine.drafts import check_roles, check_schema, column, table_of, through_json
from tests.engine.strategies import tables
from tests.engine.test_tabular import workbook


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
                assert guessed[name].integer == written.integer
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


class TestAnExportInExcel:
    """Cells that are numbers, dates and booleans to the workbook."""

    @pytest.fixture
    def table(self):
        dice = random.Random(9)
        rows = [
            [
                10_000 + 3 * number,
                number % 4 == 0,
                datetime.date(2010, 1, 1) + datetime.timedelta(days=number),
                dice.randint(22, 61),
                round(dice.uniform(1_500, 6_000), 2),
                dice.choice([0, 0.02, 0.11]),
                dice.choice([1, 2, 3, 4, 5]),
                dice.choice([True, False, None]),
                dice.choice([35, 39, "N/A"]),
            ]
            for number in range(240)
        ]
        header = ["Staff ID", "Left", "Hire date", "Age", "Salary", "Raise", "Engagement", "Remote",
                  "Weekly hours"]  # fmt: skip
        return read_table(workbook(header, *rows))

    def test_each_column_is_found(self, table):
        made = draft(table, name="Export.xlsx")
        assert (made.target, made.leaver, made.identifier) == ("Left", "true", "Staff ID")
        kinds = {finding.column: (finding.role, finding.kind) for finding in made.findings}
        assert kinds == {
            "Staff ID": ("identifier", "identifier"),
            "Left": ("target", "choice"),
            "Hire date": ("left_out", "date"),
            "Age": ("audit", "number"),
            "Salary": ("input", "number"),
            "Raise": ("input", "number"),
            "Engagement": ("input", "scale"),
            "Remote": ("input", "choice"),
            "Weekly hours": ("input", "number"),
        }
        assert made.schema.by_name["age"].integer
        assert not made.schema.by_name["salary"].integer
        assert made.schema.by_name["remote"].read(True) == "true"
        assert made.schema.by_name["remote"].choice_label("true", "fr") == "Oui"

    def test_it_can_be_prepared_for_training(self, table):
        data = training.prepare(draft(table, name="Export.xlsx").plan, table.columns())
        assert data.left.sum() == 60
        assert data.frame.inputs["weekly_hours"].count(None) > 20


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
            (Table(["a", "b" * 1_001], [["1", "2"]]), "long_name"),
        ],
        ids=["one column", "only a header", "no header", "wide", "long", "a long name"],
    )
    def test_a_table_that_no_model_can_be_trained_on(self, table, code):
        with pytest.raises(TableError) as refused:
            draft(table, name="x")
        assert refused.value.code == code


class TestNames:
    def test_they_differ_whatever_the_headers(self):
        headers = ["Over Time", "OverTime", "over_time", "!!!", "年齢", "Employee ID",
                   "employee_id", "class", "2024", "x" * 90, "x" * 91]  # fmt: skip
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
        [("Export RH 2025.xlsx", "export-rh-2025"), ("", "history"), ("年", "history"),
         ("a" * 99, "a" * 40), ("../../etc/passwd", "etc-passwd"), ("%%", "history"),
         ("É.CSV", "e")],
    )  # fmt: skip
    def test_a_plan_is_named_after_the_file(self, name, plain):
        table = table_of(Left=["Yes", "No"] * 30, Pay=[1, 2, 3] * 20)
        assert draft(table, name=name).plan.name == plain


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
        check_schema(made.schema, table)
        check_roles(made)


@pytest.mark.parametrize("cell", [math.nan, True, 12.5])
def test_what_cannot_be_a_reference_makes_no_identifier(cell):
    table = table_of(
        Left=["Yes", "No"] * 30, Matricule=[*(f"M{n}" for n in range(59)), cell], Pay=range(60)
    )
    assert draft(table, name="x").identifier == ""
    with pytest.raises(CorrectionError):
        revise(draft(table, name="x"), table, {"identifier": "Matricule"})
