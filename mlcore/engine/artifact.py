"""A model as a folder of JSON files, sealed by hashes: read as data, never executed.

`manifest.json` holds the SHA-256 of each file; its own SHA-256 is the artifact's name for ever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcore.engine.glassbox import GlassBoxModel, Table
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import FeatureSchema

FORMAT = 1
MANIFEST = "manifest.json"
_PARTS = ("schema", "model", "operating_point", "card")


class ArtifactError(Exception):
    """A folder that is not a model, or not the model it claims to be."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """All of a model that serves: nothing in it needs what trained it."""

    schema: FeatureSchema
    model: GlassBoxModel
    operating_point: OperatingPoint
    card: Mapping[str, Any]
    """How the model was made and how good it is; JSON data."""
    sha256: str = ""
    """Hash of the manifest, hence of everything; empty before `save`."""


def save(artifact: Artifact, folder: Path) -> str:
    """Write the folder and return the artifact's hash.

    The same artifact gives the same bytes, and so the same hash, on every machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "schema": artifact.schema.to_json(),
        "model": artifact.model.to_json(),
        "operating_point": artifact.operating_point.to_json(),
        "card": artifact.card,
    }
    hashes = {}
    for part, content in contents.items():
        written = _dump(content)
        (folder / f"{part}.json").write_bytes(written)
        hashes[f"{part}.json"] = _hash(written)
    manifest = _dump({"format": FORMAT, "files": hashes})
    (folder / MANIFEST).write_bytes(manifest)
    return _hash(manifest)


def load(folder: Path, *, expected_sha256: str = "") -> Artifact:
    """Read a folder, and refuse it unless every byte is what its hashes say.

    Raises `ArtifactError` when a file is missing, altered or not a model, or when the artifact is
    not the one named by `expected_sha256`.
    """
    manifest_bytes = _read(folder / MANIFEST)
    sha256 = _hash(manifest_bytes)
    if expected_sha256 and sha256 != expected_sha256:
        raise ArtifactError(
            f"{folder} holds the model {sha256[:12]}…, but {expected_sha256[:12]}… was recorded."
        )
    try:
        manifest = json.loads(manifest_bytes)
        if manifest["format"] != FORMAT:
            raise ArtifactError(f"{folder} has format {manifest['format']}, not {FORMAT}.")
        hashes = manifest["files"]
        parts: dict[str, Any] = {}
        for part in _PARTS:
            written = _read(folder / f"{part}.json")
            if _hash(written) != hashes[f"{part}.json"]:
                raise ArtifactError(f"{folder / part}.json was altered after it was written.")
            parts[part] = json.loads(written)
        schema = FeatureSchema.from_json(parts["schema"])
        model = GlassBoxModel.from_json(parts["model"])
        point = OperatingPoint.from_json(parts["operating_point"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{folder} is not a model: {error!r}") from error
    if [feature.name for feature in schema.features] != list(model.shapes):
        raise ArtifactError(f"{folder}: the model's shapes are not its schema's features.")
    for feature in schema.features:
        shape = model.shapes[feature.name]
        answers = {choice.value for choice in feature.choices}
        if isinstance(shape, Table) != bool(answers) or (
            isinstance(shape, Table) and not answers <= shape.values.keys()
        ):
            raise ArtifactError(f"{folder}: the shape of {feature.name} does not fit its schema.")
    return Artifact(schema, model, point, parts["card"], sha256)


def _dump(content: object) -> bytes:
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    return (text + "\n").encode()


def _hash(written: bytes) -> str:
    return hashlib.sha256(written).hexdigest()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{file} cannot be read: {error.strerror}.") from error
