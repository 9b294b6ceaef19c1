"""When something goes wrong on a page: what happened, what was kept, what to do, which request."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from mlcore import registry
from predictions.models import Prediction


@pytest.fixture
def broken(client, alice, monkeypatch):
    """A site on which the form fails with `fault`; it answers as it would in production."""

    def fail_with(fault):
        def fail():
            raise fault

        monkeypatch.setattr(registry, "active", fail)
        client.force_login(alice)
        client.raise_request_exception = False
        return client.get("/predictions/new/")

    return fail_with


@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        (RuntimeError("a fault of ours"), 500, "Something went wrong on our side"),
        (OperationalError("gone"), 503, "Not available just now"),
        (registry.ModelUnavailableError("altered"), 503, "Not available just now"),
    ],
)
def test_a_failure_is_a_page_with_the_number_to_give(broken, fault, status, says):
    answer = broken(fault)
    assert answer.status_code == status
    assert says in answer.content.decode()
    assert answer["X-Request-ID"] in answer.content.decode()
    assert ("Retry-After" in answer) == (status == 503)
    assert str(fault) not in answer.content.decode()


def kept(answer):
    """What the page would send once more, by name; None where it offers nothing."""
    page = answer.content.decode()
    if not (form := re.search(r'<form method="post">(.*?)</form>', page, re.DOTALL)):
        return None
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[1])
    return {unescape(name): unescape(value) for name, value in fields}


def test_what_was_typed_is_kept_until_it_can_be_answered(
    client, alice, active_model, employee, monkeypatch
):
    typed = employee | {"employee_id": 'É-7 "x" <b>'}
    with monkeypatch.context() as patch:
        patch.setattr(registry, "active", lambda: (_ for _ in ()).throw(OperationalError("gone")))
        client.force_login(alice)
        client.raise_request_exception = False
        answer = client.post("/predictions/new/?from=typical", typed)
    assert answer.status_code == 503
    again = kept(answer)
    assert again == {name: str(value) for name, value in typed.items()}
    answer = client.post("/predictions/new/?from=typical", again, follow=True)
    assert "É-7" in answer.content.decode()
    assert Prediction.objects.get().employee_id == typed["employee_id"]


def test_what_was_only_read_is_asked_again_by_a_link(broken):
    answer = broken(OperationalError("gone"))
    assert kept(answer) is None
    assert '<a class="button" href="">Try again</a>' in answer.content.decode()


@pytest.mark.parametrize("sent", [{"username": "x", "password": "y"}, {"file": "a file"}])
def test_neither_a_password_nor_a_file_is_kept_on_a_page(client, alice, monkeypatch, sent):
    monkeypatch.setattr(registry, "active", lambda: (_ for _ in ()).throw(OperationalError("gone")))
    client.force_login(alice)
    client.raise_request_exception = False
    if "file" in sent:
        sent = {"file": SimpleUploadedFile("staff.csv", b"a,b")}
    answer = client.post("/predictions/new/", sent)
    assert answer.status_code == 503
    assert kept(answer) is None


def test_a_form_sent_from_a_page_of_before_is_sent_once_more(alice, active_model, employee):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    ours = {"Accept-Language": "fr", "Origin": "http://testserver"}
    answer = client.post(
        "/predictions/new/", employee | {"csrfmiddlewaretoken": "of before"}, headers=ours
    )
    assert answer.status_code == 403
    assert "Cette page est restée ouverte trop longtemps" in answer.content.decode()
    assert Prediction.objects.count() == 0
    assert client.post("/predictions/new/", kept(answer), headers=ours).status_code == 302
    assert Prediction.objects.count() == 1


@pytest.mark.parametrize(
    "origin", [None, "null", "https://elsewhere.example", "http://testserver.example"]
)
def test_what_another_site_makes_somebody_send_gets_no_token(alice, active_model, employee, origin):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    headers = {"Origin": origin} if origin else {}
    answer = client.post("/predictions/new/", employee, headers=headers)
    assert answer.status_code == 403
    assert kept(answer) is None
    assert "csrfmiddlewaretoken" not in answer.content.decode()
    assert "load the page again" in answer.content.decode()


def test_too_large_a_form_is_a_page(client, alice, active_model, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 10
    client.force_login(alice)
    answer = client.post("/predictions/new/", {f"field{n}": "x" for n in range(20)})
    assert answer.status_code == 400
    assert "This request could not be understood" in answer.content.decode()


@pytest.mark.parametrize(
    "address", ["/predictions//", "/models/", "/predictions/new/", "/admin/x/"]
)
def test_a_form_that_cannot_be_read_is_refused_wherever_it_is_sent(alice, active_model, address):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.generic("POST", address, b"\x00", content_type="multipart/form-data")
    assert 400 <= answer.status_code < 500


def test_the_language_can_be_switched_before_sign_in(client, db):
    page = client.post(
        "/i18n/setlang/", {"language": "fr", "next": "/accounts/login/"}, follow=True
    )
    assert "Se connecter" in page.content.decode()


def test_the_switch_leads_to_no_other_site(client, db):
    answer = client.post("/i18n/setlang/", {"language": "fr", "next": "https://elsewhere.example/"})
    assert answer.url == "/"


def test_the_form_comes_back_in_another_language_as_it_was_typed(client, alice, active_model):
    client.force_login(alice)
    answer = client.post(
        "/predictions/new/", {"form-language": "fr", "monthly_income": "12 x", "over_time": "Yes"}
    )
    page = answer.content.decode()
    assert 'value="12 x"' in page
    assert "Rémunération mensuelle" in page
    assert "n’est pas un nombre" not in page
    assert client.get("/predictions/").context["LANGUAGE_CODE"] == "fr"


def test_a_language_that_does_not_exist_is_refused(client, alice, active_model):
    client.force_login(alice)
    assert client.post("/predictions/new/", {"form-language": "xx"}).status_code == 400


def test_a_feature_called_language_is_no_switch(client, alice, active_model):
    client.force_login(alice)
    answer = client.post("/predictions/new/", {"language": "xx", "over_time": "Yes"})
    assert "“language”" in answer.content.decode()  # a field like any other: here, an unknown one
