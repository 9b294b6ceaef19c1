"""POST predict/attrition/batch: many employees, each answered on its own."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import OperationalError, connection

from predictions import services
from predictions.models import Prediction
from tests.api.conftest import Api, codes
from tests.api.test_predict import FIELDS

ADDRESS = "/api/v1/predict/attrition/batch"
OF_THE_PLACE = {"index", "status"}


def post(api, employees, *, expect=200, **extra):
    return api.post(ADDRESS, {"employees": employees}, expect=expect, **extra)


def test_each_is_answered_in_its_place(api, employee):
    bad = employee | {"employee_id": "E-2", "monthly_income": -5, "job_level": 17}
    employees = [employee, bad, 7, employee | {"employee_id": "E-4", "over_time": "No"}, {}]
    answer = post(api, employees).json()
    assert answer.keys() == {"accepted", "refused", "results"}
    assert (answer["accepted"], answer["refused"]) == (2, 3)
    results = answer["results"]
    assert [entry["index"] for entry in results] == [0, 1, 2, 3, 4]
    assert [entry["status"] for entry in results] == [201, 422, 422, 201, 422]
    for entry in (results[0], results[3]):
        assert entry.keys() == FIELDS | {"index", "status"}
    assert results[1].keys() == {"index", "status", "errors"}
    assert [found[0]["code"] for found in results[1]["errors"].values()] == [
        "not_a_choice",
        "out_of_range",
    ]
    assert results[2]["errors"]["non_field_errors"][0]["code"] == "not_an_object"
    assert results[4]["errors"]["non_field_errors"][0]["code"] == "nothing_known"
    assert {str(pk) for pk in Prediction.objects.values_list("pk", flat=True)} == {
        results[0]["prediction_id"],
        results[3]["prediction_id"],
    }
    assert results[3]["employee_id"] == "E-4"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_an_answer_is_what_the_employee_would_get_alone(api, employee, language):
    blank = dict.fromkeys(employee) | {"over_time": "Yes"}
    employees = [
        employee,
        employee | {"employee_id": "É“\\\n", "over_time": "No", "monthly_income": 2_300.5},
        blank,
        employee | {"distance_from_home": 0, "age": 41},
    ]
    heard = {"headers": {"Accept-Language": language}}
    together = post(api, employees, **heard).json()["results"]
    for index, (one, among) in enumerate(zip(employees, together, strict=True)):
        alone = api.post("/api/v1/predict/attrition", one, expect=201, **heard).json()
        own = {name: among[name] for name in ("prediction_id", "created_at")}
        assert among == {"index": index, "status": 201} | alone | own
        assert UUID(own["prediction_id"]).version == UUID(alone["prediction_id"]).version == 7


def test_a_record_is_what_was_answered(api, employee):
    answers = post(api, [employee, employee | {"over_time": "No"}]).json()["results"]
    for answer in answers:
        read = api.get(f"/api/v1/predict/history/{answer['prediction_id']}").json()
        assert read.items() >= {k: v for k, v in answer.items() if k not in OF_THE_PLACE}.items()


def test_all_refused_is_still_an_answer(api, no_record):
    answer = post(api, [{}, None]).json()
    assert (answer["accepted"], answer["refused"]) == (0, 2)
    assert [entry["status"] for entry in answer["results"]] == [422, 422]


def test_a_thousand_are_written_together(api, employee, django_capture_queries):
    employees = [employee | {"employee_id": f"E-{n}"} for n in range(1000)]
    post(api, [employee])
    with django_capture_queries as captured:
        answer = post(api, employees).json()
    assert answer["accepted"] == Prediction.objects.count() - 1 == 1000
    assert [entry["employee_id"] for entry in answer["results"]] == [f"E-{n}" for n in range(1000)]
    statements = [query["sql"] for query in captured.captured_queries]
    assert len([sql for sql in statements if sql.startswith("SELECT")]) == 1
    assert len([sql for sql in statements if "predictions_prediction (" in sql]) == 1


def test_the_person_is_asked_for_once_whatever_the_size(api, employee, django_assert_num_queries):
    post(api, [employee])
    for size in (1, 20):
        # The person, and the rows.
        with django_assert_num_queries(2):
            post(api, [employee] * size)


def test_a_lost_database_loses_all_of_them(api, employee, monkeypatch, no_record):
    def lost(*args, **kwargs):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(services, "_write", lost)
    response = post(api, [employee, employee], expect=503)
    assert response["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"employees": "not_a_list"}),
        ({"employees": None}, {"employees": "not_a_list"}),
        ({"employees": {}}, {"employees": "not_a_list"}),
        ({"employees": []}, {"employees": "empty"}),
        ({"employees": [{}] * 1001}, {"employees": "too_many"}),
        ({"employees": [{}], "mode": "fast"}, {"mode": "unknown_field"}),
        ([], {"non_field_errors": "not_an_object"}),
        ("employees", {"non_field_errors": "not_an_object"}),
    ],
)
def test_a_body_that_is_no_batch(api, no_record, body, expected):
    response = api.post(ADDRESS, body, expect=422)
    assert codes(response) == expected
    assert response.json()["type"] == "urn:attrition:problem:invalid-batch"


def test_errors_are_in_the_readers_language(api, no_record):
    answer = post(api, [{"job_level": "?"}], headers={"Accept-Language": "fr"}).json()
    message = answer["results"][0]["errors"]["job_level"][0]["message"]
    assert "ne fait pas partie des choix" in message


def test_the_bare_address_is_the_same_endpoint(api, employee):
    assert api.post("/predict/attrition/batch", {"employees": [employee]}, expect=200)


@pytest.mark.parametrize("person", ["alice", "bob", "carol", "erin"])
def test_only_programs_assess_here(request, employee, no_record, person):
    request.getfixturevalue("active_model")
    post(Api(request.getfixturevalue(person)), [employee], expect=403)


@pytest.fixture
def django_capture_queries(db):
    from django.test.utils import CaptureQueriesContext

    return CaptureQueriesContext(connection)
