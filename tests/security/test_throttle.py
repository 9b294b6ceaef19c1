"""How often someone may ask, by address, by person, by what the door costs; what they are told."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import throttling
from attrition_site.requests import doors
from predictions.models import Prediction
from tests.people import bearer
from tests.security.answers import let_go

ONE = "/api/v1/predict/attrition"
MANY = "/api/v1/predict/attrition/batch"


def refused(answer, *, name):
    """A refusal by the throttle, whole, at a page or an endpoint."""
    assert answer.status_code == 429, answer.content
    wait = int(answer["Retry-After"])
    assert 1 <= wait <= 60
    assert answer["RateLimit"].startswith(f'"{name}";r=')
    assert answer["RateLimit"].endswith(f";t={wait}")
    assert "no-store" in answer["Cache-Control"]
    return wait


@pytest.fixture
def call(dave, active_model, employee):
    client = Client(headers=bearer(dave))

    def call(address=ONE, body=None, **extra):
        return client.post(address, body or employee, content_type="application/json", **extra)

    return call


# ------------------------------------------------------------------ programs


def test_a_program_that_asks_too_often_is_told_when_to_come_back(call, settings):
    settings.THROTTLE_USER = 2
    assert [call().status_code for _ in range(2)] == [201, 201]
    answer = call()
    wait = refused(answer, name="user")
    assert answer["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == 429
    assert document["type"] == "urn:attrition:problem:throttled"
    assert document["request_id"] == answer["X-Request-ID"]
    assert document["detail"].startswith("Too many requests within a minute. Try again in ")
    assert Prediction.objects.count() == 2
    with time_machine.travel(timezone.now() + timedelta(seconds=wait), tick=False):
        assert call().status_code == 201


def test_every_answer_says_what_is_left(call, settings):
    settings.THROTTLE_USER = 10
    assert call()["RateLimit-Policy"] == '"user";q=10;w=60'
    assert call()["RateLimit"].startswith('"user";r=8;t=')
    assert "Retry-After" not in call()


def test_one_program_does_not_use_up_another_s(call, settings, active_model, employee, db):
    from tests.accounts.factories import make_person

    settings.THROTTLE_USER = 1
    assert call().status_code == 201
    assert call().status_code == 429
    other = Client(headers=bearer(make_person("api", username="other")))
    assert other.post(ONE, employee, content_type="application/json").status_code == 201


def test_an_address_of_the_short_names_counts_with_the_long(call, settings):
    settings.THROTTLE_USER = 1
    assert call("/predict/attrition").status_code == 201
    assert call().status_code == 429


def test_a_batch_counts_its_employees(call, settings, employee):
    settings.THROTTLE_EMPLOYEES = 5
    three, two = ({"employees": [employee] * number} for number in (3, 2))
    assert call(MANY, three).status_code == 200
    refused(call(MANY, three), name="employees")
    # What did not fit costs nothing: a smaller batch still does.
    assert call(MANY, two).status_code == 200
    refused(call(MANY, {"employees": [employee]}), name="employees")
    assert Prediction.objects.count() == 5
    assert call().status_code == 201


def test_without_a_limit_nothing_is_said_of_one(call, settings):
    settings.THROTTLE_USER = settings.THROTTLE_ADDRESS = 0
    answer = call()
    assert answer.status_code == 201
    assert "RateLimit" not in answer


def test_signing_in_is_limited_by_address_right_or_wrong(client, settings, quick_passwords, db):
    settings.THROTTLE_SIGN_IN = 3
    address = reverse("auth-token")

    def sign_in(**extra):
        body = {"username": "x", "password": "y"}
        return client.post(address, body, content_type="application/json", **extra)

    assert [sign_in().status_code for _ in range(3)] == [401] * 3
    answer = sign_in()
    refused(answer, name="sign-in")
    assert "WWW-Authenticate" not in answer
    # The page counts with it, and another address does not.
    assert client.post("/accounts/login/", {"username": "x", "password": "y"}).status_code == 429
    assert sign_in(REMOTE_ADDR="192.0.2.7").status_code == 401


def test_a_stranger_who_asks_too_often_is_stopped_before_anything_is_read(client, settings, db):
    settings.THROTTLE_ADDRESS = 3
    for address in ("/api/v1/predict/history", "/accounts/login/", "/nowhere"):
        assert client.get(address).status_code in (401, 200, 302, 404)
    answer = client.get("/api/v1/predict/history")
    refused(answer, name="address")
    assert answer["Content-Type"] == "application/problem+json"
    assert client.get("/accounts/login/", REMOTE_ADDR="192.0.2.7").status_code == 200


def test_the_documents_that_are_open_to_all_are_limited_by_address(client, settings, active_model):
    settings.THROTTLE_FILES = 2
    assert client.get("/api/v1/schema").status_code == 200
    assert client.get("/api/v1/docs").status_code == 200
    refused(client.get("/api/v1/schema"), name="files")


def test_the_neighbour_of_an_ipv6_address_is_the_same_sender(client, settings, db):
    settings.THROTTLE_ADDRESS = 1
    assert client.get("/accounts/login/", REMOTE_ADDR="2001:db8:1:2::1").status_code == 200
    assert client.get("/accounts/login/", REMOTE_ADDR="2001:db8:1:2:ffff::9").status_code == 429
    assert client.get("/accounts/login/", REMOTE_ADDR="2001:db8:1:3::1").status_code == 200


# ------------------------------------------------------------------ people


@pytest.fixture
def alices(client, alice, active_model):
    client.force_login(alice)
    return client


def page_says(answer, *, name):
    wait = refused(answer, name=name)
    page = answer.content.decode()
    assert answer["Content-Type"].startswith("text/html")
    assert "A short pause" in page
    assert f"again in {wait} second" in page


def test_a_person_s_pages_are_limited(alices, settings):
    settings.THROTTLE_USER = 2
    assert [alices.get("/predictions/").status_code for _ in range(2)] == [200, 200]
    page_says(alices.get("/predictions/"), name="user")


def test_the_pause_is_told_in_french(alices, settings):
    settings.THROTTLE_USER = 1
    alices.get("/predictions/")
    answer = alices.get("/predictions/", headers={"Accept-Language": "fr"})
    assert 'lang="fr"' in answer.content.decode()


def test_assessing_and_trying_are_limited_together(alices, settings, employee, record, alice):
    made = record(alice)
    settings.THROTTLE_ASSESS = 2
    assert alices.get("/predictions/new/").status_code == 200  # to look at the form costs nothing
    assert alices.post("/predictions/new/", employee).status_code == 302
    assert alices.get(f"/predictions/{made.pk}/what-if/?over_time=No").status_code == 200
    page_says(alices.post("/predictions/new/", employee), name="assess")
    page_says(alices.get(f"/predictions/{made.pk}/what-if/?over_time=No"), name="assess")
    assert Prediction.objects.count() == 2
    assert alices.get("/predictions/").status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/predictions/?export=csv",
        "/predictions/?export=xlsx",
        "/batches/new/template/?export=csv",
    ],
)
def test_files_are_limited(alices, settings, address):
    settings.THROTTLE_FILES = 1
    first = alices.get(address)
    assert first.status_code == 200
    let_go(first)
    page_says(alices.get(address), name="files")
    assert alices.get("/predictions/").status_code == 200


def test_files_brought_are_limited_before_they_are_read(alices, settings):
    from django.core.files.uploadedfile import SimpleUploadedFile

    settings.THROTTLE_FILES = 1
    assert alices.post("/batches/new/", {"file": ""}).status_code == 200
    file = SimpleUploadedFile("x.csv", b"a,b\n1,2\n")
    page_says(alices.post("/batches/new/", {"file": file}), name="files")


def test_the_admin_s_exports_are_limited(client, carol, record, settings):
    record(carol)
    client.force_login(carol)
    settings.THROTTLE_FILES = 1
    address = "/admin/predictions/prediction/"
    chosen = {"action": "export_csv", "_selected_action": [str(Prediction.objects.get().pk)]}
    assert client.post(address, chosen)["Content-Type"].startswith("text/csv")
    page_says(client.post(address, chosen), name="files")
    assert client.get(address).status_code == 200


# ------------------------------------------------------------------ the policy


def test_simultaneous_requests_are_counted_one_by_one(settings):
    settings.THROTTLE_USER = 50
    let_in = []

    def ask():
        for _ in range(25):
            standing = throttling.count(throttling.USER, "7")
            let_in.append(not standing.refused)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(let_in) == 50


def test_each_door_of_the_table_exists():
    from django.urls import get_resolver

    def names(resolver, prefix=""):
        for pattern in resolver.url_patterns:
            if hasattr(pattern, "url_patterns"):
                inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
                yield from names(pattern, inner)
            elif pattern.name:
                yield prefix + pattern.name

    known = set(names(get_resolver()))
    table = doors.SIGN_INS | doors.UPLOADS | doors.ASSESSMENTS | doors.FILES
    assert table <= known


def test_each_limit_holds_unless_it_is_taken_away():
    limits = {name: getattr(settings, name) for name in dir(settings) if name[:9] == "THROTTLE_"}
    assert len(limits) == 6
    assert min(limits.values()) > 0
