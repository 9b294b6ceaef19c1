"""Who sends this API request, by the access token in its Authorization header."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTAuthentication as LibraryJWTAuthentication

from . import tokens
from .models import User

CHALLENGE = 'Bearer realm="api"'


class JWTAuthentication(LibraryJWTAuthentication):
    """Accepts `Authorization: Bearer <access token>`; one query brings the person, their role and
    their permissions.

    Raises AuthenticationFailed (401) for a token that is not valid, expired, or whose holder is
    gone, deactivated, signed out or has a new password.
    """

    def authenticate_header(self, request: Any) -> str:
        return CHALLENGE

    def get_raw_token(self, header: bytes) -> bytes | None:
        scheme, _space, token = header.strip().partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        return token.strip()

    def get_validated_token(self, raw_token: bytes) -> Any:
        try:
            return tokens.read(tokens.AccessToken, raw_token)
        except tokens.TokenError as error:
            raise AuthenticationFailed(error.args[0], code="token_not_valid") from error

    def get_user(self, validated_token: Any) -> Any:
        try:
            user = User.objects.load(
                validated_token.get(tokens.USER_CLAIM),
                refresh=str(validated_token.get(tokens.REFRESH_CLAIM)),
            )
            tokens.check_holder(user, validated_token)
        except User.DoesNotExist as error:
            raise AuthenticationFailed(
                _("There is no account for this token."), code="token_not_valid"
            ) from error
        except tokens.TokenError as error:
            raise AuthenticationFailed(error.args[0], code="token_not_valid") from error
        return user
