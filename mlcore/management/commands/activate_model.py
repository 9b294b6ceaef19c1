from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlcore import services
from mlcore.engine.artifact import ArtifactError
from mlcore.models import ModelVersion


class Command(BaseCommand):
    """Whoever runs the server can put a model to work when no second administrator is at hand.

    The record says that nobody approved it, and nobody's name but the reason.
    """

    help = "Activate a model at once, without a second administrator; on record as by nobody."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", help="for example ibm-1a2b3c4d")
        parser.add_argument("--reason", required=True, help="stays on record")

    def handle(self, *args: Any, **options: Any) -> None:
        version = ModelVersion.objects.filter(version=options["version"]).first()
        if version is None:
            known = ", ".join(ModelVersion.objects.values_list("version", flat=True)) or "none"
            raise CommandError(f"There is no model {options['version']!r}. Registered: {known}.")
        try:
            services.activate(version=version, reason=options["reason"])
        except (services.RefusedError, ArtifactError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Activated {version}.")
