"""A role is a Group, and the table in `accounts.roles` says what it may do."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.utils import translation

from accounts.models import User
from accounts.roles import ROLE_PERMISSIONS, Role, assign_role, grant_roles
from tests.accounts.factories import make_person


def permissions_in_database() -> dict[str, set[str]]:
    return {
        group.name: {
            f"{permission.content_type.app_label}.{permission.codename}"
            for permission in group.permissions.select_related("content_type")
        }
        for group in Group.objects.all()
    }


def permissions_in_table() -> dict[str, set[str]]:
    return {role.value: set(permissions) for role, permissions in ROLE_PERMISSIONS.items()}


def test_the_database_holds_exactly_the_table(db):
    assert permissions_in_database() == permissions_in_table()


@pytest.mark.parametrize(
    ("role", "permission", "has"),
    [
        (Role.ANALYST, "predictions.assess_by_form", True),
        (Role.ANALYST, "predictions.view_prediction", True),
        (Role.ANALYST, "predictions.assess_by_api", False),
        (Role.ANALYST, "accounts.access_admin", False),
        (Role.AUDITOR, "accounts.access_admin", True),
        (Role.AUDITOR, "predictions.view_prediction", True),
        (Role.AUDITOR, "predictions.assess_by_form", False),
        (Role.AUDITOR, "accounts.change_user", False),
        (Role.API, "predictions.assess_by_api", True),
        (Role.API, "predictions.view_own_prediction", True),
        (Role.API, "predictions.view_prediction", False),
        (Role.ADMINISTRATOR, "accounts.change_user", True),
        (Role.ADMINISTRATOR, "mlcore.change_modelversion", False),
    ],
)
def test_what_a_role_may_do(role, permission, has):
    assert (permission in ROLE_PERMISSIONS[role]) is has


@pytest.mark.parametrize("permissions", ROLE_PERMISSIONS.values(), ids=ROLE_PERMISSIONS)
def test_no_role_may_delete_or_change_what_is_on_record(permissions):
    assert not {
        permission
        for permission in permissions
        if permission.startswith(("predictions.change", "predictions.delete", "mlcore.delete"))
    }
    assert "accounts.delete_user" not in permissions


def test_an_administrator_may_do_whatever_an_analyst_and_an_auditor_may():
    assert ROLE_PERMISSIONS[Role.ADMINISTRATOR] > (
        ROLE_PERMISSIONS[Role.ANALYST] | ROLE_PERMISSIONS[Role.AUDITOR]
    )


def test_only_a_program_assesses_through_the_api():
    allowed = {role for role in Role if "predictions.assess_by_api" in ROLE_PERMISSIONS[role]}
    assert allowed == {Role.API}


def test_what_was_granted_by_hand_is_taken_back_and_what_was_taken_is_granted_again(db):
    analyst = Group.objects.get(name="analyst")
    analyst.permissions.set(Permission.objects.filter(codename="access_admin"))

    call_command("migrate", verbosity=0)

    assert permissions_in_database() == permissions_in_table()


def test_granting_is_one_app_at_a_time_in_any_order(db):
    Group.objects.all().delete()
    for app in reversed(list(apps.get_app_configs())):
        grant_roles(app)
        grant_roles(app)
    assert permissions_in_database() == permissions_in_table()


def test_another_group_is_left_alone(db):
    readers = Group.objects.create(name="readers")
    readers.permissions.set(Permission.objects.filter(codename="view_user"))
    call_command("migrate", verbosity=0)
    assert readers.permissions.count() == 1


def test_granting_what_is_granted_writes_nothing(db, django_assert_max_num_queries):
    with django_assert_max_num_queries(4) as captured:
        grant_roles(apps.get_app_config("accounts"))
    assert not [query for query in captured if "INSERT" in query["sql"] or "DELETE" in query["sql"]]


def test_roles_are_there_again_after_a_flush(db):
    Group.objects.all().delete()  # `flush` itself is what the records' triggers refuse
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    assert permissions_in_database() == permissions_in_table()


def test_a_person_has_one_role_at_a_time(erin):
    assert erin.role is None
    assert not erin.has_perm("predictions.assess_by_form")

    assign_role(erin, Role.ANALYST)
    assert erin.role is Role.ANALYST
    assert erin.has_perm("predictions.assess_by_form")

    assign_role(erin, "auditor")
    assert erin.role is Role.AUDITOR
    assert not erin.has_perm("predictions.assess_by_form")
    assert [group.name for group in erin.groups.all()] == ["auditor"]

    assign_role(erin, None)
    assert User.objects.load(erin.pk).role is None


def test_a_role_that_does_not_exist_is_refused(erin):
    with pytest.raises(ValueError, match="king"):
        assign_role(erin, "king")


def test_a_role_is_named_in_the_reader_s_language(alice):
    with translation.override("en"):
        assert str(alice.role.label) == "HR analyst"


def test_a_permission_granted_by_hand_in_the_database_grants_nothing(alice):
    Group.objects.get(name="analyst").permissions.set(Permission.objects.all())
    assert not User.objects.load(alice.pk).is_staff


def test_a_group_that_is_no_role_is_not_shown_as_one(erin):
    erin.groups.add(Group.objects.create(name="choir"))
    assert User.objects.load(erin.pk).role is None


@pytest.mark.parametrize("role", Role)
def test_one_query_brings_a_person_with_all_they_may_do(role, db, django_assert_num_queries):
    pk = make_person(role, username="someone").pk
    with django_assert_num_queries(1):
        person = User.objects.load(pk)
        assert person.get_all_permissions() == ROLE_PERMISSIONS[role]
        assert person.role is role
        assert person.is_staff is ("accounts.access_admin" in ROLE_PERMISSIONS[role])
        assert person.username == "someone"
