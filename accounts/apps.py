from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        from . import openapi  # noqa: F401  # to be known, an extension must be imported
        from .roles import grant_roles
        from .schedules import plan_housekeeping

        # Without a sender: each app's permissions exist only after its own post_migrate.
        post_migrate.connect(grant_roles, dispatch_uid="accounts.grant_roles")
        post_migrate.connect(plan_housekeeping, sender=self)
