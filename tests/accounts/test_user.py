from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.utils.module_loading import import_string

from accounts.models import User
from accounts.roles import Role, assign_role
from tests.accounts.factories import UserFactory


def test_passwords_are_kept_by_bcrypt(db):
    user = User.objects.create_user("grace", "a long walk in the rain")
    assert user.password.startswith("bcrypt_sha256$")
    assert user.check_password("a long walk in the rain")
    assert not user.check_password("a long walk in the sun")


def test_a_password_longer_than_bcrypt_s_72_bytes_counts_whole(db, quick_passwords):
    user = User.objects.create_user("grace", "é" * 100 + "1")
    assert not user.check_password("é" * 100 + "2")
    assert user.check_password("é" * 100 + "1")


def test_a_person_without_a_password_cannot_sign_in(db):
    assert not User.objects.create_user("grace").has_usable_password()


def test_a_person_needs_a_username(db):
    with pytest.raises(ValueError, match="username"):
        User.objects.create_user("")


def test_a_username_is_one_however_its_letters_were_typed(db):
    assert User.objects.create_user("ｇｒａｃｅ").username == "grace"


def test_a_person_is_shown_by_name_or_else_by_username(db):
    assert str(UserFactory.build(username="grace", name="Grace Hopper")) == "Grace Hopper"
    assert str(UserFactory.build(username="grace", name="")) == "grace"


def test_a_superuser_may_do_everything_and_opens_the_admin(db, django_assert_num_queries):
    pk = User.objects.create_superuser("root").pk
    with django_assert_num_queries(1):
        root = User.objects.load(pk)
        assert root.is_staff
        assert root.has_perm("anything.at_all")
    assert len(root.get_all_permissions()) == Permission.objects.count()


@pytest.mark.parametrize(
    ("role", "opens"),
    [
        (Role.ANALYST, False),
        (Role.AUDITOR, True),
        (Role.API, False),
        (Role.ADMINISTRATOR, True),
        (None, False),
    ],
)
def test_who_opens_the_admin(erin, role, opens):
    assign_role(erin, role)
    assert erin.is_staff is opens


def test_a_deactivated_person_may_do_nothing(bob):
    bob.is_active = False
    bob.save()
    bob = User.objects.load(bob.pk)
    assert not bob.is_staff
    assert bob.get_all_permissions() == set()
    assert not bob.has_perm("predictions.view_prediction")
    assert not bob.has_module_perms("predictions")


def test_permissions_are_of_kinds_not_of_single_rows(bob):
    assert bob.has_perm("predictions.view_prediction")
    assert not bob.has_perm("predictions.view_prediction", obj=bob)


@pytest.mark.parametrize("pk", [0, -1, "x", None, 2**70, [1]])
def test_nobody_is_found_where_there_is_nobody(db, pk):
    with pytest.raises(User.DoesNotExist):
        User.objects.load(pk)


def test_the_permission_to_delete_people_does_not_exist(db):
    codenames = Permission.objects.filter(content_type__model="user").values_list(
        "codename", flat=True
    )
    assert set(codenames) == {"add_user", "change_user", "view_user", "access_admin"}


def test_the_configured_backends_load(settings):
    assert [import_string(path) for path in settings.AUTHENTICATION_BACKENDS]
