"""The API's tokens: what they open, how long, how often, and what ends them."""

from __future__ import annotations

import threading
from datetime import timedelta

import jwt
import pytest
import time_machine
from django.db import connection, connections
from django.test import Client, RequestFactory
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts import tokens
from accounts.authentication import JWTAuthentication
from tests.accounts.conftest import PASSWORD
from tests.accounts.factories import make_person


def in_(**delay):
    return time_machine.travel(timezone.now() + timedelta(**delay), tick=False)


def person_behind(authorization: str):
    """Whom the API takes the sender of this header for. Raises AuthenticationFailed."""
    request = RequestFactory().get("/", headers={"Authorization": authorization})
    answer = JWTAuthentication().authenticate(request)
    return None if answer is None else answer[0]


def refused(authorization: str) -> str:
    with pytest.raises(AuthenticationFailed) as caught:
        person_behind(authorization)
    return str(caught.value.detail)


@pytest.fixture
def pair(frank):
    """A refresh and an access token of frank's, without signing in."""
    refresh = tokens.issue(frank)
    return {"refresh": str(refresh), "access": str(refresh.access_token)}


# ------------------------------------------------------------------ obtaining


def test_username_and_password_buy_a_pair(post, frank):
    answer = post("token", {"username": "frank", "password": PASSWORD}, expect=200)
    body = answer.json()
    assert body.keys() == {"access", "refresh", "expires_in"}
    assert body["expires_in"] == 600
    assert answer["Cache-Control"] == "no-store"
    assert person_behind(f"Bearer {body['access']}") == frank


def test_a_sign_in_is_noted(post, frank):
    post("token", {"username": "frank", "password": PASSWORD}, expect=200)
    frank.refresh_from_db()
    assert timezone.now() - frank.last_login < timedelta(minutes=1)


def test_a_sign_in_opens_no_session(post, frank):
    answer = post("token", {"username": "frank", "password": PASSWORD}, expect=200)
    assert not answer.cookies


@pytest.mark.parametrize(
    "body",
    [
        {"username": "frank", "password": "wrong"},
        {"username": "nobody", "password": PASSWORD},
        {"username": "FRANK", "password": PASSWORD},
        {"username": "frank", "password": f" {PASSWORD}"},
    ],
)
def test_wrong_credentials_are_refused_without_saying_which(post, frank, body):
    answer = post("token", body, expect=401)
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answer.json()["detail"] == "Wrong username or password."


def test_a_deactivated_person_gets_no_tokens(post, frank):
    frank.is_active = False
    frank.save()
    post("token", {"username": "frank", "password": PASSWORD}, expect=401)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "frank"},
        {"password": PASSWORD},
        {"username": "", "password": ""},
        {"username": None, "password": None},
        {"username": ["frank"], "password": {}},
        {"username": "f" * 151, "password": PASSWORD},
        {"username": "fr\0ank", "password": PASSWORD},
        {"username": "fr\ud800ank", "password": PASSWORD},
        [],
        "frank",
        None,
    ],
)
def test_what_is_no_credentials_is_a_bad_request(post, frank, body):
    post("token", body, expect=400)


def test_broken_json_is_a_bad_request(post):
    post("token", '{"username": ', expect=400)


def test_a_stale_token_in_the_header_does_not_hinder_signing_in(post, frank):
    post(
        "token",
        {"username": "frank", "password": PASSWORD},
        expect=200,
        headers={"Authorization": "Bearer stale"},
    )


def test_a_username_typed_with_other_code_points_is_the_same(post, frank):
    post("token", {"username": "ｆrank", "password": PASSWORD}, expect=200)


def test_a_username_that_grows_when_normalised_is_still_only_wrong(post, frank):
    post("token", {"username": "ﷺ" * 150, "password": PASSWORD}, expect=401)


# ------------------------------------------------------------------ access tokens


def test_one_query_tells_who_it_is_and_what_they_may_do(pair, frank, django_assert_num_queries):
    with django_assert_num_queries(1):
        person = person_behind(f"Bearer {pair['access']}")
        assert person == frank
        assert person.has_perm("predictions.assess_by_api")
        assert not person.has_perm("predictions.view_prediction")


def test_the_scheme_is_read_in_any_case(pair, frank):
    assert person_behind(f"bearer {pair['access']}") == frank


@pytest.mark.parametrize("authorization", ["", "Basic Zm9vOmJhcg==", "Token abc"])
def test_another_scheme_is_not_ours_to_judge(db, authorization):
    assert person_behind(authorization) is None


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer ", "Bearer a b", "Bearer a.b.c", "Bearer é", "Bearer ...."]
)
def test_nonsense_is_refused(db, authorization):
    refused(authorization)


def test_an_access_token_lives_ten_minutes(pair, frank):
    with in_(minutes=9, seconds=58):
        assert person_behind(f"Bearer {pair['access']}") == frank
    with in_(minutes=10, seconds=1):
        assert refused(f"Bearer {pair['access']}") == "The token has expired."


def test_a_tampered_token_is_refused(pair, settings):
    header, _payload, signature = pair["access"].split(".")
    claims = jwt.decode(pair["access"], settings.JWT_SIGNING_KEY, algorithms=["HS256"])
    other = jwt.encode({**claims, "sub": "999999"}, "x" * 40, algorithm="HS256")
    refused(f"Bearer {other}")
    refused(f"Bearer {header}.{other.split('.')[1]}.{signature}")


def test_an_unsigned_token_is_refused(pair, settings):
    claims = jwt.decode(pair["access"], settings.JWT_SIGNING_KEY, algorithms=["HS256"])
    refused(f"Bearer {jwt.encode(claims, None, algorithm='none')}")


def test_another_algorithm_is_refused(pair, settings):
    claims = jwt.decode(pair["access"], settings.JWT_SIGNING_KEY, algorithms=["HS256"])
    key = settings.JWT_SIGNING_KEY * 3
    refused(f"Bearer {jwt.encode(claims, key, algorithm='HS512')}")


@pytest.mark.parametrize(
    "claims", [{"sub": "x"}, {"sub": "0"}, {"sub": None}, {"fpr": None}, {"fpr": "0" * 32}]
)
def test_a_signed_token_that_speaks_for_nobody_is_refused(pair, settings, claims):
    ours = jwt.decode(pair["access"], settings.JWT_SIGNING_KEY, algorithms=["HS256"])
    changed = {key: value for key, value in {**ours, **claims}.items() if value is not None}
    refused(f"Bearer {jwt.encode(changed, settings.JWT_SIGNING_KEY, algorithm='HS256')}")


def test_a_refresh_token_is_no_access_token(pair):
    refused(f"Bearer {pair['refresh']}")


def test_a_deleted_person_s_access_token_is_refused(pair, frank):
    frank.delete()
    refused(f"Bearer {pair['access']}")


def test_a_deactivated_person_s_access_token_is_refused(pair, frank):
    frank.is_active = False
    frank.save()
    assert "deactivated" in refused(f"Bearer {pair['access']}")


def test_a_new_password_ends_every_access_token(pair, frank):
    frank.set_password("another walk")
    frank.save()
    assert "password" in refused(f"Bearer {pair['access']}")


def test_a_token_tells_nothing_of_the_password_and_nothing_personal(pair, frank):
    claims = jwt.decode(pair["access"], options={"verify_signature": False})
    assert claims.keys() == {"token_type", "exp", "iat", "jti", "sub", "fpr", "rid"}
    assert claims["fpr"] not in frank.password


# ------------------------------------------------------------------ rotation


def test_a_refresh_token_buys_the_next_pair(post, pair, frank):
    body = post("refresh", {"refresh": pair["refresh"]}, expect=200).json()
    assert body["refresh"] != pair["refresh"]
    assert person_behind(f"Bearer {body['access']}") == frank
    post("refresh", {"refresh": body["refresh"]}, expect=200)


def test_a_refresh_token_works_once(post, pair):
    post("refresh", {"refresh": pair["refresh"]}, expect=200)
    answer = post("refresh", {"refresh": pair["refresh"]}, expect=401)
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_retry_within_moments_costs_nobody_their_sign_in(post, pair):
    following = post("refresh", {"refresh": pair["refresh"]}, expect=200).json()["refresh"]
    with in_(seconds=5):
        post("refresh", {"refresh": pair["refresh"]}, expect=401)
        post("refresh", {"refresh": following}, expect=200)


def test_a_used_token_that_comes_back_later_ends_its_whole_sign_in(post, pair, frank):
    elsewhere = str(tokens.issue(frank))
    following = post("refresh", {"refresh": pair["refresh"]}, expect=200).json()["refresh"]
    with in_(seconds=30):
        post("refresh", {"refresh": pair["refresh"]}, expect=401)
        post("refresh", {"refresh": following}, expect=401)
        post("refresh", {"refresh": elsewhere}, expect=200)


@pytest.mark.django_db(transaction=True)
def test_of_simultaneous_refreshes_one_wins(quick_passwords):
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        pytest.fail("Threads need a SQLite database in a file: set DATABASES' TEST NAME.")
    person = make_person("api", username="frank")
    for _trial in range(5):
        refresh = str(tokens.issue(person))
        start = threading.Barrier(3)
        answers = []

        def use(refresh=refresh, start=start, answers=answers):
            try:
                start.wait()
                answer = Client().post(
                    "/api/v1/auth/refresh", {"refresh": refresh}, content_type="application/json"
                )
                answers.append(answer)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=use) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(answer.status_code for answer in answers) == [200, 401, 401]
        [winner] = [answer for answer in answers if answer.status_code == 200]
        tokens.rotate(winner.json()["refresh"])


def test_a_refresh_token_lives_a_day(post, pair):
    with in_(hours=24, seconds=1):
        answer = post("refresh", {"refresh": pair["refresh"]}, expect=401)
    assert answer.json()["detail"] == "The token has expired."
    with in_(hours=23, minutes=59):
        post("refresh", {"refresh": pair["refresh"]}, expect=200)


def test_an_access_token_is_no_refresh_token(post, pair):
    post("refresh", {"refresh": pair["access"]}, expect=401)


def test_a_deleted_person_s_refresh_token_is_refused(post, pair, frank):
    frank.delete()
    post("refresh", {"refresh": pair["refresh"]}, expect=401)


def test_a_deactivated_person_s_refresh_token_is_refused(post, pair, frank):
    frank.is_active = False
    frank.save()
    post("refresh", {"refresh": pair["refresh"]}, expect=401)


def test_a_new_password_ends_every_refresh_token(post, pair, frank):
    frank.set_password("another walk")
    frank.save()
    post("refresh", {"refresh": pair["refresh"]}, expect=401)


def test_who_is_let_in_again_signs_in_anew(post, pair, frank):
    frank.is_active = False
    frank.save()
    post("refresh", {"refresh": pair["refresh"]}, expect=401)
    frank.is_active = True
    frank.save()
    post("refresh", {"refresh": pair["refresh"]}, expect=401)
    assert refused(f"Bearer {pair['access']}") == "This sign-in has ended. Sign in again."


def test_a_token_this_installation_never_issued_is_refused(post, pair):
    OutstandingToken.objects.all().delete()
    post("refresh", {"refresh": pair["refresh"]}, expect=401)


@pytest.mark.parametrize("address", ["refresh", "revoke"])
@pytest.mark.parametrize(
    "body", [{}, {"refresh": ""}, {"refresh": None}, {"refresh": ["x"]}, [], "x"]
)
def test_what_holds_no_token_is_a_bad_request(post, db, address, body):
    post(address, body, expect=400)


@pytest.mark.parametrize("address", ["refresh", "revoke"])
@pytest.mark.parametrize("token", ["x", "a.b.c", "é.é.é", "...."])
def test_a_token_that_is_none_is_refused(post, db, address, token):
    post(address, {"refresh": token}, expect=401)


# ------------------------------------------------------------------ revocation


def test_a_revoked_token_buys_nothing(post, pair):
    answer = post("revoke", {"refresh": pair["refresh"]}, expect=204)
    assert answer.content == b""
    post("refresh", {"refresh": pair["refresh"]}, expect=401)


def test_revoking_twice_is_no_error(post, pair):
    post("revoke", {"refresh": pair["refresh"]}, expect=204)
    post("revoke", {"refresh": pair["refresh"]}, expect=204)


def test_revoking_ends_the_whole_sign_in_and_no_other(post, pair, frank):
    elsewhere = str(tokens.issue(frank))
    following = post("refresh", {"refresh": pair["refresh"]}, expect=200).json()["refresh"]
    post("revoke", {"refresh": pair["refresh"]}, expect=204)
    post("refresh", {"refresh": following}, expect=401)
    post("refresh", {"refresh": elsewhere}, expect=200)


def test_signing_out_ends_the_access_tokens_at_once(post, pair, frank):
    following = post("refresh", {"refresh": pair["refresh"]}, expect=200).json()
    elsewhere = tokens.issue(frank).access_token
    post("revoke", {"refresh": following["refresh"]}, expect=204)
    for access in (pair["access"], following["access"]):
        assert refused(f"Bearer {access}") == "This sign-in has ended. Sign in again."
    assert person_behind(f"Bearer {elsewhere}") == frank


def test_a_refresh_ends_no_access_token_of_before(post, pair, frank):
    """A program with several threads goes on with the one it has."""
    post("refresh", {"refresh": pair["refresh"]}, expect=200)
    assert person_behind(f"Bearer {pair['access']}") == frank


def test_a_stolen_token_that_comes_back_ends_the_access_tokens_too(post, pair):
    following = post("refresh", {"refresh": pair["refresh"]}, expect=200).json()
    with in_(seconds=30):
        post("refresh", {"refresh": pair["refresh"]}, expect=401)
        refused(f"Bearer {following['access']}")


def test_an_access_token_that_names_no_sign_in_is_refused(pair, settings):
    claims = jwt.decode(pair["access"], settings.JWT_SIGNING_KEY, algorithms=["HS256"])
    del claims["rid"]
    refused(f"Bearer {jwt.encode(claims, settings.JWT_SIGNING_KEY, algorithm='HS256')}")


def test_an_access_token_cannot_be_revoked(post, pair):
    post("revoke", {"refresh": pair["access"]}, expect=401)


# ------------------------------------------------------------------ what is kept


def test_the_database_holds_no_token_that_could_be_used(pair):
    assert set(OutstandingToken.objects.values_list("token", flat=True)) == {""}


def test_a_sign_in_sweeps_up_what_has_run_out(pair, frank):
    with in_(days=2):
        tokens.issue(frank)
    assert OutstandingToken.objects.filter(user=frank).count() == 1


@pytest.mark.parametrize("address", ["token", "refresh", "revoke"])
def test_only_posting_is_answered(client, db, address):
    assert client.get(f"/api/v1/auth/{address}").status_code == 405


def test_the_cost_of_a_sign_in(post, frank, django_assert_num_queries):
    with django_assert_num_queries(8):
        post("token", {"username": "frank", "password": PASSWORD}, expect=200)


def test_the_cost_of_a_refusal(post, frank, django_assert_num_queries):
    with django_assert_num_queries(12):
        post("token", {"username": "frank", "password": "wrong"}, expect=401)


def test_the_cost_of_a_sign_out(post, pair, django_assert_num_queries):
    with django_assert_num_queries(6):
        post("revoke", {"refresh": pair["refresh"]}, expect=204)


def test_the_cost_of_a_refresh(pair, django_assert_num_queries):
    with django_assert_num_queries(8):
        tokens.rotate(pair["refresh"])
