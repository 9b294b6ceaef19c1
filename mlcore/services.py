"""What is done to the registry: a model is registered, and put to work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db import transaction

from mlcore import registry
from mlcore.engine import artifact
from mlcore.engine.artifact import ArtifactError
from mlcore.models import Activation, ModelFiles, ModelVersion, Origin

if TYPE_CHECKING:
    from accounts.models import User


def register(*, files: Mapping[str, bytes], origin: Origin, by: User | None = None) -> ModelVersion:
    """Register the artifact in `files`; one that is known already is given back.

    A known one whose kept files are no longer what was recorded gets them back.
    Raises `ArtifactError` when the files are not an unaltered model.
    """
    loaded = artifact.parse(files)
    content = artifact.pack(files)
    with transaction.atomic():
        version, created = ModelVersion.objects.get_or_create(
            sha256=loaded.sha256,
            defaults={
                "version": f"{loaded.card.get('name', 'model')}-{loaded.sha256[:8]}",
                "origin": origin,
                "schema": loaded.schema.to_json(),
                "card": loaded.card,
                "registered_by": by,
            },
        )
        if created or not _is_intact(version):
            ModelFiles.objects.update_or_create(
                model_version=version, defaults={"content": content}
            )
    return version


def _is_intact(version: ModelVersion) -> bool:
    try:
        registry.load(version.pk, version.sha256)
    except ArtifactError:
        return False
    return True


def activate(*, version: ModelVersion, reason: str, by: User | None = None) -> Activation:
    """Put a model to work in place of the active one.

    Raises `ArtifactError` when its files are not what was recorded: such a model stays idle.
    """
    registry.load(version.pk, version.sha256)
    with transaction.atomic():
        # Activations go one after the other, or the second would violate the constraint that one
        # model is active: any row that all of them lock will do. (SQLite has one writer anyway.)
        ModelVersion.objects.select_for_update().order_by("pk").first()
        Activation.objects.filter(is_current=True).update(is_current=False)
        activation = Activation.objects.create(
            model_version=version, activated_by=by, reason=reason
        )
        # Whoever asks before the commit is told of the old one.
        transaction.on_commit(registry.forget)
    registry.forget()
    return activation
