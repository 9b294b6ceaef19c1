"""Passwords are not guessed: not one person's, not everyone's from one place, at no door."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from axes.models import AccessAttempt
from django.utils import timezone

from tests.accounts.conftest import PASSWORD
from tests.accounts.factories import make_person

PAGE = "/accounts/login/"
TOKEN = "/api/v1/auth/token"


@pytest.fixture
def frank(db, quick_passwords):
    return make_person("api", username="frank", password=PASSWORD)


@pytest.fixture
def token(client, frank):
    def token(username, password, **extra):
        body = {"username": username, "password": password}
        return client.post(TOKEN, body, content_type="application/json", **extra)

    return token


def test_one_password_tried_on_many_people_locks_the_address(token, client, settings):
    settings.LOCKOUT_ADDRESS_FAILURES = 8
    answers = [token(f"person{number}", "Winter2026!") for number in range(8)]
    assert [answer.status_code for answer in answers] == [401] * 7 + [429]
    # Whom it was tried on matters no more, nor at which door, nor whether it is right.
    answer = token("frank", PASSWORD)
    assert answer.status_code == 429
    assert 890 <= int(answer["Retry-After"]) <= 901
    assert client.post(PAGE, {"username": "frank", "password": PASSWORD}).status_code == 429
    assert token("frank", PASSWORD, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_what_retry_after_says_of_an_address_is_true(token, settings):
    settings.LOCKOUT_ADDRESS_FAILURES = 8
    for number in range(8):
        answer = token(f"person{number}", "Winter2026!")
    wait = int(answer["Retry-After"])
    with time_machine.travel(timezone.now() + timedelta(seconds=wait), tick=False):
        assert token("frank", PASSWORD).status_code == 200


def test_a_success_forgives_no_failures_of_others(token, settings):
    """Who has an account of their own does not reset the count with it."""
    settings.LOCKOUT_ADDRESS_FAILURES = 8
    for number in range(7):
        token(f"person{number}", "Winter2026!")
    assert token("frank", PASSWORD).status_code == 200
    assert token("person7", "Winter2026!").status_code == 429


def test_another_browser_s_name_does_not_begin_anew(token, frank):
    for number in range(4):
        agent = {"User-Agent": f"browser {number}"}
        assert token("frank", "wrong", headers=agent).status_code == 401
    assert token("frank", "wrong", headers={"User-Agent": "x"}).status_code == 429


def test_a_neighbouring_ipv6_address_does_not_begin_anew(token, frank):
    statuses = [
        token("frank", "wrong", REMOTE_ADDR=f"2001:db8:1:2::{number}").status_code
        for number in range(1, 6)
    ]
    assert statuses == [401] * 4 + [429]


@pytest.mark.parametrize("spelling", ["FRANK", "frank ", " frank", "ｆrank"])
def test_another_spelling_of_a_username_begins_nothing_anew(token, client, frank, spelling):
    """A spelling that opens the account counts with it; any other opens nothing."""
    for _ in range(5):
        token("frank", "wrong")
    assert token(spelling, PASSWORD).status_code in (401, 429)
    assert client.post(PAGE, {"username": spelling, "password": PASSWORD}).status_code != 302


def test_the_admin_has_no_door_of_its_own(client, frank):
    """Its sign-in is the product's: there is one lock for all."""
    answer = client.post("/admin/login/", {"username": "frank", "password": "wrong"})
    assert answer.status_code in (302, 403, 405)
    assert not AccessAttempt.objects.exists()
    assert "sessionid" not in answer.cookies


def test_a_failure_keeps_no_large_thing_that_was_sent(client, frank):
    client.post(PAGE, {"username": "frank", "password": "wrong", "more": "x" * 12_000})
    client.post(f"{PAGE}?{'y' * 3000}", {"username": "frank", "password": "wrong"})
    [attempt] = AccessAttempt.objects.all()
    assert len(attempt.post_data) + len(attempt.get_data) < 40_000


def test_wrong_and_unknown_are_told_alike(token, client, frank):
    known, unknown = (token(name, "wrong").json() for name in ("frank", "nobody"))
    for answer in (known, unknown):
        answer.pop("request_id")
    assert known == unknown
    pages = [
        client.post(PAGE, {"username": name, "password": "wrong"}).content.decode()
        for name in ("frank", "nobody")
    ]
    assert pages[0].replace("frank", "nobody").count("alert") == pages[1].count("alert")


def test_a_deactivated_account_is_told_like_an_unknown_one(token, frank):
    frank.is_active = False
    frank.save()
    assert token("frank", PASSWORD).json()["detail"] == token("nobody", "x").json()["detail"]
