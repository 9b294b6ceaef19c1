"""Where the list begins: tried out in the address, saved with a reason, on record with its why."""

from __future__ import annotations

import pytest
from django.utils import translation

from mlcore import registry, services
from mlcore.engine import operating
from mlcore.forms import NumberField
from mlcore.models import Basis, OperatingDecision, Origin
from mlcore.operating_decisions import because
from tests.web.model_cards import full_files
from tests.web.test_models_pages import text_of


@pytest.fixture
def version(active_model):
    files = full_files(active_model.artifact)
    return services.register(files=files, origin=Origin.TRAINED)


@pytest.fixture
def address(version):
    return f"/models/{version}/operating-point/"


COST = {"basis": "cost", "cost": "4", "capacity": "", "workforce": "2940"}
CAPACITY = {"basis": "capacity", "cost": "", "capacity": "100", "workforce": "1,000"}


def test_a_point_is_tried_out_by_its_address_and_nothing_is_saved(as_alice, address, version):
    page = text_of(as_alice.get(address, COST))
    assert "A list that begins at a risk of 20.0%" in page
    found = operating.outcome(version.card["evaluation"]["operating"], 0.2)
    # The card has 1,470 people: the workforce is twice that.
    assert f"Of 2,940 people, about {found.listed * 2:.0f} are on the list." in page
    assert f"{found.leavers_held * 100:.0f} of 100 who leave" in page
    assert f"On the list, and would have stayed {found.stayed * 2:.0f}" in page
    assert "Longer and shorter lists, in numbers" in page
    assert not OperatingDecision.objects.exists()


def test_by_capacity_the_list_is_as_long_as_there_is_time_for(as_alice, address):
    answer = as_alice.get(address, CAPACITY)
    scaled = answer.context["list"]
    assert scaled["workforce"] == 1000
    assert 90 < scaled["listed"] <= 100
    assert scaled["leavers"] + scaled["stayed"] == pytest.approx(scaled["listed"])


def test_whoever_reads_may_try_and_only_an_administrator_may_save(as_alice, address):
    page = as_alice.get(address, COST)
    assert "Let the list begin" not in page.text
    assert as_alice.post(address, COST | {"reason": "x"}).status_code == 403
    assert not OperatingDecision.objects.exists()


def test_saving_asks_why_and_keeps_what_was_typed(as_carol, address):
    refused = as_carol.post(address, COST | {"reason": " "})
    assert refused.status_code == 200
    page = text_of(refused)
    assert "Nothing was saved" in page
    assert "Say why" in page
    assert 'value="2940"' in refused.text
    assert 'name="cost" value="4"' in refused.text
    assert not OperatingDecision.objects.exists()


def test_what_was_saved_holds_and_stays_on_record(as_carol, address, version):
    services.activate(version=version, reason="x")
    answer = as_carol.post(address, COST | {"reason": "We talked with the works council"})
    assert answer.status_code == 302
    decision = OperatingDecision.objects.get()
    assert decision.threshold == pytest.approx(0.2)
    assert (decision.basis, decision.basis_value) == ("cost", 4)
    assert registry.active().operating_point.threshold == pytest.approx(0.2)
    page = text_of(as_carol.get(answer.url))
    assert "We talked with the works council" in page
    assert "a missed leaver costs as much as 4 needless conversations" in page
    assert "Saved." in page
    as_carol.post(address, CAPACITY | {"reason": "Two of us"})
    page = text_of(as_carol.get(address))
    said = "100 conversations a month, for a workforce of 1,000"
    assert page.index(said) < page.index("as much as 4 needless")
    assert 'value="100"' in as_carol.get(address).text  # the form begins where one is


def test_a_decision_keeps_the_workforce_and_every_digit(as_carol, address):
    given = CAPACITY | {"capacity": "1234567.5", "workforce": "9,876,543", "reason": "All of us"}
    assert as_carol.post(address, given).status_code == 302
    decision = OperatingDecision.objects.get()
    assert (decision.basis_value, decision.workforce) == (1234567.5, 9_876_543)
    answer = as_carol.get(address)
    page = text_of(answer)
    assert "1,234,567.5 conversations a month, for a workforce of 9,876,543" in page
    assert "Of 9,876,543 people" in page
    # The form begins where the decision is: sent again as it is, it says the same.
    form = answer.context["form"]
    shown = {name: form[name].value() for name in ("basis", "capacity", "workforce")}
    assert shown == {"basis": "capacity", "capacity": "1234567.5", "workforce": 9_876_543}
    french = as_carol.get(address, headers={"Accept-Language": "fr"})
    assert french.context["form"]["capacity"].value() == "1234567,5"
    assert "1 234 567,5" in text_of(french)


@pytest.mark.parametrize(
    ("basis", "value", "workforce", "said"),
    [
        (Basis.COST, 1.0, None, "a missed leaver costs as much as 1 needless conversation"),
        (Basis.COST, 3.25, 900, "a missed leaver costs as much as 3.25 needless conversations"),
        (Basis.CAPACITY, 1.0, None, "1 conversation a month"),
        (Basis.CAPACITY, 12.5, 1200, "12.5 conversations a month, for a workforce of 1,200"),
    ],
)
def test_why_a_point_was_chosen_in_words(basis, value, workforce, said):
    decision = OperatingDecision(basis=basis, basis_value=value, workforce=workforce)
    with translation.override("en"):
        assert because(decision) == said


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (COST | {"cost": "many"}, "Enter a number."),
        (COST | {"cost": "0"}, "greater than or equal to 0.1"),
        (COST | {"cost": ""}, "Enter a number above zero."),
        (COST | {"cost": "nan"}, "Enter a number."),
        (COST | {"workforce": ""}, "Enter how many people work for you."),
        (COST | {"workforce": "10.5"}, "Enter a whole number of people."),
        (CAPACITY | {"capacity": "5000"}, "more conversations than you have people"),
        (CAPACITY | {"capacity": "1", "workforce": "9999999"}, "as short as that"),
        ({"basis": "magic", "workforce": "10"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_tried_is_explained_at_its_field(as_alice, address, given, message):
    answer = as_alice.get(address, given)
    assert answer.status_code == 200
    page = text_of(answer)
    assert "This cannot be tried out yet" in page
    assert message in page
    assert "Now: the list begins" in page


def test_in_french(as_alice, address):
    page = text_of(as_alice.get(address, COST, headers={"Accept-Language": "fr"}))
    assert "Une liste qui commence à un risque de 20,0 %" in page
    assert "seraient restées" in page


@pytest.mark.parametrize(
    ("typed", "language", "number"),
    [
        ("1,200", "en", 1200),
        ("1 200", "en", 1200),
        ("3.5", "en", 3.5),
        ("3,5", "en", 3.5),
        ("1\u202f200", "fr", 1200),
        ("3,5", "fr", 3.5),
        ("12,345,678", "en", 12_345_678),
    ],
)
def test_numbers_are_read_as_people_write_them(typed, language, number):
    with translation.override(language):
        assert NumberField().clean(typed) == number
