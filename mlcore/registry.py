"""The active model, kept in memory by each process: the only reader of artifacts.

A process asks the database which model is active at most every `MODEL_REFRESH_SECONDS`, and reads
the files only when the answer has changed. A file that is not what was recorded is refused.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from mlcore.engine import artifact
from mlcore.engine.artifact import Artifact, ArtifactError
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import FeatureSchema
from mlcore.models import Activation, ModelVersion

BUNDLED_FOLDER = Path(__file__).resolve().parent / "bundled" / "ibm"
_BUNDLED = "bundled"


class ModelUnavailableError(Exception):
    """No model can be used now: none is active, or its files are not what was recorded."""


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """A registered model, ready to score."""

    id: int
    version: str
    artifact: Artifact

    @property
    def schema(self) -> FeatureSchema:
        return self.artifact.schema

    @property
    def model(self) -> GlassBoxModel:
        return self.artifact.model

    @property
    def operating_point(self) -> OperatingPoint:
        return self.artifact.operating_point


class _Memory:
    """What this process knows."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.active: ActiveModel | None = None
        self.asked_at = float("-inf")


_memory = _Memory()


def active() -> ActiveModel:
    """The active model.

    Raises `ModelUnavailableError`, or Django's `OperationalError` when the database cannot say.
    """
    if known := _fresh():
        return known
    with _memory.lock:
        # Whoever waited here finds the answer of the one who asked.
        return _fresh() or _ask()


def _fresh() -> ActiveModel | None:
    known = _memory.active
    if known and time.monotonic() - _memory.asked_at < settings.MODEL_REFRESH_SECONDS:
        return known
    return None


def _ask() -> ActiveModel:
    current = (
        Activation.objects.filter(is_current=True)
        .values_list(
            "model_version_id",
            "model_version__version",
            "model_version__sha256",
            "model_version__folder",
        )
        .first()
    )
    if current is None:
        _memory.active = None
        raise ModelUnavailableError("No model is active. Run: manage.py register_bundled_model")
    pk, version, sha256, folder = current
    known = _memory.active
    if known is None or known.id != pk or known.artifact.sha256 != sha256:
        try:
            loaded = artifact.load(folder_path(folder), expected_sha256=sha256)
        except ArtifactError as error:
            _memory.active = None
            raise ModelUnavailableError(str(error)) from error
        known = _memory.active = ActiveModel(pk, version, loaded)
    _memory.asked_at = time.monotonic()
    return known


def is_loaded() -> bool:
    """Whether this process holds a model, active when it last could ask."""
    return _memory.active is not None


def forget() -> None:
    """Make this process ask again: after an activation of its own, and between tests."""
    # Whoever is asking now may have the old answer: wait, so that it is forgotten too.
    with _memory.lock:
        _memory.active = None
        _memory.asked_at = float("-inf")


def folder_path(stored: str) -> Path:
    """Where an artifact lies; the bundled one moves with the code."""
    return BUNDLED_FOLDER if stored == _BUNDLED else Path(stored)


def stored_folder(folder: Path) -> str:
    """What to store so that `folder_path` finds `folder` again."""
    return _BUNDLED if folder.resolve() == BUNDLED_FOLDER else str(folder.resolve())


def is_bundled(version: ModelVersion) -> bool:
    """Whether a model ships with the code, or once did."""
    return version.folder == _BUNDLED


def schema_of(version: ModelVersion) -> FeatureSchema:
    """The schema by which a stored prediction is read, from the database's copy."""
    schema = _schemas.get(version.sha256)
    if schema is None:
        if len(_schemas) >= _MOST_SCHEMAS:
            _schemas.clear()
        schema = _schemas[version.sha256] = FeatureSchema.from_json(version.schema)
    return schema


_MOST_SCHEMAS = 32
_schemas: dict[str, FeatureSchema] = {}
