from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mlcore import activation_reasons, registry, services
from mlcore.engine import artifact
from mlcore.engine.artifact import ArtifactError
from mlcore.models import ModelVersion, Origin


class Command(BaseCommand):
    """An installation has a model to work with from its first minute, and after each upgrade.

    Run at every start: it registers the model that ships with the code, and activates it where no
    model was ever chosen, or where the active one shipped with an earlier release and is gone.
    """

    help = "Register the bundled model, and activate it if no other model was chosen."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = services.register(
                files=artifact.read(registry.BUNDLED_FOLDER), origin=Origin.BUNDLED
            )
        except ArtifactError as error:
            raise CommandError(
                f"The model that ships with the code cannot be used. {error}\n"
                f"Restore its folder, {registry.BUNDLED_FOLDER}, from the release."
            ) from error
        active = ModelVersion.objects.filter(activations__is_current=True).first()
        if active is None:
            reason = activation_reasons.AT_INSTALLATION
        elif active != version and active.origin == Origin.BUNDLED:
            reason = activation_reasons.new_release(active)
        else:
            return
        services.activate(version=version, reason=reason)
        self.stdout.write(f"Activated the bundled model {version}.")
