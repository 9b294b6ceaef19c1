from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class PredictionsConfig(AppConfig):
    name = "predictions"
    verbose_name = _("Predictions")

    def ready(self) -> None:
        from django_q.signals import post_spawn

        from mlcore import append_only
        from predictions import checks
        from predictions.schedules import plan_batches, resume_at_once

        append_only.guard(self, "predictions_prediction")
        register(checks.check_records, Tags.database)
        post_migrate.connect(plan_batches, sender=self)
        post_spawn.connect(resume_at_once)
