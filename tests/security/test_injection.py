"""Text that people bring is text: in pages, in questions to the database, in addresses."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from predictions.models import Prediction
from tests.people import bearer

SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}${7*7}'
QUOTES = [
    "' OR '1'='1",
    "'; DROP TABLE predictions_prediction; --",
    "%' OR employee_id LIKE '%",
    '" OR ""="',
    "\\",
    "%",
    "_",
]


@pytest.fixture
def prediction(record, alice):
    return record(alice, employee_id=SCRIPT[:64])


def harmless(page):
    text = page.content.decode()
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    return text


def test_what_a_person_wrote_is_shown_as_text(client, carol, prediction):
    User.objects.filter(username="alice").update(name=SCRIPT)
    client.force_login(carol)
    for address in (
        "/",
        "/predictions/",
        f"/predictions/{prediction.pk}/",
        "/predictions/employee/",
        "/admin/predictions/prediction/",
        f"/admin/predictions/prediction/{prediction.pk}/change/",
        "/admin/accounts/user/",
        "/batches/",
    ):
        query = {"employee_id": SCRIPT[:64], "id": SCRIPT[:64], "q": SCRIPT}
        answer = client.get(address, query if "admin/acc" not in address else {"q": SCRIPT})
        harmless(client.get(address))
        if answer.status_code == 200:
            harmless(answer)


def test_what_was_typed_wrongly_comes_back_as_text(client, alice, active_model):
    client.force_login(alice)
    harmless(client.post("/predictions/new/", {"monthly_income": SCRIPT, "over_time": SCRIPT}))
    harmless(client.post("/predictions/new/", {SCRIPT: "x"}))


def test_a_wrong_address_is_not_repeated(client, alice):
    client.force_login(alice)
    harmless(client.get("/nowhere/" + SCRIPT))
    harmless(client.get("/predictions/", {"from": SCRIPT, "cursor": SCRIPT, "band": SCRIPT}))


@pytest.mark.parametrize("text", QUOTES)
def test_a_search_finds_what_it_says_and_runs_nothing(client, alice, dave, record, text):
    kept = record(alice, employee_id="E-1")
    client.force_login(alice)
    page = client.get("/predictions/", {"employee_id": text})
    assert page.status_code == 200
    assert str(kept.pk) not in page.content.decode()
    found = Client(headers=bearer(dave)).get("/api/v1/predict/history", {"employee_id": text})
    assert found.status_code in (200, 400)
    assert not found.json().get("results")
    assert Prediction.objects.count() == 1


@pytest.mark.parametrize("text", QUOTES)
def test_a_reference_is_kept_as_it_was_sent(dave, active_model, text):
    answer = Client(headers=bearer(dave)).post(
        "/api/v1/predict/attrition",
        {"employee_id": text, "over_time": "Yes"},
        content_type="application/json",
    )
    assert answer.status_code == 201
    assert answer.json()["employee_id"] == text.strip()


@pytest.mark.parametrize(
    "address",
    [
        "/static/../attrition_site/settings.py",
        "/static/%2e%2e/manage.py",
        "/static/..%2f..%2fmanage.py",
        "/static//etc/passwd",
        "/.env",
        "/.git/config",
        "/manage.py",
        "/var/attrition.sqlite3",
        "/var/secret_key",
    ],
)
def test_no_address_leads_to_a_file_of_the_server(client, db, address):
    answer = client.get(address)
    assert answer.status_code in (302, 404)
    assert b"SECRET_KEY" not in answer.content
