"""Columns of a file found again in a schema: by name where they have it, else by likeness."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcore.engine.ingest import matching
from mlcore.engine.ingest.matching import Column, match
from tests.engine.test_tabular import IBM_HEADER, IBM_ROW


@pytest.fixture(scope="module")
def schema(bundled):
    return bundled.schema


def one(schema, header, *values):
    """What a column of its own is taken for."""
    [column] = match([header], [[value] for value in values], schema)
    return column


class TestNames:
    @pytest.mark.parametrize(
        ("header", "field", "how"),
        [
            ("MonthlyIncome", "monthly_income", "header"),
            ("monthly_income", "monthly_income", "name"),
            ("Monthly income", "monthly_income", "name"),
            ("Rémunération mensuelle", "monthly_income", "label"),
            ("REMUNERATION MENSUELLE", "monthly_income", "label"),
            ("Salaire", "monthly_income", "label"),
            ("EmployeeNumber", "employee_id", "header"),
            ("Employee ID", "employee_id", "name"),
            ("Matricule", "employee_id", "label"),
            ("Âge", "age", "name"),
            ("Sexe", "gender", "label"),
        ],
    )
    def test_a_column_is_known_by_any_of_its_names(self, schema, header, field, how):
        column = one(schema, header, "1")
        assert (column.field, column.how) == (field, how)

    def test_values_do_not_matter_to_a_name(self, schema):
        assert one(schema, "MonthlyIncome", "a lot").field == "monthly_income"

    def test_the_very_header_of_the_training_file_goes_first(self, schema):
        columns = match(["Salaire", "monthly_income", "MonthlyIncome"], [], schema)
        assert [column.field for column in columns] == ["", "", "monthly_income"]

    def test_the_public_file_is_matched_completely(self, schema):
        columns = match(IBM_HEADER, [list(map(str, IBM_ROW))], schema)
        found = {column.field for column in columns} - {""}
        assert found == {"employee_id", *schema.by_name}
        assert {column.how for column in columns} == {"header", ""}


class TestLikeness:
    @pytest.mark.parametrize(
        ("header", "value", "field"),
        [
            ("N° matricule", "A12", "employee_id"),
            ("Emp No", "17", "employee_id"),
            ("Matricule salarié", "00123", "employee_id"),
            ("Heures supplémentaires (O/N)", "O", "over_time"),
            ("Dist. domicile (km)", "12", "distance_from_home"),
            ("Distance home-work", "8 km", "distance_from_home"),
            ("Salaire brut mensuel", "5 993,00 €", "monthly_income"),
            ("Gross pay / month", "$5,993", "monthly_income"),
            ("Job Title", "Sales Executive", "job_role"),
            ("Intitulé du poste", "Sales Executive", "job_role"),
            ("Job lvl", "2", "job_level"),
            ("Niveau stock-options", "0", "stock_option_level"),
            ("Nb formations", "3", "training_times_last_year"),
            ("Tenure (yrs)", "3", "years_at_company"),
            ("Années depuis dernière promotion", "1", "years_since_last_promotion"),
            ("Yrs since promo", "1", "years_since_last_promotion"),
            ("Years with manager", "2", "years_with_curr_manager"),
            ("Total yrs experience", "12", "total_working_years"),
            ("Nb entreprises", "3", "num_companies_worked"),
            ("Satisfaction environnement", "3", "environment_satisfaction"),
            ("Env. satisf.", "Low", "environment_satisfaction"),
            ("Job sat", "3", "job_satisfaction"),
            ("Équilibre vie pro / perso", "3", "work_life_balance"),
            ("Domaine d'études", "Medical", "education_field"),
            ("Statut marital", "Single", "marital_status"),
        ],
    )
    def test_words_abbreviations_and_either_language(self, schema, header, value, field):
        column = one(schema, header, value)
        assert column.field == field
        assert column.how in ("likeness", "label")  # an alias may be just that

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("Salaire annuel brut", "36000"),
            ("MonthlyRate", "19479"),
            ("HourlyRate", "94"),
            ("YearsInCurrentRole", "4"),
            ("Education", "2"),
            ("PerformanceRating", "3"),
            ("EmployeeCount", "1"),
            ("StandardHours", "80"),
            ("Prime annuelle", "1000"),
            ("Manager ID", "12"),
            ("Manager", "Martin"),
            ("Company", "3"),
            ("Promotion", "1"),
            ("Code postal", "69001"),
            ("Nombre d'enfants", "2"),
            ("Temps de travail", "35"),
            ("Ancienneté dans le poste", "3"),
            ("Year of birth", "1980"),
            ("Nom", "Dupont"),
            ("E-mail", "a@example.org"),
        ],
    )
    def test_what_only_sounds_like_it_is_no_match(self, schema, header, value):
        assert one(schema, header, value).field == ""

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("Salaire (annuel)", "36000"),
            ("Income (annual)", "36000"),
            ("Pay (weekly)", "700"),
            ("Salary (k€)", "36"),
            ("Distance (miles)", "12"),
            ("Distance (min)", "12"),
            ("Temps écoulé depuis promotion (mois)", "14"),
            ("Years in previous company", "4"),
            ("Job satisfaction (previous year)", "3"),
            ("Employee manager ID", "E4"),
            ("Matricule N+1", "E4"),
            ("Job level (manager)", "3"),
            ("Conjoint : situation familiale", "Single"),
        ],
    )
    def test_another_period_unit_time_or_person_is_another_thing(self, schema, header, value):
        assert one(schema, header, value).field == ""

    @pytest.mark.parametrize(
        ("header", "value", "field"),
        [
            ("Salary (monthly)", "3000", "monthly_income"),
            ("Salaire mensuel (année en cours)", "3000", "monthly_income"),
            ("Salaire (€/mois)", "3000", "monthly_income"),
            ("Ancienneté (ans)", "3", "years_at_company"),
            ("Years with current manager (at company)", "3", "years_with_curr_manager"),
            ("Nb employeurs précédents", "3", "num_companies_worked"),
        ],
    )
    def test_the_same_one_said_in_brackets_is_not(self, schema, header, value, field):
        assert one(schema, header, value).field == field

    @pytest.mark.parametrize(
        ("header", "values"),
        [
            ("Dernière promotion", ["2020-01-01", "2021-03-04"]),
            ("Heures sup", ["12", "3,5"]),
            ("Job Title", ["Astronaut"]),
            ("Poste", ["Astronaute", "Boulanger", "Manager"]),
            ("Nb entreprises", ["Exemple SA", "Autre SARL"]),
        ],
    )
    def test_a_likeness_whose_values_cannot_be_read_is_none(self, schema, header, values):
        assert one(schema, header, *values).field == ""

    def test_one_in_ten_values_may_be_wrong(self, schema):
        assert one(schema, "Job lvl", *map(str, [1, 2, 3, 4, 5])).field
        assert one(schema, "Gross pay / month", *map(str, range(1000, 1019)), "?").field
        assert not one(schema, "Gross pay / month", "1000", "1001", "?").field

    def test_a_field_has_one_column_and_the_best_has_it(self, schema):
        columns = match(["Gross pay / month", "Salaire de ce mois", "Salary"], [], schema)
        assert [column.field for column in columns] == ["", "", "monthly_income"]

    def test_a_wide_file_is_matched_at_once(self, schema):
        headers = [f"{IBM_HEADER[n % 35]} {'x' * (n // 35)} total" for n in range(200)]
        begun = time.process_time()
        match(headers, [[str(n) for n in range(200)]] * 200, schema)
        assert time.process_time() - begun < 2


class TestUnknownWords:
    """Words that the model does not know are a person's to explain, where the column is right."""

    TITLES = ("Commercial", "Technicien", "Chef d’équipe", "Comptable", "Acheteur")

    @pytest.mark.parametrize(
        ("header", "values", "field", "how"),
        [
            ("Heures supplémentaires", ["Oui", "Non"] * 99 + ["nsp"] * 2, "over_time", "likeness"),
            ("Heures sup", ["Oui"] * 14 + ["à voir"] * 6, "over_time", "likeness"),
            ("Voyages", ["Jamais", "Rarement"] * 20 + ["Itinérant"], "business_travel", "likeness"),
            ("Poste", [*TITLES] * 10, "job_role", "likeness"),
            ("Poste", ["Manager"] * 30 + [*TITLES], "job_role", "label"),
            ("Satisfaction au travail", ["Content", "Mitigé"] * 20, "job_satisfaction", "likeness"),
            ("Gross pay / month", ["1000", "1200"] * 20 + ["?", "!"], "monthly_income", "likeness"),
        ],
        ids=range(7),
    )
    def test_they_are_weighed_by_the_rows_that_say_them(self, schema, header, values, field, how):
        column = one(schema, header, *values)
        assert (column.field, column.how) == (field, how)

    @pytest.mark.parametrize(
        ("header", "values"),
        [
            ("Heures sup", ["0"] * 90 + ["12", "3,5", "8"]),
            ("Heures sup", ["0"] * 90 + ["12 h", "3 h 30", "8 h"]),
            ("Heures sup", ["Oui"] * 8 + ["à voir"] * 12),
            ("Domaine", ["Commercial", "Technique"] * 20),
            ("Poste", ["2020-01-01", "2021-03-04"] * 20),
            ("Poste", ["4512", "4513", "4514"] * 20),
            ("Poste", [f"Métier {chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(31)] * 3),
            ("Satisfaction au travail", [f"Un avis sur {n}" for n in range(25)]),
            ("Satisfaction au travail", ["6", "7", "8", "9"] * 10),
        ],
        ids=range(9),
    )
    def test_what_is_plainly_something_else_is_no_match(self, schema, header, values):
        assert one(schema, header, *values).field == ""

    def test_a_column_that_can_be_read_goes_before_one_of_unknown_words(self, schema):
        rows = [[title, "Sales Executive"] for title in self.TITLES] * 10
        columns = match(["Poste", "Statut du poste"], rows, schema)
        assert [column.field for column in columns] == ["", "job_role"]


class TestColumns:
    def test_each_is_given_with_three_of_its_values(self, schema):
        headers = ["Matricule", "Service"]
        rows = [["A1", "Ventes"], ["A2", "Ventes"], ["A3", ""], ["A4", "R&D"], ["A5", "Paie"]]
        assert match(headers, rows, schema) == [
            Column(
                place=0, header="Matricule", samples=["A1", "A2", "A3"],
                field="employee_id", how="label",
            ),
            Column(place=1, header="Service", samples=["Ventes", "R&D", "Paie"], groupable=True),
        ]  # fmt: skip

    def test_a_column_may_be_blank_and_rows_too_short(self, schema):
        assert [c.samples for c in match(["a", "b"], [["1"], [" ", ""]], schema)] == [["1"], []]

    @pytest.mark.parametrize(
        ("header", "values"),
        [
            ("Department", ["Sales", "R&D"]),
            ("Site", ["Lyon", "Paris", "Lille"]),
            ("Type de contrat", ["CDI", "CDD"]),
            ("Entité", ["Exemple SA", "Autre SARL"]),
            ("Grade", ["A1", "B2"]),
        ],
    )
    def test_people_can_be_compared_by_a_few_words(self, schema, header, values):
        assert one(schema, header, *values * 30).groupable

    @pytest.mark.parametrize(
        ("header", "values"),
        [
            ("Gender", ["F", "M"]),
            ("Situation familiale", ["Marié", "Célibataire"]),
            ("Nationalité", ["FR", "BE"]),
            ("Titre", ["M.", "Mme"]),
            ("Tranche d'âge", ["25-34", "35-44"]),
            ("Nom", ["Dupont", "Martin"]),
            ("Manager", ["Dupont", "Martin"]),
            ("E-mail", ["a@example.org", "b@example.org"]),
            ("Date d'entrée", ["2020-01-01", "2021-01-01"]),
            ("Standard hours", ["35", "39"]),
            ("Attrition", ["Yes", "No"]),
            ("Motif de départ", ["Retraite", "Démission"]),
            ("Over18", ["Y"]),
            ("Remarque", [f"Texte {n}" for n in range(61)]),
            ("Remarque", ["Une remarque trop longue pour être un groupe. " * 2, "x"]),
            ("OverTime", ["Yes", "No"]),
        ],
        ids=range(16),
    )  # fmt: skip
    def test_but_not_by_what_is_protected_personal_or_asked(self, schema, header, values):
        assert not one(schema, header, *values * 30).groupable

    @pytest.mark.parametrize(
        ("header", "values", "different"),
        [
            ("Centre", [f"Centre {n}" for n in range(61)] * 3, 61),
            ("Centre", [f"Centre {n}" for n in range(11)] + ["Centre 1"] * 9, 11),
            ("Centre", [f"Centre {n}" for n in range(60)] * 3, 0),
            ("Nom", [f"Durand {n}" for n in range(61)] * 3, 0),
            ("Nationalité", [f"Pays {n}" for n in range(61)] * 3, 0),
            ("Standard hours", [str(n) for n in range(61)] * 3, 0),
            ("Motif de départ", [f"Motif {n}" for n in range(61)] * 3, 0),
        ],
        ids=range(7),
    )
    def test_that_only_its_many_values_speak_against_it_is_said(
        self, schema, header, values, different
    ):
        assert one(schema, header, *values).too_varied == different

    @pytest.mark.parametrize(
        ("header", "values"),
        [("Gender", ["F"]), ("Nationalité", ["FR"]), ("RQTH", ["Oui"]), ("T1", ["M.", "Mme"])],
    )
    def test_what_the_law_protects_is_said_so(self, schema, header, values):
        assert one(schema, header, *values).protected

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(
            st.text(max_size=20) | st.sampled_from([*IBM_HEADER, "Salaire", "Âge", "Service"]),
            max_size=8,
        ),
        st.lists(
            st.lists(st.text(max_size=8) | st.sampled_from(["1", "12 %", "Yes"]), max_size=8),
            max_size=5,
        ),
    )
    def test_anything_is_matched_each_field_once(self, schema, headers, rows):
        columns = match(headers, rows, schema)
        assert [column.header for column in columns] == headers
        assert [column.place for column in columns] == list(range(len(headers)))
        fields = [column.field for column in columns if column.field]
        assert len(set(fields)) == len(fields)
        for column in columns:
            assert len(column.samples) <= matching.SAMPLES
            assert bool(column.field) == bool(column.how)
            assert not (column.groupable and (column.field or column.protected))
