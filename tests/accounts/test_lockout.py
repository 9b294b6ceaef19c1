"""Five failures of a username from an address: locked for fifteen minutes, at every door."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from axes.models import AccessAttempt
from django.utils import timezone

from tests.accounts.conftest import PASSWORD

PAGE = "/accounts/login/"
CHANGE = "/accounts/password/"
NEW = "a short walk in the sun"
MINUTES = 15


@pytest.fixture
def token(post):
    def token(password, *, expect, username="frank", **extra):
        return post("token", {"username": username, "password": password}, expect=expect, **extra)

    return token


@pytest.fixture
def form(client, frank):
    def form(password, *, expect, **extra):
        answer = client.post(PAGE, {"username": "frank", "password": password}, **extra)
        assert answer.status_code == expect
        return answer

    return form


@pytest.fixture
def change(client, frank):
    """frank, signed in, changes his password, if he knows the old one."""
    client.force_login(frank)

    def change(password, *, expect, new=NEW, **extra):
        answer = client.post(
            CHANGE, {"old_password": password, "new_password1": new, "new_password2": new}, **extra
        )
        assert answer.status_code == expect
        return answer

    return change


@pytest.fixture
def locked(frank):
    """frank, after five failures from the test client's address, of which the last was now."""
    AccessAttempt.objects.create(
        username="frank", ip_address="127.0.0.1", user_agent="x", failures_since_start=5
    )


def in_(**delay):
    return time_machine.travel(timezone.now() + timedelta(**delay), tick=False)


def test_the_page_locks_at_the_fifth_failure(form):
    for _failure in range(4):
        form("wrong", expect=200)
    form("wrong", expect=429)
    form(PASSWORD, expect=429)


def test_the_token_endpoint_locks_at_the_fifth_failure(token, frank):
    for _failure in range(4):
        token("wrong", expect=401)
    token("wrong", expect=429)
    token(PASSWORD, expect=429)


def test_a_session_left_open_is_no_place_to_guess_the_password(change, frank, client):
    for _failure in range(4):
        change("wrong", expect=200)
    answer = change("wrong", expect=429)
    assert 890 <= int(answer["Retry-After"]) <= 900
    assert "Sign-in is paused" in answer.text
    change(PASSWORD, expect=429)
    frank.refresh_from_db()
    assert frank.check_password(PASSWORD)
    assert client.get(CHANGE).status_code == 200


def test_a_wrong_old_password_counts_with_the_other_doors(change, token):
    for _failure in range(2):
        change("wrong", expect=200)
        token("wrong", expect=401)
    change("wrong", expect=429)
    token(PASSWORD, expect=429)


def test_from_another_address_the_password_can_be_changed(change, locked, frank):
    change(PASSWORD, expect=302, REMOTE_ADDR="192.0.2.7")
    frank.refresh_from_db()
    assert frank.check_password(NEW)


def test_a_new_password_that_will_not_do_is_no_failure(change):
    for _try in range(6):
        change(PASSWORD, new="12345678", expect=200)
    assert not AccessAttempt.objects.exists()


def test_the_doors_count_together(form, token):
    for _failure in range(2):
        form("wrong", expect=200)
        token("wrong", expect=401)
    token("wrong", expect=429)
    form(PASSWORD, expect=429)


def test_a_lock_on_the_page_says_when_and_what_to_do(form, locked):
    answer = form(PASSWORD, expect=429)
    assert 890 <= int(answer["Retry-After"]) <= 900
    assert "Sign-in is paused" in answer.text
    assert "Try again in 15 minutes" in answer.text
    assert "administrator" in answer.text


def test_a_lock_of_the_api_is_no_wrong_password(token, locked):
    answer = token(PASSWORD, expect=429)
    assert 890 <= int(answer["Retry-After"]) <= 900
    assert "json" in answer["Content-Type"]
    assert "Too many failed sign-ins" in answer.json()["detail"]
    assert not answer.has_header("WWW-Authenticate")


def test_the_lock_opens_after_fifteen_minutes(token, locked):
    with in_(minutes=MINUTES - 1):
        answer = token(PASSWORD, expect=429)
        assert int(answer["Retry-After"]) <= 61
    with in_(minutes=MINUTES, seconds=2):
        token(PASSWORD, expect=200)


def test_what_retry_after_says_is_true(token, locked):
    wait = int(token(PASSWORD, expect=429)["Retry-After"])
    with in_(seconds=wait):
        token(PASSWORD, expect=200)


def test_trying_while_locked_does_not_make_it_longer(token, locked):
    with in_(minutes=10):
        token("wrong", expect=429)
        token(PASSWORD, expect=429)
    with in_(minutes=MINUTES, seconds=2):
        token(PASSWORD, expect=200)


def test_failures_from_several_browsers_count_together_and_run_out_one_by_one(token, frank):
    for minutes_ago, browser in [(10, "a"), (4, "b")]:
        attempt = AccessAttempt.objects.create(
            username="frank", ip_address="127.0.0.1", user_agent=browser, failures_since_start=3
        )
        AccessAttempt.objects.filter(pk=attempt.pk).update(
            attempt_time=timezone.now() - timedelta(minutes=minutes_ago)
        )
    answer = token(PASSWORD, expect=429)
    assert 290 <= int(answer["Retry-After"]) <= 301


def test_another_person_from_the_same_address_is_not_locked(token, locked):
    token("wrong", expect=401, username="grace")


def test_the_same_person_from_another_address_is_not_locked(token, locked):
    token(PASSWORD, expect=200, REMOTE_ADDR="192.0.2.7")


def test_a_forged_address_does_not_open_the_lock(token, locked):
    token(PASSWORD, expect=429, headers={"X-Forwarded-For": "192.0.2.7", "X-Real-IP": "192.0.2.7"})


def test_signing_in_forgives_the_failures_before_it(token, frank):
    for _round in range(2):
        for _failure in range(4):
            token("wrong", expect=401)
        token(PASSWORD, expect=200)


def test_an_administrator_lifts_a_lock_by_deleting_the_failures(client, token, locked, carol):
    client.force_login(carol)
    attempt = AccessAttempt.objects.get()
    client.post(f"/admin/axes/accessattempt/{attempt.pk}/delete/", {"post": "yes"})
    token(PASSWORD, expect=200)


def test_an_administrator_looks_at_a_failure_and_changes_nothing(client, token, locked, carol):
    client.force_login(carol)
    attempt = AccessAttempt.objects.get()
    address = f"/admin/axes/accessattempt/{attempt.pk}/change/"
    page = client.get(address)
    assert page.status_code == 200
    assert attempt.username in page.text
    assert "Form Data" not in page.text
    assert client.post(address, {"username": "else"}).status_code == 403


def test_nothing_of_a_form_is_kept_of_a_failure(form, token):
    form("my other password", expect=200)
    token("my other password", expect=401)
    for attempt in AccessAttempt.objects.all():
        assert (attempt.get_data, attempt.post_data) == ("", "")


def test_nor_of_a_wrong_old_password(change):
    for _failure in range(2):
        change("my other password", expect=200)
    [attempt] = AccessAttempt.objects.all()
    assert attempt.failures_since_start == 2
    assert (attempt.get_data, attempt.post_data) == ("", "")
