from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlcore import services
from mlcore.engine.artifact import ArtifactError


class Command(BaseCommand):
    """A model that was made elsewhere comes in by this door, and is not active for that.

    Its files are data: nothing in them is executed.
    """

    help = "Register a model from a folder or a ZIP archive; it is not activated."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="the model's folder, or its ZIP archive")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = services.import_model(options["path"])
        except (ArtifactError, services.RefusedError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Registered {version}. To use it: manage.py activate_model {version}")
