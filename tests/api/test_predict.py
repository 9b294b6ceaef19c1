"""POST predict/attrition: one employee in, a recorded and explained prediction out."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from predictions.models import Prediction, Source
from tests.api.conftest import Api, codes

ADDRESS = "/api/v1/predict/attrition"

FIELDS = {
    "prediction_id",
    "employee_id",
    "prediction",
    "label",
    "probability",
    "threshold",
    "risk_band",
    "base_rate",
    "model_version",
    "created_at",
    "log_odds",
    "intercept",
    "floor",
    "explanation",
    "missing",
}


def test_an_employee_is_assessed_recorded_and_explained(api, dave, employee, active_model):
    response = api.post(ADDRESS, employee, expect=201)
    assert response["Content-Type"] == "application/json"
    answer = response.json()
    assert answer.keys() == FIELDS
    record = Prediction.objects.get()
    assert answer["prediction_id"] == str(record.pk)
    assert answer["employee_id"] == record.employee_id == "E-1024"
    assert answer["probability"] == record.probability
    assert answer["threshold"] == record.threshold == active_model.operating_point.threshold
    assert answer["prediction"] == (record.probability >= record.threshold)
    assert answer["risk_band"] == record.band
    assert answer["base_rate"] == record.base_rate == active_model.model.base_rate
    assert answer["model_version"] == record.model_version.version == active_model.version
    assert answer["created_at"].endswith("Z")
    assert datetime.fromisoformat(answer["created_at"]) == record.created_at
    assert timezone.now() - record.created_at < timedelta(minutes=1)
    assert record.created_at.tzinfo is not None
    assert answer["missing"] == []
    assert record.requested_by == dave
    assert record.source == Source.API
    assert record.request_id == response["X-Request-ID"]
    assert record.model_sha256 == active_model.artifact.sha256


def test_the_contributions_sum_to_the_log_odds(api, employee):
    answer = api.post(ADDRESS, employee, expect=201).json()
    total = answer["intercept"] + math.fsum(r["contribution"] for r in answer["explanation"])
    assert total == pytest.approx(answer["log_odds"], abs=1e-9)
    rest = 1 - answer["floor"]
    expected = answer["floor"] + rest / (1 + math.exp(-total))
    assert answer["probability"] == pytest.approx(expected, abs=1e-12)


def test_the_explanation_is_strongest_first_and_complete(api, employee, active_model):
    explanation = api.post(ADDRESS, employee, expect=201).json()["explanation"]
    sizes = [abs(reason["contribution"]) for reason in explanation]
    assert sizes == sorted(sizes, reverse=True)
    by_feature = {reason["feature"]: reason for reason in explanation}
    assert by_feature.keys() == set(active_model.model.terms)
    assert by_feature["monthly_income"]["value"] == 5993
    assert by_feature["over_time"] == {
        "feature": "over_time",
        "features": ["over_time"],
        "label": active_model.schema.by_name["over_time"].label["en"],
        "value": "Yes",
        "values": ["Yes"],
        "contribution": Prediction.objects.get().contributions["over_time"],
    }


def test_a_blank_is_missing_and_never_zero(api, employee):
    del employee["monthly_income"]
    employee["job_level"] = None
    employee["job_satisfaction"] = "  "
    answer = api.post(ADDRESS, employee, expect=201).json()
    assert answer["missing"] == ["job_level", "monthly_income", "job_satisfaction"]
    assert not {"job_level", "monthly_income", "job_satisfaction"} & {
        reason["feature"] for reason in answer["explanation"]
    }


def test_one_known_input_is_enough(api):
    answer = api.post(ADDRESS, {"over_time": True}, expect=201).json()
    assert [reason["value"] for reason in answer["explanation"]] == ["Yes"]
    assert answer["employee_id"] == ""


def test_audit_attributes_change_nothing(api, employee):
    without = api.post(ADDRESS, employee, expect=201).json()
    given = api.post(ADDRESS, employee | {"gender": "Female", "age": 58}, expect=201).json()
    assert given["probability"] == without["probability"]
    assert given["explanation"] == without["explanation"]
    record = Prediction.objects.get(pk=given["prediction_id"])
    assert record.audit_attributes == {"gender": "Female", "age": 58}


def test_the_record_is_where_location_says(api, employee):
    response = api.post(ADDRESS, employee, expect=201)
    answer = response.json()
    assert response["Location"] == f"/api/v1/predict/history/{answer['prediction_id']}"
    assert api.get(response["Location"]).json().items() >= answer.items()


def test_labels_are_in_the_readers_language(api, employee, active_model):
    french = api.post(ADDRESS, employee, expect=201, headers={"Accept-Language": "fr-CA"})
    assert french["Content-Language"] == "fr"
    labels = {reason["feature"]: reason["label"] for reason in french.json()["explanation"]}
    assert labels["over_time"] == active_model.schema.by_name["over_time"].label["fr"]
    english = api.post(ADDRESS, employee, expect=201, headers={"Accept-Language": "de"})
    assert english["Content-Language"] == "en"


def test_a_callers_own_request_id_is_kept(api, employee):
    response = api.post(ADDRESS, employee, expect=201, headers={"X-Request-ID": "payroll-7.1"})
    assert response["X-Request-ID"] == Prediction.objects.get().request_id == "payroll-7.1"


def test_it_costs_one_query_for_the_person_and_one_for_the_record(
    api, employee, django_assert_num_queries
):
    api.post(ADDRESS, employee, expect=201)  # the process asks which model is active
    with django_assert_num_queries(2) as captured:
        api.post(ADDRESS, employee, expect=201)
    assert [query["sql"].split()[0] for query in captured] == ["SELECT", "INSERT"]


@pytest.mark.parametrize("address", ["/predict/attrition", ADDRESS])
def test_the_bare_address_is_the_same_endpoint(api, employee, address):
    response = api.post(address, employee, expect=201)
    assert response["Location"].startswith("/api/v1/predict/history/")


# ------------------------------------------------------------------ refusals


def test_every_error_is_told_at_its_field(api, employee, no_record):
    employee |= {
        "monthly_income": -1,
        "over_time": "perhaps",
        "job_level": 9,
        "education_field": 3.5,
        "age": "old",
        "shoe size": 1,
        "monthly_incom": 2,
        "employee_id": "x" * 65,
    }
    response = api.post(ADDRESS, employee, expect=422)
    assert response.json()["type"] == "urn:attrition:problem:invalid-employee"
    assert codes(response) == {
        "employee_id": "too_long",
        "monthly_income": "out_of_range",
        "over_time": "not_a_choice",
        "job_level": "not_a_choice",
        "education_field": "not_a_choice",
        "age": "not_a_number",
        "shoe size": "unknown_field",
        "monthly_incom": "unknown_field_like",
    }


def test_errors_are_told_in_the_readers_language(api, no_record):
    response = api.post(
        ADDRESS, {"monthly_income": -1}, expect=422, headers={"Accept-Language": "fr"}
    )
    assert "hors limites" in response.json()["errors"]["monthly_income"][0]["message"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "nothing_known"),
        ({"employee_id": "E-1"}, "nothing_known"),
        ({"age": 30}, "nothing_known"),
        ([], "not_an_object"),
        ("E-1", "not_an_object"),
        (None, "not_an_object"),
        (7, "not_an_object"),
    ],
)
def test_a_body_that_is_no_employee(api, no_record, body, code):
    assert codes(api.post(ADDRESS, body, expect=422)) == {"non_field_errors": code}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("1_8", "not_a_number"),
        (True, "not_a_number"),
        ("NaN", "not_a_number"),
        ("Infinity", "not_a_number"),
        ([1], "not_a_number"),
        ({"value": 1}, "not_a_number"),
        (10**300, "out_of_range"),
        ("\u0665", "not_a_number"),
        ("\ud800", "not_a_number"),
        ("\x00", "not_a_number"),
    ],
)
def test_a_value_that_is_no_number(api, no_record, value, code):
    response = api.post(ADDRESS, {"over_time": "No", "monthly_income": value}, expect=422)
    assert codes(response) == {"monthly_income": code}


def test_a_number_that_is_not_whole(api, no_record):
    response = api.post(ADDRESS, {"years_at_company": 3.5}, expect=422)
    assert codes(response) == {"years_at_company": "not_whole"}


@pytest.mark.parametrize("reference", ["a\x00b", "\ud800", "line\nbreak", ["E-1"], True])
def test_a_reference_that_cannot_be_kept(api, no_record, reference):
    api.post(ADDRESS, {"over_time": "No", "employee_id": reference}, expect=422)


@pytest.mark.parametrize("person", ["alice", "bob", "carol", "erin"])
def test_only_programs_assess_here(request, employee, no_record, person):
    request.getfixturevalue("active_model")
    user = request.getfixturevalue(person)
    answer = Api(user).post(ADDRESS, employee, expect=403).json()
    assert answer["type"] == "urn:attrition:problem:permission-denied"


def test_a_session_does_not_open_the_api(client, dave, employee, active_model, no_record):
    client.force_login(dave)
    response = client.post(ADDRESS, employee, content_type="application/json")
    assert response.status_code == 401


def test_utc_is_what_created_at_is_in(api, employee):
    with timezone.override("Asia/Tokyo"):
        answer = api.post(ADDRESS, employee, expect=201).json()
    assert datetime.now(UTC) - datetime.fromisoformat(answer["created_at"]) < timedelta(minutes=1)
