from __future__ import annotations

import pytest

from tests.accounts.factories import make_person

PASSWORD = "a long walk in the rain"


@pytest.fixture
def frank(db, quick_passwords):
    """An API consumer who has a password, `PASSWORD`."""
    return make_person("api", username="frank", password=PASSWORD)


@pytest.fixture
def post(client):
    """Posts JSON to the API and insists on the status."""

    def post(address, body, *, expect, **extra):
        response = client.post(
            f"/api/v1/auth/{address}", body, content_type="application/json", **extra
        )
        assert response.status_code == expect, response.content
        return response

    return post
