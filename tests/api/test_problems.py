"""Refusals: each a problem document with the right status, never a 500, never half a record."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from accounts.models import UserManager
from attrition_site.requests import parsing
from mlcore import registry
from mlcore.models import Activation
from predictions.models import Prediction
from tests.api.conftest import Api, check_problem, codes

ONE = "/api/v1/predict/attrition"
MANY = "/api/v1/predict/attrition/batch"
HISTORY = "/api/v1/predict/history"

both = pytest.mark.parametrize("address", [ONE, MANY, "/api/v1/auth/token"])

# ------------------------------------------------------------------ bodies


@both
@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"{'a': 1}",
        b'{"a": 1} {"b": 2}',
        b"not json",
        b'{"monthly_income": NaN}',
        b'{"monthly_income": Infinity}',
        b'{"monthly_income": -Infinity}',
        b'{"monthly_income": 1, "monthly_income": 2}',
        b'{"monthly_income": ' + b"9" * 5000 + b"}",
        b'{"employee_id": "\xff"}',
        '{"over_time": "Yes"}'.encode("utf-16"),
        b"[" * 16_000,
        b'{"a":' * 3_000,
        b'{"a": "\x00"}',
        b" ",
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_a_body_that_is_not_json(api, no_record, address, raw):
    answer = api.post(address, raw=raw, expect=400).json()
    assert answer["type"] == "urn:attrition:problem:parse-error"


_PIECES = """
{ } [ ] , : "a" "b" "a": "\\":" 1 -0 -0.0 1e5 1E400 9007199254740993 12345678901234567890123
true null "\\ud800" é NaN 1. 01 {"a":1,"a":2} {"b":{"a":1}} [1,{}]
"""
pieces = st.sampled_from([*_PIECES.split(), " ", "\n", "\ufeff", "\x00"])
members = st.tuples(st.sampled_from(['"a"', '"b"', '"a\\":"', '"c" ']), pieces).map(":".join)
documents = st.lists(pieces, max_size=9).map("".join) | st.lists(members, max_size=5).map(
    lambda found: "{" + ",".join(found) + "}"
)


@settings(max_examples=500)
@given(body=documents.map(str.encode))
def test_what_is_read_quickly_is_what_is_read_strictly(body):
    def said(read):
        try:
            return repr(read(body))
        except ParseError as error:
            return error

    quickly, strictly = said(parsing.read_json), said(parsing._read_strictly)
    assert str(quickly) == str(strictly)
    assert type(quickly) is type(strictly)


def test_a_mark_at_the_beginning_is_no_fault(api, employee):
    api.post(ONE, raw=json.dumps(employee).encode("utf-8-sig"), expect=201)


def test_a_number_without_end_is_refused_at_its_field(api, no_record):
    response = api.post(ONE, raw=b'{"over_time": "No", "monthly_income": 1e999}', expect=422)
    assert codes(response) == {"monthly_income": "not_a_number"}


@both
def test_too_large_a_body_is_refused_unread(api, no_record, settings, address):
    settings.API_MAX_BODY = 1000
    answer = api.post(address, raw=b"{" * 1001, expect=413).json()
    assert answer["type"] == "urn:attrition:problem:too-large"
    assert "1001" in answer["detail"]


@both
def test_a_body_without_a_length_is_refused(api, no_record, address):
    api.post(
        address, raw=b"", expect=411, headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH=""
    )


@both
@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data"],
)
def test_another_format_is_refused(api, no_record, address, content_type):
    api.post(address, raw=b'{"over_time": "No"}', expect=415, content_type=content_type)


def test_a_charset_does_no_harm(api, employee):
    api.post(ONE, employee, expect=201, content_type="application/json; charset=utf-8")


@pytest.mark.parametrize("address", [ONE, MANY])
def test_no_body_is_no_employee(api, no_record, address):
    api.post(address, raw=b"", expect=422)


@pytest.mark.parametrize("address", [ONE, HISTORY, "/api/v1/health"])
def test_json_is_what_there_is(api, address):
    ask = api.get if address != ONE else api.post
    response = ask(address, expect=406, headers={"Accept": "application/xml"})
    check_problem(response)


def test_a_browser_may_ask(api):
    api.get(HISTORY, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})


# ------------------------------------------------------------------ who asks

ADDRESSES = [("post", ONE), ("post", MANY), ("get", HISTORY), ("get", "/api/v1/models/active")]
guarded = pytest.mark.parametrize(("method", "address"), ADDRESSES)


@guarded
def test_a_missing_token(active_model, no_record, method, address):
    response = getattr(Api(), method)(address, expect=401)
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
    assert response.json()["type"] == "urn:attrition:problem:not-authenticated"


@guarded
@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "x" * 10_000])
def test_a_token_that_is_none(active_model, no_record, method, address, token):
    response = getattr(Api(), method)(
        address, expect=401, headers={"Authorization": f"Bearer {token}"}
    )
    assert response["WWW-Authenticate"]


@guarded
def test_an_expired_token(api, no_record, method, address):
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        answer = getattr(api, method)(address, expect=401).json()
    assert answer["type"] == "urn:attrition:problem:token-not-valid"
    assert "expired" in answer["detail"]


def test_wrong_credentials_and_the_lock(db, quick_passwords):
    body = {"username": "nobody", "password": "guess"}
    for _ in range(4):
        response = Api().post("/api/v1/auth/token", body, expect=401)
        assert response.json()["type"] == "urn:attrition:problem:wrong-credentials"
    response = Api().post("/api/v1/auth/token", body, expect=429)
    assert int(response["Retry-After"]) > 800
    assert response.json()["type"] == "urn:attrition:problem:locked-out"


def test_a_field_that_is_missing_at_sign_in(db):
    response = Api().post("/api/v1/auth/token", {"username": "dave"}, expect=400)
    assert codes(response) == {"password": "required"}


# ------------------------------------------------------------------ methods and addresses


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options"])
@pytest.mark.parametrize("address", [ONE, MANY])
def test_only_post_assesses(api, no_record, method, address):
    response = getattr(api.client, method)(address, headers=api.headers)
    assert response.status_code == 405
    assert response["Allow"] == "POST"
    check_problem(response)


@pytest.mark.parametrize(
    "address", ["/api/", "/api/v1", "/api/v1/nothing", "/api/v2/health", f"{ONE}/", "/predict/x"]
)
def test_an_address_that_leads_nowhere(client, db, address):
    response = client.get(address)
    assert response.status_code == 404
    check_problem(response)


def test_a_page_that_leads_nowhere_is_a_page(client, db):
    response = client.get("/nothing")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


def test_a_suspicious_request(api, settings):
    settings.ALLOWED_HOSTS = ["example.com"]
    response = api.client.get(HISTORY, headers=api.headers)
    assert response.status_code == 400
    check_problem(response)


def test_refusals_are_in_the_readers_language(active_model):
    response = Api().get(HISTORY, expect=401, headers={"Accept-Language": "fr"})
    assert response["Content-Language"] == "fr"


# ------------------------------------------------------------------ what breaks


@pytest.fixture
def forgiving(dave):
    """As dave, but a fault of ours is answered, not raised."""
    return Api(dave, raise_request_exception=False)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@guarded
def test_without_a_database_nothing_is_shown(
    forgiving, active_model, monkeypatch, no_record, method, address, error
):
    def lost(*args, **kwargs):
        raise error("connection refused")

    monkeypatch.setattr(UserManager, "load", lost)
    response = getattr(forgiving, method)(address, expect=503)
    assert response["Retry-After"] == "5"
    assert response["Cache-Control"] == "no-store"


def test_a_record_that_cannot_be_written_is_not_shown(forgiving, active_model, employee, no_record):
    def lost(execute, sql, *args):
        if sql.startswith("INSERT INTO predictions_prediction"):
            raise OperationalError("disk full")
        return execute(sql, *args)

    with connection.execute_wrapper(lost):
        response = forgiving.post(ONE, employee, expect=503)
    assert "probability" not in response.json()
    assert response["Retry-After"] == "5"


def test_without_a_model_nothing_is_assessed(forgiving, employee, no_record):
    for address, body in ((ONE, employee), (MANY, {"employees": [employee]})):
        assert forgiving.post(address, body, expect=503)["Retry-After"] == "5"
    forgiving.get("/api/v1/models/active", expect=503)


def test_an_altered_model_assesses_nobody(forgiving, active_model, employee, no_record):
    Activation.objects.get().model_version.__class__.objects.update(sha256="0" * 64)
    registry.forget()
    forgiving.post(ONE, employee, expect=503)


def test_a_fault_of_ours_is_a_problem_too(forgiving, active_model, employee, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(registry.ActiveModel, "schema", property(broken))
    response = forgiving.post(ONE, employee, expect=500)
    assert b"secret" not in response.content


def test_a_page_without_a_database_is_a_page(monkeypatch, alice):
    client = Client(raise_request_exception=False)
    client.force_login(alice)

    def lost(*args):
        raise OperationalError("connection refused")

    monkeypatch.setattr(UserManager, "load", lost)
    response = client.get("/")
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response["Content-Type"].startswith("text/html")


# ------------------------------------------------------------------ anything at all

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
quickly = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@quickly
@given(raw=st.binary(max_size=200))
def test_bytes_never_break_it(api, raw):
    for address in (ONE, MANY):
        response = api.client.post(
            address, raw, content_type="application/json", headers=api.headers
        )
        assert response.status_code in {400, 422}
    assert not Prediction.objects.exists()


@quickly
@given(body=json_values, data=st.data())
def test_json_never_breaks_it(api, employee, body, data):
    """Junk in place of an employee, of a batch, of any one value: refused, or recorded whole."""
    name = data.draw(st.sampled_from(sorted(employee)))
    before = Prediction.objects.count()
    recorded = 0
    for address, sent in (
        (ONE, body),
        (MANY, body),
        (ONE, {**employee, name: body}),
        (MANY, {"employees": body}),
        (MANY, {"employees": [body, {**employee, name: body}]}),
    ):
        response = api.client.post(
            address, json.dumps(sent), content_type="application/json", headers=api.headers
        )
        assert response.status_code in {200, 201, 400, 422}, response.content
        if response.status_code == 201:
            recorded += 1
        elif response.status_code == 200:
            recorded += response.json()["accepted"]
    assert Prediction.objects.count() - before == recorded


@quickly
@given(query=st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3), data=st.data())
def test_queries_never_break_it(api, query, data):
    names = ["employee_id", "band", "source", "created_from", "created_to", "cursor", "page_size"]
    query[data.draw(st.sampled_from(names))] = data.draw(st.text(max_size=30))
    response = api.client.get(HISTORY, query, headers=api.headers)
    assert response.status_code in {200, 400}
