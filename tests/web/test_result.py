"""One result: the answer first, in words; the whole of the explanation below it."""

from __future__ import annotations

import re
from math import isclose

import pytest

from mlcore.engine.glassbox import sigmoid


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def as_alice(client, alice):
    client.force_login(alice)
    return client


def test_the_result_says_the_risk_as_people_count_beside_the_base_rate(as_alice, alice, record):
    prediction = record(alice)
    page = text_of(as_alice.get(prediction.get_absolute_url()))
    assert f"About {round(prediction.probability * 100)} of 100 people" in page
    assert "it is 16 of 100" in page
    assert "Works overtime: Yes" in page
    assert "raises the risk a lot" in page
    assert prediction.model_version.version in page
    assert str(prediction.pk) in page


def test_the_result_speaks_french(as_alice, alice, record):
    prediction = record(alice)
    page = text_of(as_alice.get(prediction.get_absolute_url(), headers={"Accept-Language": "fr"}))
    assert "Fait des heures supplémentaires" in page
    assert "augmente beaucoup le risque" in page
    assert "par mois" in page


def test_the_explanation_is_the_prediction(alice, record):
    prediction = record(alice)
    total = prediction.intercept + sum(prediction.contributions.values())
    assert isclose(total, prediction.log_odds, abs_tol=1e-9)
    assert sigmoid(prediction.log_odds) == prediction.probability


def test_a_value_beyond_the_training_data_is_pointed_out(as_alice, alice, record):
    prediction = record(alice, distance_from_home=120)
    page = text_of(as_alice.get(prediction.get_absolute_url()))
    assert "Beyond what the model has seen: Distance from home to work (120)" in page


def test_audit_attributes_are_shown_apart(as_alice, alice, record):
    prediction = record(alice, gender="Female", age=41)
    assert "gender" not in prediction.inputs
    assert prediction.audit_attributes == {"gender": "Female", "age": 41}
    page = text_of(as_alice.get(prediction.get_absolute_url()))
    assert "Gender (for fairness checks only)" in page


@pytest.mark.parametrize(
    ("person", "expected"),
    [("alice", 200), ("bob", 200), ("carol", 200), ("dave", 403), ("erin", 403)],
)
def test_who_may_read_a_result(client, request, alice, record, person, expected):
    prediction = record(alice)
    client.force_login(request.getfixturevalue(person))
    assert client.get(prediction.get_absolute_url()).status_code == expected


def test_the_result_costs_three_queries(as_alice, alice, record, django_assert_num_queries):
    prediction = record(alice)
    with django_assert_num_queries(3):  # session, person, record with its model and requester
        as_alice.get(prediction.get_absolute_url())


def test_an_unknown_result_is_not_found(as_alice, active_model):
    answer = as_alice.get("/predictions/01a20859-937b-7290-9044-2df88a6b7cc7/")
    assert answer.status_code == 404
    assert "There is nothing at this address" in text_of(answer)
