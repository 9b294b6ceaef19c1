from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MlcoreConfig(AppConfig):
    name = "mlcore"
    verbose_name = _("Models")

    def ready(self) -> None:
        from mlcore import append_only

        append_only.guard(self, "mlcore_operatingdecision")
