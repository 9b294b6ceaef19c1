from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class MlcoreConfig(AppConfig):
    name = "mlcore"
    verbose_name = _("Models")

    def ready(self) -> None:
        from mlcore import append_only
        from mlcore.schedules import plan_trainings

        append_only.guard(self, "mlcore_operatingdecision")
        post_migrate.connect(plan_trainings, sender=self)
