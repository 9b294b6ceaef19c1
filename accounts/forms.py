"""What people fill in about themselves."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .models import User

KEPT_PASSWORD = _("The accounts of the demonstration keep their password, for who visits next.")


class OwnPasswordForm(PasswordChangeForm):
    """Asks for the old password as a sign-in does: a wrong one counts towards the lockout, so that
    a session left open is no place to guess it.
    """

    def __init__(self, user: User, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self._request = request

    def clean(self) -> dict[str, Any]:
        if settings.DEMO:
            raise ValidationError(KEPT_PASSWORD, code="demonstration")
        return super().clean() or {}

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if authenticate(self._request, username=self.user.username, password=password) is None:
            raise ValidationError(
                self.error_messages["password_incorrect"], code="password_incorrect"
            )
        return password
