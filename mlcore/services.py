"""What is done to the registry: a model is registered, and put to work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction

from mlcore import registry
from mlcore.engine import artifact
from mlcore.engine.artifact import ArtifactError
from mlcore.models import Activation, ModelVersion

if TYPE_CHECKING:
    from accounts.models import User


def register(*, folder: Path, by: User | None = None) -> ModelVersion:
    """Register the artifact in `folder`; one that is known already is given back.

    A known one whose recorded folder no longer holds it is found in `folder` from now on.
    Raises `ArtifactError` when the folder is not an unaltered model.
    """
    loaded = artifact.load(folder)
    version, created = ModelVersion.objects.get_or_create(
        sha256=loaded.sha256,
        defaults={
            "version": f"{loaded.card.get('name', 'model')}-{loaded.sha256[:8]}",
            "folder": registry.stored_folder(folder),
            "schema": loaded.schema.to_json(),
            "card": loaded.card,
            "registered_by": by,
        },
    )
    if not created and not _is_intact(version):
        version.folder = registry.stored_folder(folder)
        version.save(update_fields=["folder"])
    return version


def _is_intact(version: ModelVersion) -> bool:
    try:
        artifact.load(registry.folder_path(version.folder), expected_sha256=version.sha256)
    except ArtifactError:
        return False
    return True


def activate(*, version: ModelVersion, reason: str, by: User | None = None) -> Activation:
    """Put a model to work in place of the active one.

    Raises `ArtifactError` when its files are not what was recorded: such a model stays idle.
    """
    artifact.load(registry.folder_path(version.folder), expected_sha256=version.sha256)
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
