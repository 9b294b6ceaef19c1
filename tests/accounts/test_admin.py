"""Administrators keep people and their roles in the Django admin; others look, or stay out."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts.models import User
from accounts.roles import Role
from tests.accounts.factories import make_person

PEOPLE = "/admin/accounts/user/"


def fields(person, **changes):
    fields = {
        "username": person.username,
        "name": person.name,
        "email": person.email,
        "role": person.role.value if person.role else "",
        "is_active": "on" if person.is_active else None,
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def test_the_list_shows_role_and_last_sign_in(as_carol, alice):
    text = as_carol.get(PEOPLE).text
    assert "HR analyst" in text
    assert "column-last_login" in text


def test_the_list_is_narrowed_to_a_role_by_the_name_that_the_column_shows(as_carol, alice, erin):
    page = as_carol.get(PEOPLE)
    filters = {narrowing.title: narrowing for narrowing in page.context["cl"].filter_specs}
    labels = [label for _value, label in filters["role"].lookup_choices]
    assert labels == ["HR analyst", "Auditor", "API consumer", "Administrator", "No role yet"]
    assert set(as_carol.get(f"{PEOPLE}?role=analyst").context["cl"].queryset) == {alice}
    assert set(as_carol.get(f"{PEOPLE}?role=none").context["cl"].queryset) == {erin}


def test_the_list_s_queries_do_not_grow_with_its_rows(as_carol, django_assert_max_num_queries):
    def count():
        with django_assert_max_num_queries(20) as captured:
            as_carol.get(PEOPLE)
        return len(captured)

    few = count()
    for _person in range(10):
        make_person(Role.ANALYST)
    assert count() == few


def test_an_administrator_makes_a_person_with_a_role(as_carol, quick_passwords):
    answer = as_carol.post(
        f"{PEOPLE}add/",
        {
            "username": "grace",
            "name": "Grace Hopper",
            "email": "",
            "role": "auditor",
            "usable_password": "true",
            "password1": "a long walk in the rain",
            "password2": "a long walk in the rain",
        },
    )
    assert answer.status_code == 302
    grace = User.objects.get(username="grace")
    assert grace.role is Role.AUDITOR
    assert grace.check_password("a long walk in the rain")


def test_a_username_that_differs_only_in_case_is_refused(as_carol, alice):
    answer = as_carol.post(f"{PEOPLE}add/", {"username": "Alice", "usable_password": "false"})
    assert answer.status_code == 200
    assert "Someone already has this username." in answer.text


def test_an_administrator_changes_a_role_and_deactivates(as_carol, alice):
    answer = as_carol.post(
        f"{PEOPLE}{alice.pk}/change/", fields(alice, role="auditor", is_active=None)
    )
    assert answer.status_code == 302
    alice = User.objects.get(pk=alice.pk)
    assert (alice.role, alice.is_active) == (Role.AUDITOR, False)


def test_a_role_that_does_not_exist_is_refused(as_carol, alice):
    answer = as_carol.post(f"{PEOPLE}{alice.pk}/change/", fields(alice, role="king"))
    assert answer.status_code == 200
    assert User.objects.get(pk=alice.pk).role is Role.ANALYST


def test_administrators_cannot_lock_themselves_out(as_carol, carol):
    answer = as_carol.post(f"{PEOPLE}{carol.pk}/change/", fields(carol, role="", is_active=None))
    assert answer.status_code == 302
    carol = User.objects.get(pk=carol.pk)
    assert (carol.role, carol.is_active) == (Role.ADMINISTRATOR, True)


def test_an_administrator_sets_a_password(as_carol, alice, quick_passwords):
    new = "a long walk in the rain"
    answer = as_carol.post(
        f"{PEOPLE}{alice.pk}/password/",
        {"usable_password": "true", "password1": new, "password2": new},
    )
    assert answer.status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(new)


def test_nobody_is_deleted_not_even_by_a_superuser(client, alice):
    root = User.objects.create_superuser("root")
    client.force_login(root)
    answer = client.post(f"{PEOPLE}{alice.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 403
    assert User.objects.filter(pk=alice.pk).exists()


@pytest.mark.parametrize("page", ["change", "password"])
def test_an_administrator_has_no_hand_on_a_superuser(as_carol, page):
    root = User.objects.create_superuser("root")
    new = "a long walk in the rain"
    answer = as_carol.post(
        f"{PEOPLE}{root.pk}/{page}/",
        fields(root, username="mine", usable_password="true", password1=new, password2=new),
    )
    assert answer.status_code == 403
    root.refresh_from_db()
    assert root.username == "root"
    assert not root.has_usable_password()


def test_an_administrator_cannot_make_a_superuser(as_carol, alice):
    as_carol.post(f"{PEOPLE}{alice.pk}/change/", fields(alice, is_superuser="on"))
    alice.refresh_from_db()
    assert not alice.is_superuser


def test_an_auditor_does_not_see_people(client, bob):
    client.force_login(bob)
    assert client.get(PEOPLE).status_code == 403


def test_roles_can_be_read_and_nothing_else(as_carol):
    group = Group.objects.get(name="analyst")
    address = f"/admin/auth/group/{group.pk}"
    assert as_carol.get("/admin/auth/group/").status_code == 200
    assert as_carol.get(f"{address}/change/").status_code == 200
    assert as_carol.post(f"{address}/change/", {"name": "king"}).status_code == 403
    assert as_carol.get("/admin/auth/group/add/").status_code == 403
    assert as_carol.post(f"{address}/delete/", {"post": "yes"}).status_code == 403


def test_tokens_have_no_page():
    assert not admin.site.is_registered(OutstandingToken)
