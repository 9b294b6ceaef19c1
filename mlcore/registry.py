"""The active model, kept in memory by each process: the only reader of artifacts.

A process asks the database which model is active at most every `MODEL_REFRESH_SECONDS`, and reads
the files only when the answer has changed. Files that are not what was recorded are refused.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db.models import OuterRef, Subquery

from mlcore.engine import artifact
from mlcore.engine.artifact import Artifact, ArtifactError
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import FeatureSchema
from mlcore.models import Activation, ModelFiles, ModelVersion, OperatingDecision

_logger = logging.getLogger(__name__)

BUNDLED_FOLDER = Path(__file__).resolve().parent / "bundled" / "ibm"


class ModelUnavailableError(Exception):
    """No model can be used now: none is active, or its files are not what was recorded."""


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """A registered model, ready to score."""

    id: int
    version: str
    artifact: Artifact
    operating_point: OperatingPoint
    """HR's own where it was decided on, else the artifact's."""

    @property
    def schema(self) -> FeatureSchema:
        return self.artifact.schema

    @property
    def model(self) -> GlassBoxModel:
        return self.artifact.model


_BOUNDS = ("moderate_from", "threshold", "very_high_from")


class _Memory:
    """What this process knows."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.active: ActiveModel | None = None
        self.pinned: ActiveModel | None = None
        self.asked_at = float("-inf")
        self.complaint = ""


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
    newest = OperatingDecision.objects.filter(model_version=OuterRef("model_version"))[:1]
    current = (
        Activation.objects.filter(is_current=True)
        .values_list(
            "model_version_id",
            "model_version__version",
            "model_version__sha256",
            *(Subquery(newest.values(bound)) for bound in _BOUNDS),
        )
        .first()
    )
    if current is None:
        _memory.active = None
        raise ModelUnavailableError("No model is active. Run: manage.py register_bundled_model")
    pk, version, sha256, *bounds = current
    known = _memory.active
    if known is None or known.id != pk or known.artifact.sha256 != sha256:
        try:
            loaded = _load_as(version, pk, sha256)
        except ArtifactError as error:
            _memory.active = None
            # Once, and not with every request that fails until someone has seen to it.
            if _memory.complaint != (complaint := f"{version}: {error}"):
                _memory.complaint = complaint
                _logger.error("The active model cannot be used. %s", complaint)
            raise ModelUnavailableError(str(error)) from error
    else:
        loaded = known.artifact
    decided = None not in bounds
    point = OperatingPoint((bounds[0], bounds[1], bounds[2])) if decided else loaded.operating_point
    if known is None or loaded is not known.artifact or point != known.operating_point:
        known = _memory.active = ActiveModel(pk, version, loaded, point)
        _memory.complaint = ""
    _memory.asked_at = time.monotonic()
    return known


def pinned(version: ModelVersion, point: OperatingPoint) -> ActiveModel:
    """A registered model, active or not, to judge by `point`: for work that outlasts an activation.

    The process keeps the last one. Raises `ModelUnavailableError` unless its files are what was
    recorded.
    """
    kept = _memory.pinned
    if kept is None or kept.id != version.pk or kept.artifact.sha256 != version.sha256:
        known = _memory.active
        if known is not None and known.artifact.sha256 == version.sha256:
            loaded = known.artifact
        else:
            try:
                loaded = _load_as(version.version, version.pk, version.sha256)
            except ArtifactError as error:
                raise ModelUnavailableError(str(error)) from error
        kept = ActiveModel(version.pk, version.version, loaded, point)
    elif kept.operating_point != point:
        kept = replace(kept, operating_point=point)
    _memory.pinned = kept
    return kept


def in_memory(sha256: str) -> Artifact | None:
    """An artifact that this process holds already, by its hash."""
    for held in (_memory.active, _memory.pinned):
        if held is not None and held.artifact.sha256 == sha256:
            return held.artifact
    return None


def _load_as(version: str, pk: int, sha256: str) -> Artifact:
    """As `load`, for a model that will answer by this name.

    The name ends with the hash that the model was registered by: one that was altered together with
    the files would have another model answer in its name.
    """
    if not version.endswith(f"-{sha256[:8]}"):
        raise ArtifactError(
            f"The registry has {version} by the hash {sha256[:12]}…, which is another model’s.",
            "not_recorded",
        )
    return load(pk, sha256)


def load(pk: int, sha256: str) -> Artifact:
    """A registered model's artifact. Raises `ArtifactError` unless it is what was recorded."""
    files = _files(pk, sha256)
    return artifact.parse(files, expected_sha256=sha256, where="The registry")


def _files(pk: int, sha256: str) -> dict[str, bytes]:
    content = ModelFiles.objects.filter(pk=pk).values_list("content", flat=True).first()
    if content is None:
        raise ArtifactError(f"The files of the model {sha256[:12]}… are gone.", "unreadable")
    return artifact.unpack(bytes(content))


def archive(pk: int, sha256: str) -> bytes:
    """A registered model's files as a ZIP archive. Raises `ArtifactError` as `load` does."""
    files = _files(pk, sha256)
    artifact.parse(files, expected_sha256=sha256, where="The registry")
    return artifact.pack(files)


def is_loaded() -> bool:
    """Whether this process holds a model, active when it last could ask."""
    return _memory.active is not None


def forget() -> None:
    """Make this process ask again: after an activation of its own, and between tests."""
    # Whoever is asking now may have the old answer: wait, so that it is forgotten too.
    with _memory.lock:
        _memory.active = _memory.pinned = None
        _memory.asked_at = float("-inf")
        _memory.complaint = ""


def active_at(moment: datetime) -> ModelVersion | None:
    """The model that was active at a moment; None before the first activation."""
    return ModelVersion.objects.active_at(moment)


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
