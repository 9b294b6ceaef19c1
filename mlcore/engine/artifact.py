"""A model as a folder of JSON files, sealed by hashes: read as data, never executed.

`manifest.json` holds the SHA-256 of each file; its own SHA-256 is the artifact's name for ever.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from mlcore.engine.glassbox import GlassBoxModel, Table
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import FeatureSchema

FORMAT = 1
MANIFEST = "manifest.json"
_PARTS = ("schema", "model", "operating_point", "card")

# What reading a model raises when it is given JSON that is none, or no JSON at all.
_NOT_A_MODEL = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
)


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
    """Write the folder, in place of the model it may hold, and return the artifact's hash.

    The same artifact gives the same bytes, and so the same hash, on every machine. Whoever reads
    the folder meanwhile finds the old model or the new one, never some of each: it is written
    beside its place and then renamed. Raises `ArtifactError` when the folder holds anything else.
    """
    contents = {
        "schema": artifact.schema.to_json(),
        "model": artifact.model.to_json(),
        "operating_point": artifact.operating_point.to_json(),
        "card": artifact.card,
    }
    files = {f"{part}.json": _dump(content) for part, content in contents.items()}
    manifest = _dump({"format": FORMAT, "files": {name: _hash(b) for name, b in files.items()}})
    files[MANIFEST] = manifest

    folder = folder.resolve()
    if folder.exists() and (foreign := {entry.name for entry in folder.iterdir()} - files.keys()):
        raise ArtifactError(f"{folder} holds more than a model: {', '.join(sorted(foreign)[:5])}.")
    beside = f".{folder.name}.{uuid4().hex}"
    written, replaced = folder.with_name(f"{beside}.new"), folder.with_name(f"{beside}.old")
    try:
        written.mkdir(parents=True)
        for name, content in files.items():
            (written / name).write_bytes(content)
        if folder.exists():
            folder.rename(replaced)
        written.rename(folder)
    except BaseException:
        if replaced.exists() and not folder.exists():
            replaced.rename(folder)
        raise
    finally:
        for leftover in (written, replaced):
            shutil.rmtree(leftover, ignore_errors=True)
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
    except _NOT_A_MODEL as error:
        raise ArtifactError(f"{folder} is not a model: {error!r}") from error
    if not isinstance(parts["card"], dict):
        raise ArtifactError(f"{folder}: the card is no object.")
    if [feature.name for feature in schema.features] != list(model.shapes):
        raise ArtifactError(f"{folder}: the model's shapes are not its schema's features.")
    for feature in schema.features:
        shape = model.shapes[feature.name]
        answers = {choice.value for choice in feature.choices}
        known = shape.values.keys() if isinstance(shape, Table) else set()
        if isinstance(shape, Table) != bool(answers) or known != answers:
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
