"""The bundled model reads a file as French and English HR departments write it."""

import pytest

from mlcore.engine.ingest.matching import match
from mlcore.engine.values import InvalidValueError, fold


@pytest.fixture
def feature(bundled):
    return bundled.schema.by_name.__getitem__


class TestPay:
    """Amounts have cents, and the currency of the training data may stand beside them."""

    @pytest.mark.parametrize(
        "raw",
        [
            5130,
            "5130",
            "5 130",
            "5,130",
            "5130.00",
            "5130,0",
            "USD 5130",
            "5130 USD",
            "$5,130",
            "$5,130.00",
            "5130 $",
            "5 130,00 $",
        ],
    )
    def test_it_is_read_as_payroll_writes_it(self, feature, raw):
        assert feature("monthly_income").read(raw) == 5130

    @pytest.mark.parametrize("raw", [5130.5, "5130.50", "5130,5", "5 130,50", "$5,130.50"])
    def test_cents_are_kept(self, feature, raw):
        assert feature("monthly_income").read(raw) == 5130.5

    def test_a_point_that_may_part_thousands_is_asked_about(self, feature):
        with pytest.raises(InvalidValueError, match="ambiguous_number"):
            feature("monthly_income").read("5.130")

    @pytest.mark.parametrize("raw", ["5130 €", "£5130", "5130 EUR", "5130 $ brut"])
    def test_one_amount_of_another_currency_is_refused(self, feature, raw):
        with pytest.raises(InvalidValueError, match="not_a_number"):
            feature("monthly_income").read(raw)


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("over_time", {"Oui": "Yes", "Non": "No", "vrai": "Yes", "FAUX": "No", "O": "Yes"}),
        (
            "business_travel",
            {
                "Jamais": "Non-Travel",
                "Aucun": "Non-Travel",
                "Rarement": "Travel_Rarely",
                "Souvent": "Travel_Frequently",
                "Fréquemment": "Travel_Frequently",
                "frequemment": "Travel_Frequently",
            },
        ),
        ("department", {"Recherche & Développement": "Research & Development", "Vente": "Sales"}),
        (
            "job_role",
            {
                "Commercial": "Sales Executive",
                "Commerciale": "Sales Executive",
                "Chargée RH": "Human Resources",
                "Chercheuse": "Research Scientist",
                "Technicien de laboratoire": "Laboratory Technician",
                "Technicienne de laboratoire": "Laboratory Technician",
                "Directrice de production": "Manufacturing Director",
                "Délégué commercial": "Sales Representative",
            },
        ),
        ("job_satisfaction", {"Faible": 1, "Moyen": 2, "Élevé": 3, "Elevee": 3, "Très élevé": 4}),
        ("work_life_balance", {"Mauvaise": 1, "Bonne": 2, "Très bonne": 3, "Excellente": 4}),
        ("education", {"Bac": 2, "Bac+2": 2, "Bac +3": 3, "Bac+5": 4, "Doctorat": 5, "CAP": 1}),
        ("education_field", {"Médical": "Medical", "Technique": "Technical Degree"}),
        ("marital_status", {"Divorcé": "Divorced", "Mariée": "Married", "Marié": "Married"}),
        ("gender", {"Féminin": "Female", "Homme": "Male"}),
    ],
)
def test_answers_are_read_in_usual_french(plan, name, answers):
    read = plan.schema.by_name[name].read
    assert {word: read(word) for word in answers} == answers


def test_no_word_means_two_answers(plan):
    for feature in plan.schema.everything:
        for choice in feature.choices:
            for word in (str(choice.value), *choice.label.values(), *choice.aliases):
                assert feature.read(word) == choice.value, (feature.name, word)


def test_no_header_means_two_fields(plan):
    schema = plan.schema
    for feature in schema.everything:
        for word in (feature.name, feature.column, *feature.label.values(), *feature.aliases):
            assert schema.by_word[fold(word)] == feature.name, word


@pytest.mark.parametrize(
    ("header", "value", "field"),
    [
        ("Revenu mensuel", "5130", "monthly_income"),
        ("Salaire brut mensuel", "5130", "monthly_income"),
        ("Trajet (km)", "8", "distance_from_home"),
        ("Distance (km)", "8", "distance_from_home"),
        ("Commute distance", "8", "distance_from_home"),
        ("Heures supplémentaires", "Oui", "over_time"),
        ("Heures sup.", "Non", "over_time"),
        ("Déplacements", "Rarement", "business_travel"),
        ("Voyages d'affaires", "Jamais", "business_travel"),
        ("Poste", "Chercheur", "job_role"),
        ("Fonction", "Chercheur", "job_role"),
        ("Job title", "Manager", "job_role"),
        ("Métier exercé", "Manager", "job_role"),
        ("Filière", "Marketing", "education_field"),
        ("Ancienneté", "3", "years_at_company"),
        ("Tenure", "3", "years_at_company"),
        ("Expérience totale", "8", "total_working_years"),
        ("Formations", "2", "training_times_last_year"),
        ("Years since promotion", "2", "years_since_last_promotion"),
        ("Genre", "Femme", "gender"),
        ("N° salarié", "A12", "employee_id"),
        # Something else, or in another unit.
        ("Heures supplémentaires", "12,5", ""),
        ("Salaire annuel", "62000", ""),
        ("Revenu annuel", "62000", ""),
        ("Trajet (min)", "35", ""),
        ("Temps de trajet", "35", ""),
        ("Commute time", "35", ""),
        ("Prime mensuelle brute", "120", ""),
        ("Type d'emploi", "Manager", ""),
    ],
)
def test_a_header_leads_to_its_field(bundled, header, value, field):
    (column,) = match([header], [[value]], bundled.schema)
    assert column.field == field


def test_where_a_person_lives_is_not_the_employers_to_change(feature):
    assert not feature("distance_from_home").actionable
    assert feature("monthly_income").actionable
