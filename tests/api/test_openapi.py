"""GET schema and docs: the API says of itself what is true now, and says it offline."""

from __future__ import annotations

import re

import pytest
from django.core.management import call_command
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from accounts.models import UserManager
from mlcore.engine.describe import json_schema
from tests.api.conftest import MEDIA_TYPES, Api
from tests.api.test_predict import ADDRESS as PREDICT

ADDRESS = "/api/v1/schema"


def document(**extra):
    return Api().get(ADDRESS, **extra).json()


def conform(instance, schema_name, whole):
    """Fail unless `instance` is what the document's component describes."""
    resource = DRAFT202012.create_resource(whole)
    registry = Registry().with_resource("urn:doc", resource)
    pointer = {"$ref": f"urn:doc#/components/schemas/{schema_name}"}
    Draft202012Validator(pointer, registry=registry).validate(instance)


def test_it_is_valid_and_complete(active_model, tmp_path):
    """drf-spectacular has no complaint: nothing is guessed or left out."""
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(tmp_path / "schema.yml"))


def test_it_lists_every_address_and_none_twice(active_model):
    whole = document()
    assert whole["openapi"].startswith("3.1")
    assert {(path, method) for path, item in whole["paths"].items() for method in item} == {
        ("/api/v1/auth/token", "post"),
        ("/api/v1/auth/refresh", "post"),
        ("/api/v1/auth/revoke", "post"),
        ("/api/v1/predict/attrition", "post"),
        ("/api/v1/predict/attrition/batch", "post"),
        ("/api/v1/predict/history", "get"),
        ("/api/v1/predict/history/{id}", "get"),
        ("/api/v1/models/active", "get"),
        ("/api/v1/health", "get"),
    }
    used = {tag for item in whole["paths"].values() for o in item.values() for tag in o["tags"]}
    assert used == {tag["name"] for tag in whole["tags"]}


def test_it_works_behind_any_name(active_model):
    assert document()["servers"][0]["url"] == "/"


def test_every_operation_says_what_it_is_and_who_may(active_model):
    for path, item in document()["paths"].items():
        for operation in item.values():
            assert operation["summary"], path
            assert len(operation["description"]) > 20, path
            is_open = "auth" in path or path.endswith("health")
            assert operation.get("security") == (None if is_open else [{"jwtAuth": []}])


def test_every_refusal_is_a_problem_document(active_model):
    for path, item in document()["paths"].items():
        for operation in item.values():
            for status, response in operation["responses"].items():
                assert response.get("description") is not None
                if int(status) < 400 or (path.endswith("health") and status == "503"):
                    continue
                assert list(response["content"]) == MEDIA_TYPES, (path, status)


def test_a_refusal_is_as_described(api, employee):
    whole = document()
    refused = api.post(PREDICT, employee | {"job_level": 9}, expect=422).json()
    conform(refused, "Problem", whole)
    conform(api.post(PREDICT, raw=b"{", expect=400).json(), "Problem", whole)


def test_answers_are_as_described(api, employee):
    whole = document()
    answer = api.post(PREDICT, employee, expect=201).json()
    conform(answer, "Result", whole)
    history = api.get("/api/v1/predict/history").json()
    conform(history, "PaginatedHistoryList", whole)
    detail = api.get(f"/api/v1/predict/history/{answer['prediction_id']}").json()
    conform(detail, "HistoryDetail", whole)
    batch = api.post(f"{PREDICT}/batch", {"employees": [employee, {}]}, expect=200).json()
    conform(batch, "BatchResult", whole)
    conform(api.get("/api/v1/models/active").json(), "ActiveModel", whole)
    conform(api.get("/api/v1/health").json(), "Health", whole)


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("Result", lambda api, employee: api.post(PREDICT, employee, expect=201)),
        ("ActiveModel", lambda api, employee: api.get("/api/v1/models/active")),
        ("Health", lambda api, employee: api.get("/api/v1/health")),
    ],
)
def test_every_field_of_an_answer_is_described(api, employee, name, ask):
    described = document()["components"]["schemas"][name]
    answer = ask(api, employee).json()
    assert set(answer) == set(described["properties"]) == set(described["required"])


# ------------------------------------------------------------------ the active model


def test_the_employee_is_the_active_models(active_model):
    assert document()["components"]["schemas"]["Employee"] == json_schema(active_model.schema)


def test_in_the_readers_language(active_model):
    french = document(headers={"Accept-Language": "fr"})["components"]["schemas"]["Employee"]
    assert french == json_schema(active_model.schema, "fr")


def test_the_worked_example_works(api):
    whole = document()
    example = whole["components"]["schemas"]["Employee"]["example"]
    conform(example, "Employee", whole)
    answer = api.post(PREDICT, example, expect=201).json()
    assert answer["missing"] == []
    batch = whole["components"]["schemas"]["Batch"]["example"]
    conform(batch, "Batch", whole)
    assert api.post(f"{PREDICT}/batch", batch, expect=200).json()["refused"] == 0


def test_every_example_of_the_description_is_accepted(api, active_model):
    """Each end of each range and each word of each choice, one at a time."""
    for name, described in json_schema(active_model.schema)["properties"].items():
        values = described.get("enum", [described.get("minimum"), described.get("maximum")])
        for value in values:
            api.post(PREDICT, {"over_time": "No", "job_level": 2, name: value}, expect=201)


def test_without_a_model_the_rest_is_still_described(db):
    whole = document()
    assert "properties" not in whole["components"]["schemas"]["Employee"]
    assert "/api/v1/predict/attrition" in whole["paths"]


def test_the_document_needs_no_token_and_reads_no_person(active_model, monkeypatch):
    monkeypatch.delattr(UserManager, "load")
    document(headers={"Authorization": "Bearer junk"})
    assert Api().get("/api/v1/docs").status_code == 200


# ------------------------------------------------------------------ the page


def test_the_page_loads_nothing_from_elsewhere(client, active_model):
    page = client.get("/api/v1/docs").content.decode()
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(loaded) == 5
    assert all(address.startswith("/") and not address.startswith("//") for address in loaded)
    assert "<style" not in page
    assert "<script>" not in page


@pytest.mark.any_database
@pytest.mark.browser
def test_the_page_shows_the_endpoints_under_the_policy(live_server, page, active_model):
    """Without a word from the browser's console, and without a byte from elsewhere."""
    said, elsewhere = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request",
        lambda request: (
            elsewhere.append(request.url)
            if not request.url.startswith((live_server.url, "data:"))
            else None
        ),
    )
    page.goto(f"{live_server.url}/api/v1/docs")
    page.get_by_text("Assess one employee").click()
    page.get_by_text("monthly_income").first.wait_for()
    assert said == []
    assert elsewhere == []
