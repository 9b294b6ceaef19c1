"""What a new password is asked, beyond what Django asks."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .demo import is_published


class PublishedPasswordValidator:
    """Nobody takes the password of the demonstration: outside development it opens no door."""

    def validate(self, password: str, user: object = None) -> None:
        if is_published(password):
            raise ValidationError(
                _("This is the password of the demonstration, which everyone knows."),
                code="password_published",
            )

    def get_help_text(self) -> str:
        return _("Your password can’t be the one of the demonstration.")
