"""The JSON Web Tokens of the API: a short access token, and a refresh token that works once.

A refresh token's id (`jti`) is "<sign-in>.<random>": every token that rotation derives from one
sign-in shares the first part, so the whole line can be revoked at once. What stands in
simplejwt's blacklist has been used. Of a sign-in that was revoked nothing is kept: a token that
this installation does not know of buys nothing.

An access token names the refresh token it came with. When that is not known any more, its holder
has signed out, and the access token is refused with it.

Both kinds of token carry a fingerprint of the password they were issued under, so that a new
password ends them all.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken
from rest_framework_simplejwt.tokens import RefreshToken as LibraryRefreshToken

from .models import User

logger = logging.getLogger(__name__)

USER_CLAIM = "sub"
FINGERPRINT_CLAIM = "fpr"
REFRESH_CLAIM = "rid"

# A client with several threads, or one whose answer was lost, sends a token twice within moments:
# the second is refused and nothing else happens. Later than this, someone holds a copy.
REPLAY_GRACE = timedelta(seconds=10)


class RefreshToken(LibraryRefreshToken):
    @property
    def access_token(self) -> AccessToken:
        """A new access token of the same sign-in."""
        access: AccessToken = super().access_token
        access[REFRESH_CLAIM] = self["jti"]
        return access

    def check_blacklist(self) -> None:
        """Leave the question to `rotate`, where the answer and the use are one step.

        The library asks here, before anything is written, so that two requests at once are both
        told that the token is unused.
        """


def fingerprint(user: User) -> str:
    """What changes when the user's password does, and tells nothing about it: 128 bits, in hex."""
    return salted_hmac("accounts.tokens", user.password, algorithm="sha256").hexdigest()[:32]


def check_holder(user: User, claims: Any) -> None:
    """Raise TokenError unless a token with these claims may still speak for `user`.

    Whether the sign-in has ended is known where the person was loaded with it.
    """
    if not user.is_active:
        raise TokenError(_("This account has been deactivated."))
    if not constant_time_compare(str(claims.get(FINGERPRINT_CLAIM)), fingerprint(user)):
        raise TokenError(_("The password has changed since this token was issued. Sign in again."))
    if user.signed_out:
        raise TokenError(_("This sign-in has ended. Sign in again."))


def read(token_class: type[Any], raw: str | bytes) -> Any:
    """The verified token. Raises TokenError, in words, when it is forged, expired or of another
    kind."""
    try:
        return token_class(raw)
    except ExpiredTokenError as error:
        raise TokenError(_("The token has expired.")) from error
    except TokenError as error:
        raise TokenError(_("The token is not valid.")) from error


def issue(user: User) -> RefreshToken:
    """A refresh token for a new sign-in; its `access_token` belongs to it."""
    # Tokens that have run out prove nothing more: each sign-in sweeps up its person's own.
    OutstandingToken.objects.filter(user=user, expires_at__lt=timezone.now()).delete()
    return _new_token(user, sign_in=uuid4().hex)


def rotate(raw: str) -> RefreshToken:
    """Use up a refresh token, and give the next one of the same sign-in.

    Raises TokenError when it is not valid, was used or revoked before, or when its holder is gone,
    deactivated or has a new password. A token that comes back after it was used is in two hands,
    the owner's and a thief's, and nobody can tell which is which: the whole sign-in is revoked.
    """
    token = read(RefreshToken, raw)
    with transaction.atomic():
        user = _holder(token)
        check_holder(user, token.payload)
        if _consume(token):
            return _new_token(user, sign_in=_sign_in(token))
    raise TokenError(_("This refresh token has already been used or revoked."))


def revoke(raw: str) -> None:
    """End the sign-in that a refresh token belongs to, its access tokens included, at once.

    Doing it again changes nothing. Raises TokenError when the token is not valid.
    """
    token = read(RefreshToken, raw)
    with transaction.atomic():
        _holder(token)
        _revoke_sign_in(_sign_in(token))


def revoke_all(user: User) -> None:
    """End every sign-in of a program as `user`."""
    OutstandingToken.objects.filter(user=user).delete()


def revoke_all_of_inactive(sender: Any, instance: User, **kwargs: Any) -> None:
    """Receives `post_save`: whoever is deactivated, and let in again later, signs in anew."""
    if not instance.is_active:
        revoke_all(instance)


def _holder(token: RefreshToken) -> User:
    """The token's person, their row locked: rotations and revocations of one person take turns.

    Not a full lock, so that predictions, which refer to the row, can go on meanwhile.
    """
    try:
        return User.objects.select_for_update(no_key=True).get(pk=token[USER_CLAIM])
    except (KeyError, TypeError, ValueError, User.DoesNotExist) as error:
        raise TokenError(_("There is no account for this token.")) from error


def _sign_in(token: RefreshToken) -> str:
    return str(token["jti"]).partition(".")[0]


def _new_token(user: User, *, sign_in: str) -> RefreshToken:
    token = RefreshToken()
    token["jti"] = f"{sign_in}.{uuid4().hex}"
    token[USER_CLAIM] = str(user.pk)
    token[FINGERPRINT_CLAIM] = fingerprint(user)
    OutstandingToken.objects.create(
        user=user,
        jti=token["jti"],
        token="",  # the id is enough; a copy of the database must not be a bunch of keys
        created_at=token.current_time,
        expires_at=datetime.fromtimestamp(token["exp"], UTC),
    )
    return token


def _consume(token: RefreshToken) -> bool:
    """Whether this call, and no other, used the token up: the database takes its id only once."""
    issued = OutstandingToken.objects.filter(jti=token["jti"]).first()
    if issued is None:
        return False
    try:
        with transaction.atomic():
            BlacklistedToken.objects.create(token=issued)
    except IntegrityError:
        used_at = BlacklistedToken.objects.get(token=issued).blacklisted_at
        if timezone.now() - used_at > REPLAY_GRACE:
            logger.warning("A used refresh token of person %s came back.", token[USER_CLAIM])
            _revoke_sign_in(_sign_in(token))
        return False
    return True


def _revoke_sign_in(sign_in: str) -> None:
    OutstandingToken.objects.filter(jti__startswith=f"{sign_in}.").delete()


__all__ = [
    "AccessToken",
    "RefreshToken",
    "TokenError",
    "check_holder",
    "issue",
    "read",
    "revoke",
    "revoke_all",
    "rotate",
]
