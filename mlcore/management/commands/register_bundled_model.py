from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from mlcore import registry, services
from mlcore.models import Activation


class Command(BaseCommand):
    """An installation has a model to work with from its first minute.

    Run at every start: it registers the model that ships with the code, and activates it only where
    no model was ever chosen.
    """

    help = "Register the bundled model, and activate it if no model is active."

    def handle(self, *args: Any, **options: Any) -> None:
        version = services.register(folder=registry.BUNDLED_FOLDER)
        if not Activation.objects.filter(is_current=True).exists():
            services.activate(version=version, reason="The bundled model, at installation.")
            self.stdout.write(f"Activated the bundled model {version}.")
