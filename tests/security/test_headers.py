"""What every answer says to a browser, whichever door gives it, refusals and files included."""

from __future__ import annotations

import re

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse

from tests.people import bearer
from tests.security.answers import let_go

POLICY = (
    "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; "
    "img-src 'self' data:; object-src 'none'"
)


def check(answer):
    """The headers that no answer may lack."""
    directives = set(answer["Content-Security-Policy"].split("; "))
    assert directives == set(POLICY.split("; "))
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    # An empty form tells of nobody, and a browser is to keep what is typed into it.
    asked = answer.request
    empty_form = (
        (asked["PATH_INFO"], asked["QUERY_STRING"]) == ("/predictions/new/", "")
        and answer.status_code == 200
        and asked["REQUEST_METHOD"] == "GET"
    )
    assert ("private, no-cache" if empty_form else "no-store") in answer["Cache-Control"]
    assert "public" not in answer["Cache-Control"]
    assert "camera=()" in answer["Permissions-Policy"]
    let_go(answer)


@pytest.fixture
def prediction(record, alice):
    return record(alice, employee_id="E-1")


ANALYST_PAGES = [
    "/",
    "/predictions/",
    "/predictions/new/",
    "/predictions/new/?from={pk}",
    "/predictions/?export=csv",
    "/predictions/?export=xlsx",
    "/predictions/employee/?id=E-1",
    "/predictions/{pk}/",
    "/predictions/{pk}/what-if/",
    "/batches/",
    "/batches/new/",
    "/batches/new/template/?export=xlsx",
    "/batches/999/",
    "/models/",
    "/models/{version}/",
    "/models/{version}/card.json",
    "/accounts/password/",
    "/nowhere/",
    "/admin/",
    "/models/training/",
]
ADMIN_PAGES = [
    "/admin/",
    "/admin/predictions/prediction/",
    "/admin/predictions/prediction/{pk}/change/",
    "/admin/accounts/user/",
    "/admin/accounts/user/add/",
    "/admin/jsi18n/",
    "/admin/django_q/schedule/",
    "/admin/nowhere/",
    "/models/{version}/model.zip",
    "/models/training/",
    "/models/training/new/",
]
API = [
    "/api/v1/docs",
    "/api/v1/docs?script=",
    "/api/v1/schema",
    "/api/v1/health",
    "/api/v1/models/active",
    "/api/v1/predict/history",
    "/api/v1/predict/history/{pk}",
    "/api/v1/predict/attrition",
    "/api/v1/nowhere",
    "/health",
    "/predict/history",
]


@pytest.mark.parametrize("address", ANALYST_PAGES)
def test_every_page_and_download_of_an_analyst_is_guarded(
    client, alice, prediction, active_model, address
):
    client.force_login(alice)
    check(client.get(address.format(pk=prediction.pk, version=active_model.version)))


@pytest.mark.parametrize("address", ADMIN_PAGES)
def test_the_admin_is_guarded_like_every_page(client, carol, prediction, active_model, address):
    client.force_login(carol)
    check(client.get(address.format(pk=prediction.pk, version=active_model.version)))


@pytest.mark.parametrize("address", API)
@pytest.mark.parametrize("with_token", [True, False])
def test_every_answer_of_the_api_is_guarded(
    client, dave, prediction, active_model, address, with_token
):
    headers = bearer(dave) if with_token else {}
    check(client.get(address.format(pk=prediction.pk), headers=headers))


@pytest.mark.parametrize("address", ["/", "/accounts/login/", "/favicon.ico", "/admin/login/"])
def test_a_stranger_s_answers_are_guarded(client, db, address):
    check(client.get(address))


def test_a_fault_of_ours_is_guarded_too(client, alice, monkeypatch):
    monkeypatch.setattr("predictions.views.registry.active", lambda: 1 / 0)
    client.raise_request_exception = False
    client.force_login(alice)
    answer = client.get("/predictions/new/")
    assert answer.status_code == 500
    check(answer)


def test_a_form_from_elsewhere_is_refused_and_guarded(alice, active_model):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post("/predictions/new/", {"over_time": "Yes"})
    assert answer.status_code == 403
    check(answer)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80@site", "site\0", "a b"])
def test_another_host_s_name_is_refused_and_not_repeated(client, settings, db, host):
    settings.ALLOWED_HOSTS = ["attrition.example.org"]
    answer = client.get("/accounts/login/", headers={"Host": host})
    assert answer.status_code == 400
    assert "evil" not in answer.content.decode()
    check(answer)


def test_the_way_to_https_is_guarded_and_made_to_last(client, settings, db):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 3600
    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()  # reads the settings anew
    answer = client.get("/accounts/login/")
    assert (answer.status_code, answer["Location"]) == (301, "https://testserver/accounts/login/")
    assert "Content-Security-Policy" in answer
    assert "Strict-Transport-Security" not in answer
    assert client.get("/accounts/login/", secure=True)["Strict-Transport-Security"] == (
        "max-age=3600"
    )


def test_no_page_holds_a_script_or_a_style_of_its_own(client, carol, prediction, active_model):
    """What the policy would block is not there either: nothing looks broken with it."""
    client.force_login(carol)
    for address in [*ANALYST_PAGES, *ADMIN_PAGES, "/api/v1/docs"]:
        answer = client.get(address.format(pk=prediction.pk, version=active_model.version))
        let_go(answer)
        if "text/html" not in answer.get("Content-Type", ""):
            continue
        page = answer.content.decode()
        assert not re.search(r"<script(?![^>]*\b(src|type=\"application/json\")\b)[^>]*>", page)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page), address
        assert "javascript:" not in page
        assert not re.search(r"(src|href|action)=\"(https?:)?//(?!testserver)", page), address


def test_nothing_is_kept_of_a_page_after_signing_out(client, alice):
    client.force_login(alice)
    answer = client.post(reverse("accounts:logout"))
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    check(answer)


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(client, alice, quick_passwords):
    alice.set_password("a long walk in the rain")
    alice.save()
    client.get("/accounts/login/")
    answer = client.post(
        "/accounts/login/", {"username": "alice", "password": "a long walk in the rain"}
    )
    assert set(answer.cookies) == {configured.SESSION_COOKIE_NAME, configured.CSRF_COOKIE_NAME}
    for cookie in answer.cookies.values():
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["domain"]
    # Closing the browser ends a session: the cookie has no date.
    assert not answer.cookies[configured.SESSION_COOKIE_NAME]["max-age"]


def test_the_cookie_of_the_language_is_guarded_at_both_doors(client, alice, active_model):
    client.force_login(alice)
    for answer in (
        client.post("/i18n/setlang/", {"language": "fr"}),
        client.post("/predictions/new/", {"form-language": "fr"}),
    ):
        cookie = answer.cookies[configured.LANGUAGE_COOKIE_NAME]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
