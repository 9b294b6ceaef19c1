"""The API's documentation knows how to sign in."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from accounts.authentication import JWTAuthentication


def test_the_token_is_described_as_a_bearer_token():
    extension = OpenApiAuthenticationExtension.get_match(JWTAuthentication)
    assert extension.get_security_definition(None) == {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
    }
