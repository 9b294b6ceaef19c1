"""A demonstration's accounts open nothing outside development, whatever database is brought."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core import checks
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import RequestFactory

from accounts.demo import PUBLISHED_PASSWORD, make_demo_accounts
from accounts.models import User
from attrition_site.checks import START, refuse_to_start
from tests.deployment.installation import python


@pytest.fixture(autouse=True)
def elsewhere(settings, quick_passwords):
    settings.DEVELOPMENT, settings.ENVIRONMENT = False, "production"


@pytest.fixture
def restored_demo(db):
    """A database that was a demonstration, with people of its own besides."""
    make_demo_accounts(PUBLISHED_PASSWORD)
    User.objects.create_user("emma", "a word of her own")


def found():
    return [
        (problem.id, problem.msg, problem.hint)
        for problem in checks.run_checks(tags=[START], databases=["default"])
    ]


def test_a_restored_demonstration_is_found(restored_demo):
    [(number, message, hint)] = found()
    assert number == "attrition.E001"
    assert message.endswith("can sign in: admin, api, auditor, hr.")
    assert "manage.py close_demo_accounts" in hint


def test_other_commands_are_let_through_to_mend_it(restored_demo):
    assert checks.run_checks() == []
    call_command("check", verbosity=0)


def test_nothing_starts_with_it_and_it_is_told_in_words(restored_demo, monkeypatch):
    monkeypatch.setattr("django.db.connections.close_all", lambda: None)  # the test's own
    with pytest.raises(
        ImproperlyConfigured, match="Nothing starts in production like this:\n- Demo"
    ):
        refuse_to_start()


@pytest.mark.parametrize("command", ["migrate", "qcluster"])
def test_neither_migration_nor_worker_starts(restored_demo, command, monkeypatch):
    monkeypatch.setattr("django.db.connections.close_all", lambda: None)
    monkeypatch.setattr("mlcore.management.commands.qcluster.Cluster", _never)
    with pytest.raises(CommandError, match=r"attrition\.E001"):
        call_command(command, skip_checks=False, verbosity=0)


def _never():
    raise AssertionError("It started.")


def test_in_development_they_may_be_there(restored_demo, settings):
    settings.DEVELOPMENT = True
    assert found() == []


@pytest.mark.parametrize(
    "harmless",
    [
        pytest.param(lambda: User.objects.update(is_active=False), id="deactivated"),
        pytest.param(
            lambda: [_give(user, "another word entirely") for user in User.objects.all()],
            id="another password",
        ),
        pytest.param(lambda: User.objects.all().delete(), id="nobody"),
    ],
)
def test_an_account_that_cannot_be_used_so_is_no_hindrance(restored_demo, harmless):
    harmless()
    assert found() == []


def _give(user, password):
    user.set_password(password)
    user.save()


def test_a_password_of_the_demos_own_is_known_too(db, settings):
    settings.DEMO_PASSWORD = "shown-at-the-fair"
    make_demo_accounts("shown-at-the-fair")
    assert len(found()) == 1


def test_the_check_asks_once_and_checks_no_password_of_others(db, django_assert_num_queries):
    User.objects.create_user("emma", "a word of her own")
    with django_assert_num_queries(2):  # whether there are people, and whether they are a demo's
        assert found() == []


def test_a_database_without_tables_has_no_accounts(db, monkeypatch):
    monkeypatch.setattr(connection.introspection, "table_names", list)
    assert found() == []


def test_closing_them_is_one_command_and_keeps_what_they_did(restored_demo, capsys):
    call_command("close_demo_accounts")
    assert capsys.readouterr().out == "Closed: admin, api, auditor, hr.\n"
    assert found() == []
    closed = User.objects.filter(is_active=False)
    assert sorted(user.username for user in closed) == ["admin", "api", "auditor", "hr"]
    assert not any(user.has_usable_password() for user in closed)
    assert User.objects.get(username="emma").check_password("a word of her own")
    call_command("close_demo_accounts")
    assert capsys.readouterr().out == "No demo account was open.\n"


# ------------------------------------------------------------------ at the door


@pytest.mark.parametrize("username", ["hr", "renamed"])
def test_nobody_signs_in_with_the_published_password(restored_demo, settings, username):
    """Also under another name, and where the database was restored beneath a running server."""
    User.objects.filter(username="hr").update(username=username)
    request = RequestFactory().post("/accounts/login/")

    def signed_in():
        return authenticate(request, username=username, password=PUBLISHED_PASSWORD)

    assert signed_in() is None
    settings.DEVELOPMENT = True
    assert signed_in().username == username


def test_nobody_chooses_the_published_password(db):
    with pytest.raises(ValidationError, match="password of the demonstration"):
        validate_password(PUBLISHED_PASSWORD)


# ------------------------------------------------------------------ as processes


DEMONSTRATION = """
import django
from django.conf import settings
django.setup()
settings.PASSWORD_HASHERS = ["tests.people.QuickBCrypt"]
from django.core.management import call_command
from accounts.demo import PUBLISHED_PASSWORD, make_demo_accounts
for app in ("accounts", "sessions", "token_blacklist"):
    call_command("migrate", app, verbosity=0)
make_demo_accounts(PUBLISHED_PASSWORD)
"""
SERVE = ("-c", "import attrition_site.wsgi; print('It serves.')")


def test_a_demonstration_turned_production_starts_once_it_is_closed(tmp_path):
    """The file of a demonstration on SQLite, asked for by name; it asks PostgreSQL alike."""
    settings = {"DJANGO_SETTINGS_MODULE": "attrition_site.settings"}
    assert python(tmp_path, "-c", DEMONSTRATION, **settings) == (0, "")
    for command in (
        ("manage.py", "migrate"),
        ("manage.py", "qcluster"),
        ("-m", "attrition_site.serve", "migrate"),
        ("-m", "attrition_site.run"),
        SERVE,
    ):
        status, output = python(tmp_path, *command)
        assert status != 0, command
        assert "Demo accounts whose password is published can sign in: admin, api" in output
    status, output = python(tmp_path, "manage.py", "close_demo_accounts")
    assert (status, output.splitlines()[0]) == (0, "Closed: admin, api, auditor, hr."), output
    assert python(tmp_path, *SERVE)[1].splitlines()[0] == "It serves."
