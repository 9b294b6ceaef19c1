"""Every address × everyone × every method answers as `attrition_site.access` says."""

from __future__ import annotations

import re
from contextlib import nullcontext
from enum import StrEnum
from http.cookies import SimpleCookie

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client
from django.urls import get_resolver

from accounts.roles import Role
from attrition_site.access import DOORS, Proof, Visitor
from tests.conftest import EMPLOYEE

# Who may pass follows from the table and from the role of who asks. What a database does with the
# records behind a door, `test_within` asks of both.
pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
PEOPLE = ("nobody", "gone", "erin", "alice", "bob", "dave", "carol", "root")


class Answer(StrEnum):
    OPEN = "open"
    SIGN_IN = "sent to sign in"
    UNKNOWN = "401"
    REFUSED = "403"
    HIDDEN = "404"
    NO_METHOD = "405"


# Where a door that is open leads on, rather than showing something itself.
LEADS_ON = re.compile(
    r"/favicon\.ico|/accounts/login/|/admin/(login/|password_change/|r/.*|.*/<path:object_id>/)"
)
NOTHING_THERE = "/admin/(?P<url>.*)"


def routes(resolver, before=""):
    for each in resolver.url_patterns:
        address = before + re.sub(r"^\^|\$$", "", str(each.pattern))
        if hasattr(each, "url_patterns"):
            yield from routes(each, address)
        else:
            yield re.sub(r"(<app_label>)[^)]*", r"\1…", address)


def test_every_address_of_the_product_is_in_the_table_once():
    assert sorted(door.address for door in DOORS) == sorted(routes(get_resolver(), "/"))


def test_every_role_is_a_visitor():
    assert set(Visitor) == {*Role.values, Visitor.STRANGER, Visitor.NO_ROLE}


# ------------------------------------------------------------------ the walk


@pytest.mark.parametrize("name", PEOPLE)
def test_every_door_answers_everyone_as_the_table_says(world, name):
    someone = world.people[name]
    before = everything()
    wrong = []
    for door in DOORS:
        rights = someone.rights
        if name == "root" and rights not in door.enters and Visitor.API in door.enters:
            rights = Visitor.API
        # Who shares a line of the table with another is spared what nobody may.
        for method in METHODS if name not in ("gone", "root") else METHODS[:3]:
            expected = answers(door, rights, method)
            undone = Answer.OPEN in expected  # what is refused must not need to be undone
            got = knock(world, someone, door, method, undone=undone)
            if got not in expected:
                wrong.append(f"{method} {door.address}: {got}, not {' or '.join(expected)}")
    assert not wrong, "\n".join(wrong)
    assert everything() == before, "what was refused has changed something"


@pytest.mark.parametrize("name", [name for name in PEOPLE if name != "nobody"])
def test_what_proves_who_one_is_at_one_kind_of_door_proves_nothing_at_the_other(world, name):
    someone = world.people[name]
    wrong = []
    for door in DOORS:
        for method in ("GET", "POST"):
            expected = answers(door, Visitor.STRANGER, method)
            got = knock(world, someone, door, method, undone=True, crossed=True)
            if got not in expected:
                wrong.append(f"{method} {door.address}: {got}, not {' or '.join(expected)}")
    assert not wrong, "\n".join(wrong)


def answers(door, visitor, method):
    """What may be answered."""
    seats = {"GET": door.reads, "HEAD": door.reads, "POST": door.acts}.get(method)
    if visitor not in door.enters:
        if visitor != Visitor.STRANGER:
            refusal = Answer.REFUSED
        else:
            refusal = Answer.SIGN_IN if door.proof is Proof.SESSION else Answer.UNKNOWN
        return [refusal] if seats else [refusal, Answer.NO_METHOD]
    if seats is None:
        return [Answer.NO_METHOD]
    if not seats:
        return [Answer.NO_METHOD, Answer.REFUSED]
    if visitor not in seats:
        return [Answer.REFUSED]
    return [Answer.HIDDEN if door.address == NOTHING_THERE else Answer.OPEN]


def knock(world, someone, door, method, *, undone, crossed=False, address=""):
    """The answer to a request; with `crossed`, by the proof that is meant for other doors."""
    by_session = (door.proof is Proof.SESSION) != crossed
    world.browser.cookies = SimpleCookie(someone.cookies if by_session else {})
    headers = {} if by_session else someone.headers
    address = address or world.addresses.get(door.address, door.address)
    body = {"data": {}}
    if door.proof is Proof.TOKEN:
        employees = {"employees": [EMPLOYEE]} if address.endswith("/batch") else EMPLOYEE
        body = {"data": employees, "content_type": "application/json"}
    with transaction.atomic() if undone else nullcontext():
        if method == "POST":
            response = world.browser.post(address, **body, headers=headers)
        elif method == "GET":
            response = world.browser.get(address, headers=headers)
        else:
            response = world.browser.generic(method, address, headers=headers)
        if undone:
            transaction.set_rollback(True)
    return told(response, door, method)


def told(response, door, method):
    status = response.status_code
    if status == 302 and re.match("/(accounts|admin)/login/.next=", response["Location"]):
        return Answer.SIGN_IN
    if status == 401:
        assert response["WWW-Authenticate"]
        return Answer.UNKNOWN
    if status == 405:
        assert method not in response["Allow"]
    if status in (403, 404, 405):
        return Answer(str(status))
    if method == "POST":
        opened = status in (200, 201, 204, 302, 400, 422)
    else:
        opened = status == (302 if LEADS_ON.fullmatch(door.address) else 200)
        if door.address == "/accounts/login/":
            opened = status in (200, 302)
    return Answer.OPEN if opened else f"a fault: {status} {response.headers.get('Location', '')}"


def everything():
    """Every row of every table, but the sessions', which note when they were used."""
    return {
        model: sorted(map(repr, model._base_manager.values_list()))
        for model in apps.get_models()
        if model is not Session and not model._meta.proxy
    }


# ------------------------------------------------------------------ others' records


def own_doors():
    return [door for door in DOORS if door.own and "<" in door.address]


@pytest.mark.parametrize("door", own_doors(), ids=lambda door: door.address)
def test_what_is_another_s_is_as_if_it_were_not_there(world, door):
    address = door.address.replace("<uuid:pk>", str(world.prediction_of_alice.pk))
    for someone in world.people.values():
        if someone.rights in door.enters:
            own = someone.rights in door.own and not someone.user.is_superuser
            got = knock(world, someone, door, "GET", undone=True, address=address)
            assert got == (Answer.HIDDEN if own else Answer.OPEN)


# ------------------------------------------------------------------ forged requests


def acting_doors():
    return [door for door in DOORS if door.acts and door.proof is Proof.SESSION]


@pytest.mark.parametrize("door", acting_doors(), ids=lambda door: door.address)
def test_no_page_acts_without_the_token_against_forged_requests(world, door):
    someone = next(each for each in world.people.values() if each.rights in door.acts)
    forging = Client(enforce_csrf_checks=True)
    forging.cookies = SimpleCookie(someone.cookies)
    before = everything()
    response = forging.post(world.addresses.get(door.address, door.address))
    assert (response.status_code, everything()) == (403, before)
