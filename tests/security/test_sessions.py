"""Sessions at a browser: what keeps them alive, and everything that ends them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from accounts.roles import assign_role
from accounts.sessions import SessionStore
from mlcore.models import RunState
from predictions.models import Batch, Prediction
from predictions.models.batch import BatchState
from tests.accounts.conftest import PASSWORD
from tests.accounts.factories import make_person
from tests.conftest import EMPLOYEE
from tests.training.conftest import make_draft

PAGE = "/accounts/password/"
LOGIN = "/accounts/login/"


@pytest.fixture
def signed_in(client, alice):
    """alice's browser; `minutes(n)` is n minutes after she signed in."""
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        client.force_login(alice)

        def minutes(number):
            clock.move_to(start + timedelta(minutes=number))
            return client

        yield minutes


def is_in(client):
    return client.get(PAGE).status_code == 200


def test_a_session_ends_after_thirty_idle_minutes(signed_in):
    assert is_in(signed_in(29))
    assert is_in(signed_in(29 + 29))
    assert not is_in(signed_in(29 + 29 + 30))


def test_its_end_is_told_and_leads_back(signed_in):
    answer = signed_in(31).get(PAGE, follow=True)
    assert answer.redirect_chain == [(f"{LOGIN}?next={PAGE}", 302)]
    assert "Your session has ended" in answer.content.decode()
    assert "Your session has ended" not in signed_in(32).get(LOGIN).content.decode()


def test_what_is_sent_after_its_end_is_said_to_be_lost(signed_in):
    answer = signed_in(31).post(PAGE, {"old_password": "x"}, follow=True)
    told = answer.content.decode()
    assert answer.redirect_chain == [(f"{LOGIN}?next={PAGE}", 302)]
    assert "nothing of what you just sent was recorded" in told
    assert "you go on where you were" not in told


def test_who_signs_out_after_its_end_is_told_of_no_loss(signed_in):
    told = signed_in(31).post("/accounts/logout/", follow=True).content.decode()
    assert "nothing of what you just sent" not in told


def test_who_never_had_a_session_is_told_of_none(client, db):
    assert "Your session has ended" not in client.get(PAGE, follow=True).content.decode()


def test_a_session_ends_after_twelve_hours_whatever_is_done(signed_in):
    for minute in range(0, 12 * 60, 20):
        assert is_in(signed_in(minute))
    assert not is_in(signed_in(12 * 60))


def test_what_is_done_is_written_down_once_a_minute(signed_in, django_assert_num_queries):
    with django_assert_num_queries(2):
        signed_in(0.9).get(PAGE)
    with django_assert_num_queries(5) as written:  # and three for the transaction of the write
        signed_in(1).get(PAGE)
    assert any("UPDATE" in query["sql"] for query in written)
    with django_assert_num_queries(2):
        signed_in(1.9).get(PAGE)


def test_a_page_that_asks_by_itself_keeps_no_session_alive(signed_in, alice):
    batch = Batch.objects.create(
        name="x.csv", size=1, about_rows=1, uploaded_by=alice, state=BatchState.RUNNING
    )
    for minute in range(0, 30, 5):
        client = signed_in(minute)
        assert client.get(f"/batches/{batch.pk}/progress/").status_code == 200
        assert client.get(f"/batches/{batch.pk}/").status_code == 200
    assert not is_in(signed_in(30))


def test_watching_a_training_keeps_no_session_alive(client, carol):
    run = make_draft(carol)
    run.state = RunState.QUEUED
    run.save()
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        client.force_login(carol)
        clock.move_to(start + timedelta(minutes=20))
        assert client.get(f"/models/training/{run.pk}/progress/").status_code == 200
        assert client.get(f"/models/training/{run.pk}/").status_code == 200
        clock.move_to(start + timedelta(minutes=30))
        assert not is_in(client)


def test_signing_in_begins_a_new_session(client, quick_passwords, db):
    """A session that someone else planted in the browser does not become the person's."""
    make_person("analyst", username="frank", password=PASSWORD)
    planted = SessionStore()
    planted["planted"] = True
    planted.create()
    client.cookies[configured.SESSION_COOKIE_NAME] = planted.session_key
    answer = client.post(LOGIN, {"username": "frank", "password": PASSWORD})
    assert answer.status_code == 302
    key = client.cookies[configured.SESSION_COOKIE_NAME].value
    assert key != planted.session_key
    assert not Session.objects.filter(session_key=planted.session_key).exists()


def test_a_session_id_that_we_did_not_make_is_none(client, alice, db):
    client.cookies[configured.SESSION_COOKIE_NAME] = "a" * 32
    assert not is_in(client)
    assert not Session.objects.exists()


def test_signing_out_ends_the_session_and_not_the_cookie_alone(client, alice):
    client.force_login(alice)
    stolen = Client()
    stolen.cookies[configured.SESSION_COOKIE_NAME] = client.cookies[
        configured.SESSION_COOKIE_NAME
    ].value
    assert is_in(stolen)
    client.post("/accounts/logout/")
    assert not is_in(stolen)


def test_deactivation_ends_a_session_at_once(client, alice):
    client.force_login(alice)
    alice.is_active = False
    alice.save()
    assert not is_in(client)


def test_a_new_password_ends_the_sessions_of_before(client, alice):
    client.force_login(alice)
    alice.set_password("another walk in the rain")
    alice.save()
    assert not is_in(client)


def test_an_administrator_who_sets_a_password_ends_the_sessions_of_its_owner(alice, carol):
    owner, administrator = Client(), Client()
    owner.force_login(alice)
    administrator.force_login(carol)
    new = "another walk in the rain"
    answer = administrator.post(
        f"/admin/accounts/user/{alice.pk}/password/",
        {"usable_password": "true", "password1": new, "password2": new},
    )
    assert answer.status_code == 302
    assert not is_in(owner)


def test_a_role_that_is_taken_away_is_gone_at_the_next_click(client, alice, active_model):
    client.force_login(alice)
    assert client.get("/predictions/").status_code == 200
    assign_role(alice, None)
    assert client.get("/predictions/").status_code == 403


def test_a_session_holds_nothing_that_would_have_to_be_unpickled(client, alice):
    client.force_login(alice)
    assert configured.SESSION_SERIALIZER == "django.contrib.sessions.serializers.JSONSerializer"
    [row] = Session.objects.all()
    assert row.get_decoded().keys() >= {"_auth_user_id", "begun", "seen"}


def test_an_odd_session_of_a_version_before_still_ends(client, alice):
    client.force_login(alice)
    session = client.session
    del session["begun"], session["seen"]
    session.save()
    with time_machine.travel(timezone.now() + timedelta(minutes=29), tick=False):
        assert is_in(client)
    with time_machine.travel(timezone.now() + timedelta(minutes=29 + 31), tick=False):
        assert not is_in(client)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        r"/\evil.example",
        r"\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
        "/\tevil.example//",
        "https://testserver@evil.example/",
    ],
)
@pytest.mark.parametrize("signed_in_already", [True, False])
def test_signing_in_leads_to_no_other_site(client, quick_passwords, db, target, signed_in_already):
    frank = make_person("analyst", username="frank", password=PASSWORD)
    if signed_in_already:
        client.force_login(frank)
    answer = client.post(LOGIN, {"username": "frank", "password": PASSWORD, "next": target})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/")
    assert not answer["Location"].startswith(("//", "/\\"))


def test_the_admin_s_sign_in_hands_no_other_site_on(client, quick_passwords, db):
    make_person("auditor", username="frank", password=PASSWORD)
    answer = client.get("/admin/login/?next=https://evil.example/")
    answer = client.post(answer["Location"], {"username": "frank", "password": PASSWORD})
    assert answer["Location"] == "/"


@pytest.mark.parametrize("username", ["frank", "nobody"])
def test_an_unknown_username_takes_as_long_as_a_known_one(client, quick_passwords, db, username):
    """Counted in what takes the time, the hashing of a password: once, whoever is asked for."""
    from tests.people import QuickBCrypt

    make_person("analyst", username="frank", password=PASSWORD)
    hashed = []
    encode = QuickBCrypt.encode

    def counting(self, password, salt):
        hashed.append(password)
        return encode(self, password, salt)

    QuickBCrypt.encode = counting
    try:
        client.post(LOGIN, {"username": username, "password": "wrong"})
    finally:
        QuickBCrypt.encode = encode
    assert hashed == ["wrong"]


@pytest.mark.parametrize("short", ["walk", "elevenchars"])
def test_a_new_password_has_twelve_characters(client, alice, quick_passwords, short):
    alice.set_password(PASSWORD)
    alice.save()
    client.force_login(alice)
    answer = client.post(
        PAGE, {"old_password": PASSWORD, "new_password1": short, "new_password2": short}
    )
    assert "12" in answer.content.decode()
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_one_of_the_future_has_ended_for_good(signed_in):
    day = 24 * 60
    signed_in(day)
    ahead = Client()
    ahead.force_login(make_person(username="later"))
    cookie = ahead.cookies["sessionid"].value
    signed_in(0)  # the clock is put right
    assert not is_in(ahead)
    signed_in(day)
    ahead.cookies["sessionid"] = cookie
    assert not is_in(ahead)


def test_who_could_not_be_kept_signed_in_is_told_what_was_done(signed_in, active_model):
    """After a minute the session is renewed, when the answer is made and the record committed."""

    def lost(execute, sql, *args):
        if sql.startswith('UPDATE "django_session"'):
            raise OperationalError("terminating connection")
        return execute(sql, *args)

    browser = signed_in(2)
    with connection.execute_wrapper(lost):
        answer = browser.post("/predictions/new/", EMPLOYEE)
    assert answer.status_code == 302
    assert Prediction.objects.get().get_absolute_url() == answer["Location"]
