"""One employee, three doors: the form, the API and the file leave the same record, bit for bit."""

from __future__ import annotations

import pytest

from predictions.models import Prediction, Source
from predictions.services import Request, predict_frame
from tests.api.conftest import Api

# What tells one prediction from another of the same employee.
OWN = {"id", "created_at", "requested_by_id", "source", "request_id"}

CASES = {
    "complete": {},
    "blanks": {"monthly_income": None, "job_role": ""},
    "words": {"over_time": "no", "job_satisfaction": "Very high", "department": "sales"},
    "texts": {"monthly_income": "12,345", "distance_from_home": " 7 "},
    "audit": {"gender": "Female", "age": 44},
    "nobody": {"employee_id": ""},
}


def content(prediction):
    """The record as the database gives it back, floats by their bits."""
    fields = Prediction.objects.filter(pk=prediction).values().get()
    return {
        name: value.hex()
        if isinstance(value, float)
        else {k: v.hex() if isinstance(v, float) else (type(v), v) for k, v in value.items()}
        if isinstance(value, dict)
        else value
        for name, value in fields.items()
        if name not in OWN
    }


def by_form(client, alice, raw):
    client.force_login(alice)
    form = {name: "" if value is None else str(value) for name, value in raw.items()}
    response = client.post("/predictions/new/", form)
    assert response.status_code == 302, response.content
    return Prediction.objects.get(source=Source.FORM)


def by_api(dave, raw):
    answer = Api(dave).post("/api/v1/predict/attrition", raw, expect=201).json()
    return Prediction.objects.get(pk=answer["prediction_id"])


def by_batch(dave, raw):
    body = {"employees": [{}, raw]}
    answer = Api(dave).post("/api/v1/predict/attrition/batch", body, expect=200).json()
    return Prediction.objects.get(pk=answer["results"][1]["prediction_id"])


def by_file(alice, active_model, raw):
    columns = {name: ["", value, "junk"] for name, value in raw.items()}
    frame = active_model.schema.clean_frame(columns)
    assert frame.positions == [1]
    request = Request(requested_by=alice, source=Source.FILE)
    (made,) = predict_frame(frame, using=active_model, request=request)
    return made


@pytest.mark.parametrize("case", CASES)
def test_the_record_is_the_same(client, alice, dave, active_model, employee, case):
    raw = employee | CASES[case]
    records = {
        "form": by_form(client, alice, raw),
        "API": by_api(dave, raw),
        "batch": by_batch(dave, raw),
        "file": by_file(alice, active_model, raw),
    }
    expected = content(records["API"].pk)
    for door, record in records.items():
        assert content(record.pk) == expected, door


@pytest.mark.parametrize("case", CASES)
def test_what_is_answered_is_what_is_recorded(dave, active_model, employee, case):
    answer = Api(dave).post("/api/v1/predict/attrition", employee | CASES[case], expect=201).json()
    record = Prediction.objects.get(pk=answer["prediction_id"])
    for name in ("probability", "log_odds", "intercept", "base_rate", "threshold"):
        assert answer[name].hex() == getattr(record, name).hex()
    for reason in answer["explanation"]:
        feature = reason["feature"]
        assert reason["contribution"].hex() == record.contributions[feature].hex()
        assert reason["value"] == record.inputs[feature]
    assert answer["missing"] == [f for f in active_model.schema.by_name if f in record.missing]
