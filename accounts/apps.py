from __future__ import annotations

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate, post_save, pre_save
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        from axes.models import AccessAttempt

        from . import openapi  # noqa: F401  # to be known, an extension must be imported
        from .lockout import keep_no_form
        from .roles import grant_roles
        from .schedules import plan_housekeeping
        from .sessions import begin_session
        from .tokens import revoke_all_of_inactive

        # Without a sender: each app's permissions exist only after its own post_migrate.
        post_migrate.connect(grant_roles, dispatch_uid="accounts.grant_roles")
        post_migrate.connect(plan_housekeeping, sender=self)
        user_logged_in.connect(begin_session, dispatch_uid="accounts.begin_session")
        post_save.connect(revoke_all_of_inactive, sender=self.get_model("User"))
        pre_save.connect(keep_no_form, sender=AccessAttempt)
