"""The five people every test knows, and how they sign in.

alice is an analyst, bob an auditor, carol an administrator, dave a program that uses the API, and
erin has no role. A page is opened with `client.force_login(alice)`, the API with
`client.get(address, headers=bearer(dave))`. Of `as_alice` and `as_carol` a test asks for one: both
are its one browser.
"""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher

from accounts import tokens
from accounts.models import User
from accounts.roles import Role
from tests.accounts.factories import make_person


class QuickBCrypt(BCryptSHA256PasswordHasher):
    """The product's own hasher, with too few rounds to protect anything."""

    rounds = 4


def bearer(user: User) -> dict[str, str]:
    """The request headers of a program signed in as `user`."""
    return {"Authorization": f"Bearer {tokens.issue(user).access_token}"}


@pytest.fixture
def quick_passwords(settings):
    settings.PASSWORD_HASHERS = ["tests.people.QuickBCrypt"]


@pytest.fixture
def alice(db):
    return make_person(Role.ANALYST, username="alice")


@pytest.fixture
def as_alice(client, alice):
    """A browser where alice is signed in."""
    client.force_login(alice)
    return client


@pytest.fixture
def bob(db):
    return make_person(Role.AUDITOR, username="bob")


@pytest.fixture
def carol(db):
    return make_person(Role.ADMINISTRATOR, username="carol")


@pytest.fixture
def as_carol(client, carol):
    """A browser where carol is signed in."""
    client.force_login(carol)
    return client


@pytest.fixture
def dave(db):
    return make_person(Role.API, username="dave")


@pytest.fixture
def erin(db):
    return make_person(None, username="erin")
