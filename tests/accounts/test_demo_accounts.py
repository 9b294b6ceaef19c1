from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from accounts.roles import ROLE_PERMISSIONS, Role, assign_role


@pytest.fixture(autouse=True)
def development(db, settings, quick_passwords):
    settings.DEVELOPMENT, settings.DEMO_PASSWORD = True, "attrition-demo"


def run(*options):
    call_command("make_demo_accounts", *options, verbosity=0)


def test_each_role_has_its_person():
    run()
    assert {user.username: user.role for user in User.objects.all()} == {
        "hr": Role.ANALYST,
        "auditor": Role.AUDITOR,
        "admin": Role.ADMINISTRATOR,
        "api": Role.API,
    }
    assert all(user.check_password("attrition-demo") for user in User.objects.all())


def test_the_demo_administrator_is_one_by_role_and_not_a_superuser():
    run()
    admin = User.objects.get(username="admin")
    assert not admin.is_superuser
    assert admin.get_all_permissions() == ROLE_PERMISSIONS[Role.ADMINISTRATOR]


def test_a_second_run_changes_nothing_and_is_two_queries(django_assert_num_queries):
    run()
    before = list(User.objects.values_list("pk", "password"))
    with django_assert_num_queries(2):
        run()
    assert list(User.objects.values_list("pk", "password")) == before


def test_a_changed_password_is_kept_unless_told(django_assert_num_queries):
    run()
    hr = User.objects.get(username="hr")
    hr.set_password("mine")
    hr.save()
    run()
    hr.refresh_from_db()
    assert hr.check_password("mine")
    run("--reset-passwords")
    hr.refresh_from_db()
    assert hr.check_password("attrition-demo")


def test_a_changed_role_is_the_demo_s_again():
    run()
    assign_role(User.objects.get(username="hr"), None)
    run()
    assert User.objects.get(username="hr").role is Role.ANALYST


def test_it_says_what_it_did(capsys):
    call_command("make_demo_accounts")
    call_command("make_demo_accounts")
    assert capsys.readouterr().out.splitlines() == [
        "Demo accounts: 4 made, 0 found.",
        "Demo accounts: 0 made, 4 found.",
    ]


def test_nowhere_but_in_development(settings):
    settings.DEVELOPMENT = False
    with pytest.raises(CommandError, match="development"):
        run()
    assert not User.objects.exists()
