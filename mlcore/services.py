"""What is done to the registry: a model is registered, put to work, and told how to judge.

The doors of the product call what is named here; `activation` and `operating_decisions` hold the
part that people decide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction

from mlcore import registry
from mlcore.activation import (
    activate,
    approve,
    decline,
    previous,
    propose_activation,
    roll_back,
    withdraw,
)
from mlcore.engine import artifact
from mlcore.engine.artifact import ArtifactError
from mlcore.engine.card_shape import card_shape_fault
from mlcore.engine.schema import FeatureSchema
from mlcore.models import ModelFiles, ModelVersion, Origin
from mlcore.operating_decisions import decide_operating_point
from mlcore.refusals import RefusedError

if TYPE_CHECKING:
    from accounts.models import User

__all__ = [
    "RefusedError",
    "activate",
    "approve",
    "decide_operating_point",
    "decline",
    "import_model",
    "previous",
    "propose_activation",
    "register",
    "roll_back",
    "withdraw",
]


def register(*, files: Mapping[str, bytes], origin: Origin, by: User | None = None) -> ModelVersion:
    """Register the artifact in `files`; one that is known already is given back.

    A known one whose kept files are no longer what was recorded gets them back.
    Raises `ArtifactError` when the files are not an unaltered model, or one whose schema, kept as
    a copy, could not be read again.
    """
    loaded = artifact.parse(files)
    schema = _kept_schema(loaded.schema)
    content = artifact.pack(files)
    with transaction.atomic():
        version, created = ModelVersion.objects.get_or_create(
            sha256=loaded.sha256,
            defaults={
                "version": f"{loaded.card.get('name', 'model')}-{loaded.sha256[:8]}",
                "origin": origin,
                "schema": schema,
                "card": loaded.card,
                "registered_by": by,
            },
        )
        if created or not _is_intact(version):
            ModelFiles.objects.update_or_create(
                model_version=version, defaults={"content": content}
            )
    return version


def import_model(archive: Path | bytes, *, by: User | None = None) -> ModelVersion:
    """Register a model that was made elsewhere: a ZIP archive's bytes, its file, or a folder.

    It is read as data, within limits: nothing in it is executed, and nothing half registered. One
    that is known already is given back. Raises `ArtifactError`.
    """
    if isinstance(archive, bytes):
        files = artifact.unpack(archive)
    elif archive.is_dir():
        files = artifact.read(archive)
    else:
        files = artifact.read_archive(archive)
    if fault := card_shape_fault(artifact.parse(files).card):
        raise ArtifactError(f"The card cannot be shown: {fault}")
    return register(files=files, origin=Origin.IMPORTED, by=by)


def _kept_schema(schema: FeatureSchema) -> dict[str, Any]:
    """A schema as the database keeps it, once it was read again: each page begins with that."""
    kept = schema.to_json()
    try:
        again = FeatureSchema.from_json(json.loads(json.dumps(kept)))
    except (LookupError, TypeError, ValueError) as error:
        raise ArtifactError(f"The schema cannot be read again: {repr(error)[:200]}") from error
    if again != schema:
        raise ArtifactError("The schema does not stay what it is when it is kept.")
    return kept


def _is_intact(version: ModelVersion) -> bool:
    try:
        registry.load(version.pk, version.sha256)
    except ArtifactError:
        return False
    return True
