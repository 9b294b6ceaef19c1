"""Where the list begins: tried out in the address, saved with a reason, on record with its why."""

from __future__ import annotations

import pytest

from mlcore import registry, services
from mlcore.engine import artifact, operating
from mlcore.forms import NumberField
from mlcore.models import OperatingDecision, Origin
from tests.web.model_cards import full_model
from tests.web.test_models_pages import text_of


@pytest.fixture
def version(active_model):
    files = artifact.files_of(full_model(active_model.artifact))
    return services.register(files=files, origin=Origin.TRAINED)


@pytest.fixture
def address(version):
    return f"/models/{version}/operating-point/"


@pytest.fixture
def as_alice(client, alice):
    client.force_login(alice)
    return client


@pytest.fixture
def as_carol(client, carol):
    client.force_login(carol)
    return client


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
    assert page.index("100 conversations a month") < page.index("as much as 4 needless")
    assert 'value="100"' in as_carol.get(address).text  # the form begins where one is


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (COST | {"cost": "many"}, "Enter a number."),
        (COST | {"cost": "0"}, "greater than or equal to 0.1"),
        (COST | {"cost": ""}, "Enter a number above zero."),
        (COST | {"cost": "nan"}, "Enter a number."),
        (COST | {"workforce": ""}, "Enter how many people work for you."),
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
    from django.utils import translation

    with translation.override(language):
        assert NumberField().clean(typed) == number
