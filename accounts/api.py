"""Sign-in for programs: a pair of tokens, the next pair, and the end of both."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.settings import api_settings

from . import lockout, throttling, tokens
from .authentication import CHALLENGE
from .models import User
from .serializers import CredentialsSerializer, RefreshSerializer, TokenPairSerializer

_BAD_REQUEST = OpenApiResponse(description="A field is missing or is not text.")
_REFUSED_TOKEN = OpenApiResponse(
    description="The token is forged, expired, used, revoked, or its holder may no longer sign in."
)


class TokenEndpoint(GenericAPIView[Any]):
    """What these endpoints share: the request itself proves who asks, so no header is read."""

    http_method_names = ("post",)
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        # With no authentication class to ask, DRF would turn a 401 into a 403.
        return CHALLENGE

    def validated(self, request: Request) -> Any:
        """The body, checked. Raises ValidationError (400)."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data


@throttling.limited(throttling.SIGN_IN)
class TokenView(TokenEndpoint):
    serializer_class = CredentialsSerializer

    @extend_schema(
        operation_id="auth_token",
        summary="Sign in",
        responses={
            200: TokenPairSerializer,
            400: _BAD_REQUEST,
            401: OpenApiResponse(description="Wrong username or password, or deactivated account."),
            429: OpenApiResponse(
                description="Too many failed sign-ins; `Retry-After` says when to try again."
            ),
        },
        tags=["Sign-in"],
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Exchange a username and a password for an access token and a refresh token.

        Five failures in a row from one address lock the username for that address for 15 minutes.
        """
        user = sign_in(request._request, **self.validated(request))
        return _pair(tokens.issue(user))


class RefreshView(TokenEndpoint):
    serializer_class = RefreshSerializer

    @extend_schema(
        operation_id="auth_refresh",
        summary="Get the next pair of tokens",
        responses={200: TokenPairSerializer, 400: _BAD_REQUEST, 401: _REFUSED_TOKEN},
        tags=["Sign-in"],
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for the next pair. Each refresh token works once.

        A used one that is sent again is refused; if that happens later than ten seconds after its
        use, every token of the same sign-in is revoked, because a copy is in other hands.
        """
        try:
            token = tokens.rotate(self.validated(request)["refresh"])
        except tokens.TokenError as error:
            raise AuthenticationFailed(error.args[0], code="token_not_valid") from error
        return _pair(token)


class RevokeView(TokenEndpoint):
    serializer_class = RefreshSerializer

    @extend_schema(
        operation_id="auth_revoke",
        summary="Sign out",
        responses={
            204: OpenApiResponse(description="No token of this sign-in works any more."),
            400: _BAD_REQUEST,
            401: _REFUSED_TOKEN,
        },
        tags=["Sign-in"],
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Revoke a refresh token, and with it every other token of the same sign-in.

        Access tokens that came of it are refused from then on, too.
        """
        try:
            tokens.revoke(self.validated(request)["refresh"])
        except tokens.TokenError as error:
            raise AuthenticationFailed(error.args[0], code="token_not_valid") from error
        return Response(status=status.HTTP_204_NO_CONTENT)


def sign_in(request: HttpRequest, *, username: str, password: str) -> User:
    """The active person with this username and password; counts a failure or forgives the past.

    Raises AuthenticationFailed (401), or Throttled (429) when the lock is closed.
    """
    user = authenticate(request, username=username, password=password)
    if lockout.is_locked_out(request):
        raise Throttled(
            wait=lockout.seconds_until(lockout.opens_at(request, {"username": username})),
            detail=str(_("Too many failed sign-ins.")),
            code="locked_out",
        )
    if not isinstance(user, User):
        raise AuthenticationFailed(_("Wrong username or password."), code="wrong_credentials")
    # What a sign-in on the page sets off: axes forgets the failures, the last sign-in is noted.
    user_logged_in.send(sender=User, request=request, user=user)
    return user


def _pair(refresh: tokens.RefreshToken) -> Response:
    response = Response(
        TokenPairSerializer(
            {
                "access": str(refresh.access_token),
                "refresh": str(refresh),
                "expires_in": int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds()),
            }
        ).data
    )
    response["Cache-Control"] = "no-store"
    return response
