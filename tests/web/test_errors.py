"""When something goes wrong on a page: what happened, what was kept, what to do, which request."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from mlcore import registry


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


def test_a_form_sent_from_a_page_of_before_says_what_to_do(alice, active_model, employee):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post("/predictions/new/", employee, headers={"Accept-Language": "fr"})
    assert answer.status_code == 403
    assert "Cette page est restée ouverte trop longtemps" in answer.content.decode()


def test_too_large_a_form_is_a_page(client, alice, active_model, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 10
    client.force_login(alice)
    answer = client.post("/predictions/new/", {f"field{n}": "x" for n in range(20)})
    assert answer.status_code == 400
    assert "This request could not be understood" in answer.content.decode()


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
