from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.demo import make_demo_accounts
from tests.accounts.conftest import PASSWORD

LOGIN = "/accounts/login/"
CHANGE = "/accounts/password/"
LANGUAGES = pytest.mark.parametrize("language", ["en", "fr"])


def test_signing_in_leads_where_one_wanted_to_go(client, frank):
    answer = client.post(f"{LOGIN}?next={CHANGE}", {"username": "frank", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, CHANGE)
    assert client.get(CHANGE).status_code == 200


def test_signing_in_leads_home_and_never_to_another_site(client, frank):
    answer = client.post(
        f"{LOGIN}?next=https://evil.example/", {"username": "frank", "password": PASSWORD}
    )
    assert answer["Location"] == reverse("home")


def test_a_wrong_password_is_said_and_what_was_typed_is_kept(client, frank):
    answer = client.post(LOGIN, {"username": "frank", "password": "wrong"})
    assert answer.status_code == 200
    assert "error-summary" in answer.text
    assert 'value="frank"' in answer.text
    assert "wrong" not in answer.text


def test_an_empty_field_is_pointed_at(client, db):
    answer = client.post(LOGIN, {"username": "frank", "password": ""})
    assert 'href="#id_password"' in answer.text
    assert 'id="id_password_error"' in answer.text
    assert 'aria-describedby="id_password_error"' in answer.text


def test_a_deactivated_person_cannot_sign_in_and_is_signed_out(client, frank):
    client.force_login(frank)
    frank.is_active = False
    frank.save()
    assert client.get(CHANGE)["Location"] == f"{LOGIN}?next={CHANGE}"
    answer = client.post(LOGIN, {"username": "frank", "password": PASSWORD})
    assert answer.status_code == 200


def test_who_is_signed_in_is_not_asked_again(client, alice):
    client.force_login(alice)
    assert client.get(LOGIN)["Location"] == reverse("home")


def test_a_session_costs_one_query_for_the_person_and_their_permissions(
    client, alice, django_assert_num_queries
):
    client.force_login(alice)
    with django_assert_num_queries(2) as captured:
        client.get(reverse("accounts:password_change_done"))
    assert "django_session" in captured[0]["sql"]
    assert "accounts_user" in captured[1]["sql"]


def test_signing_out_is_a_post(client, alice):
    client.force_login(alice)
    assert client.get("/accounts/logout/").status_code == 405
    assert client.post("/accounts/logout/")["Location"] == LOGIN
    assert client.get(CHANGE).status_code == 302


@pytest.mark.parametrize("name", ["password_change", "password_change_done"])
def test_the_password_pages_are_for_who_is_signed_in(client, db, name):
    address = reverse(f"accounts:{name}")
    assert client.get(address)["Location"] == f"{LOGIN}?next={address}"


def test_changing_the_password_keeps_this_browser_and_signs_the_others_out(client, frank):
    from django.test import Client

    other = Client()
    client.force_login(frank)
    other.force_login(frank)
    new = "a short walk in the sun"
    answer = client.post(
        CHANGE, {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    )
    assert answer["Location"] == reverse("accounts:password_change_done")
    assert client.get(CHANGE).status_code == 200
    assert other.get(CHANGE).status_code == 302
    frank.refresh_from_db()
    assert frank.check_password(new)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("wrong", "a short walk in the sun", "old_password"),
        (PASSWORD, "12345678", "new_password2"),
        (PASSWORD, "frank", "new_password2"),
        (PASSWORD, "password", "new_password2"),
    ],
)
def test_a_password_that_will_not_do_is_refused_at_its_field(client, frank, old, new, field):
    client.force_login(frank)
    answer = client.post(CHANGE, {"old_password": old, "new_password1": new, "new_password2": new})
    assert answer.status_code == 200
    assert f'id="id_{field}_error"' in answer.text
    frank.refresh_from_db()
    assert frank.check_password(PASSWORD)


@LANGUAGES
@pytest.mark.parametrize("address", [LOGIN, CHANGE, "/accounts/password/done/"])
def test_pages_speak_both_languages(client, alice, address, language):
    if address != LOGIN:
        client.force_login(alice)
    answer = client.get(address, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert answer["Content-Language"] == language
    assert answer.text.count("<h1") == 1


def test_demo_accounts_are_shown_on_a_development_machine(client, db, settings, quick_passwords):
    make_demo_accounts("attrition-demo")
    settings.DEVELOPMENT, settings.DEMO_PASSWORD = True, "attrition-demo"
    text = client.get(LOGIN).text
    assert "<code>attrition-demo</code>" in text
    assert all(f"<code>{name}</code>" in text for name in ("hr", "auditor", "admin", "api"))


def test_demo_accounts_are_never_shown_elsewhere(client, db, settings, quick_passwords):
    make_demo_accounts("attrition-demo")
    settings.DEVELOPMENT = False
    assert "attrition-demo" not in client.get(LOGIN).text


def test_what_the_pages_ask_of_the_database(client, frank, settings, django_assert_num_queries):
    settings.DEVELOPMENT = False  # no demo accounts to look for
    with django_assert_num_queries(0):
        client.get(LOGIN)
    with django_assert_num_queries(13):
        client.post(LOGIN, {"username": "frank", "password": PASSWORD})
    with django_assert_num_queries(2):
        client.get(CHANGE)
    new = "a short walk in the sun"
    with django_assert_num_queries(15):
        client.post(CHANGE, {"old_password": PASSWORD, "new_password1": new, "new_password2": new})


def test_no_demo_accounts_no_hint(client, db, settings, django_assert_num_queries):
    settings.DEVELOPMENT = True
    with django_assert_num_queries(1):
        assert "demo-accounts" not in client.get(LOGIN).text


def test_a_demonstration_says_that_passwords_stay_and_shows_no_form(client, alice, settings):
    client.force_login(alice)
    assert 'name="old_password"' in client.get(CHANGE).content.decode()
    settings.DEMO = True
    page = client.get(CHANGE).content.decode()
    assert "keep their password" in page
    assert 'name="old_password"' not in page
