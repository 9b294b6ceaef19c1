from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class PredictionsConfig(AppConfig):
    name = "predictions"
    verbose_name = _("Predictions")

    def ready(self) -> None:
        from predictions import append_only, checks

        post_migrate.connect(append_only.install_after_migrate, sender=self)
        register(checks.check_records, Tags.database)
