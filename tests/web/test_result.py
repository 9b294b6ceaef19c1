"""One result: the answer first, in words; the whole of the explanation below it."""

from __future__ import annotations

import re
from math import isclose

import pytest
from django.template import Context, Template
from django.utils import translation

from mlcore.engine.glassbox import sigmoid
from predictions.models import Prediction
from predictions.templatetags import risk


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def said(template, **context):
    """What a template says, without its markup."""
    text = Template("{% load risk %}" + template).render(Context(context))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text)).strip()


def test_the_result_says_the_risk_as_people_count_beside_the_base_rate(as_alice, alice, record):
    prediction = record(alice)
    page = text_of(as_alice.get(prediction.get_absolute_url()))
    assert f"About {round(prediction.probability * 100)} of 100 people with a profile" in page
    assert "it is 16 of 100" in page
    assert "Works overtime: Yes" in page
    assert "raises the risk a lot" in page
    assert prediction.model_version.version in page
    assert str(prediction.pk) in page


@pytest.mark.parametrize(
    ("probability", "english", "french"),
    [
        (0.0003, "Fewer than 1 of 100 people", "Moins d’1 personne sur 100"),
        (0.012, "About 1 of 100 people", "Environ 1 personne sur 100 au profil comparable est"),
        (0.2499, "About 25 of 100 people", "Environ 25 personnes sur 100"),
        (0.997, "More than 99 of 100 people", "Plus de 99 personnes sur 100"),
    ],
)
def test_any_risk_is_said_as_people_count(probability, english, french):
    prediction = Prediction(probability=probability, base_rate=0.16, threshold=0.25, band="low")
    with translation.override("en"):
        assert english in said('{% include "predictions/_answer.html" %}', prediction=prediction)
    with translation.override("fr"):
        assert french in said('{% include "predictions/_answer.html" %}', prediction=prediction)


@pytest.mark.parametrize(
    ("share", "english", "french"),
    [
        (0.0, "0%", "0\u00a0%"),
        (0.00036, "<1%", "<\u00a01\u00a0%"),
        (0.4349, "43%", "43\u00a0%"),
        (0.9961, ">99%", ">\u00a099\u00a0%"),
        (1.0, "100%", "100\u00a0%"),
    ],
)
def test_a_risk_is_never_rounded_to_nothing_or_to_certainty(share, english, french):
    with translation.override("en"):
        assert risk.percent(share) == english
    with translation.override("fr"):
        assert risk.percent(share) == french


def test_a_risk_below_the_threshold_reads_as_less_than_it():
    prediction = Prediction(probability=0.24996, base_rate=0.16, threshold=0.25, band="moderate")
    with translation.override("en"):
        page = said('{% include "predictions/_answer.html" %}', prediction=prediction)
    assert "A risk of 25.00% stays" not in page
    assert "A risk of 24.996% stays below the threshold of 25%" in page


def test_the_result_names_what_an_employer_can_change(as_alice, alice, record, active_model):
    prediction = record(alice)
    page = text_of(as_alice.get(prediction.get_absolute_url()))
    sentence = re.search(
        r"What an employer can change or work towards, among what raises it: (.*?)\.", page
    )[1]
    schema = active_model.schema.by_name
    expected = {
        schema[name].label["en"]
        for name, contribution in prediction.contributions.items()
        if contribution >= 0.25 and schema[name].actionable
    }
    assert set(re.split(r"\s*, ?", sentence.strip())) == expected
    assert "Works overtime" in expected


def test_a_persons_risk_is_kept_by_no_cache(as_alice, alice, record):
    for address in (record(alice).get_absolute_url(), "/predictions/"):
        assert "no-store" in as_alice.get(address)["Cache-Control"]
        assert as_alice.head(address).status_code == 200


def test_the_result_speaks_french(as_alice, alice, record):
    prediction = record(alice)
    page = text_of(as_alice.get(prediction.get_absolute_url(), headers={"Accept-Language": "fr"}))
    assert "Fait des heures supplémentaires" in page
    assert "augmente beaucoup le risque" in page
    assert "USD par mois" in page


def test_the_explanation_is_the_prediction(alice, record):
    prediction = record(alice)
    total = prediction.intercept + sum(prediction.contributions.values())
    assert isclose(total, prediction.log_odds, abs_tol=1e-9)
    floor = prediction.floor
    assert prediction.probability == floor + (1 - floor) * sigmoid(prediction.log_odds)


def test_a_value_beyond_the_training_data_is_pointed_out(as_alice, alice, record):
    prediction = record(alice, distance_from_home=120)
    page = text_of(as_alice.get(prediction.get_absolute_url()))
    assert "Beyond what the model has seen: Distance from home to work (120)" in page


@pytest.mark.parametrize(("person", "shown"), [("alice", False), ("bob", True), ("carol", True)])
def test_audit_attributes_are_shown_to_who_may_audit_and_never_on_paper(
    client, request, alice, record, person, shown
):
    prediction = record(alice, gender="Female", age=41)
    assert "gender" not in prediction.inputs
    assert prediction.audit_attributes == {"gender": "Female", "age": 41}
    client.force_login(request.getfixturevalue(person))
    page = client.get(prediction.get_absolute_url())
    assert ("Gender (for fairness checks only)" in text_of(page)) is shown
    assert ("Female" in text_of(page)) is shown
    assert page.content.decode().count('<div class="no-print"><dt>') == (2 if shown else 0)


@pytest.mark.parametrize(
    ("person", "expected"),
    [("alice", 200), ("bob", 200), ("carol", 200), ("dave", 403), ("erin", 403)],
)
def test_who_may_read_a_result(client, request, alice, record, person, expected):
    prediction = record(alice)
    client.force_login(request.getfixturevalue(person))
    assert client.get(prediction.get_absolute_url()).status_code == expected


@pytest.mark.parametrize(("others", "expected"), [(0, 6), (1, 7), (30, 7)])
def test_the_result_s_queries_do_not_grow(
    as_alice, alice, record, django_assert_num_queries, others, expected
):
    for _ in range(others):
        record(alice)
    prediction = record(alice)
    # Session, person, record with its model, requester and file; the assessment before and the one
    # after it, and how many there are; by what it was judged.
    with django_assert_num_queries(expected):
        as_alice.get(prediction.get_absolute_url())


def test_who_only_reads_costs_no_model(client, bob, alice, record, django_assert_num_queries):
    prediction = record(alice, employee_id="")
    client.force_login(bob)
    with django_assert_num_queries(3):  # session, person, record
        client.get(prediction.get_absolute_url())


def test_an_unknown_result_is_not_found(as_alice, active_model):
    answer = as_alice.get("/predictions/01a20859-937b-7290-9044-2df88a6b7cc7/")
    assert answer.status_code == 404
    assert "There is nothing at this address" in text_of(answer)
