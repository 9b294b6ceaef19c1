from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _


class PredictionsConfig(AppConfig):
    name = "predictions"
    verbose_name = _("Predictions")

    def ready(self) -> None:
        from mlcore import append_only
        from predictions import checks

        append_only.guard(self, "predictions_prediction")
        register(checks.check_records, Tags.database)
