"""A model as a folder of JSON files, sealed by hashes: read as data, never executed.

`manifest.json` holds the SHA-256 of each file; its own SHA-256 is the artifact's name for ever.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Table

FORMAT = 2
MANIFEST = "manifest.json"
_PARTS = ("schema", "model", "operating_point", "card")
FILES = (*(f"{part}.json" for part in _PARTS), MANIFEST)
LARGEST_FILE = 64 * 1024 * 1024  # bytes, unpacked

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


def files_of(artifact: Artifact) -> dict[str, bytes]:
    """The artifact as files, by name: the same bytes on every machine."""
    contents = {
        "schema": artifact.schema.to_json(),
        "model": artifact.model.to_json(),
        "operating_point": artifact.operating_point.to_json(),
        "card": artifact.card,
    }
    files = {f"{part}.json": _dump(content) for part, content in contents.items()}
    hashes = {name: _hash(content) for name, content in files.items()}
    return files | {MANIFEST: _dump({"format": FORMAT, "files": hashes})}


def save(artifact: Artifact, folder: Path) -> str:
    """Write the folder, in place of the model it may hold, and return the artifact's hash.

    Whoever reads the folder meanwhile finds the old model or the new one, never some of each: it
    is written beside its place and then renamed. Raises `ArtifactError` when the folder holds
    anything else.
    """
    files = files_of(artifact)
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
    return _hash(files[MANIFEST])


def load(folder: Path, *, expected_sha256: str = "") -> Artifact:
    """Read a folder as `parse` reads its files. Raises `ArtifactError`."""
    return parse(read(folder), expected_sha256=expected_sha256, where=str(folder))


def read(folder: Path) -> dict[str, bytes]:
    """The files of a model's folder. Raises `ArtifactError` when one cannot be read."""
    return {name: _read(folder / name) for name in FILES}


def pack(files: Mapping[str, bytes]) -> bytes:
    """Files as one ZIP archive; `unpack` gives them back."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def unpack(archive: bytes) -> dict[str, bytes]:
    """The files of a model from a ZIP archive, at its top or in one folder.

    Nothing is written, and no more is unpacked than a model may hold. Raises `ArtifactError`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            found: dict[str, bytes] = {}
            for entry in packed.infolist():
                name = entry.filename.rpartition("/")[2]
                if name not in FILES:
                    continue
                if name in found or entry.file_size > LARGEST_FILE:
                    raise ArtifactError(f"The archive holds {name} twice, or it is too large.")
                with packed.open(entry) as content:
                    found[name] = content.read(LARGEST_FILE + 1)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise ArtifactError(f"This is no readable ZIP archive: {error}.") from error
    if missing := [name for name in FILES if name not in found]:
        raise ArtifactError(f"The archive is not a model: it lacks {', '.join(missing)}.")
    return found


def parse(files: Mapping[str, bytes], *, expected_sha256: str = "", where: str = "It") -> Artifact:
    """Make a model of its files, and refuse them unless every byte is what the hashes say.

    Raises `ArtifactError` when a file is missing, altered or not a model, or when the artifact is
    not the one named by `expected_sha256`; `where` names the files in its message.
    """
    if lacking := [name for name in FILES if name not in files]:
        raise ArtifactError(f"{where} is not a model: it lacks {', '.join(lacking)}.")
    sha256 = _hash(files[MANIFEST])
    if expected_sha256 and sha256 != expected_sha256:
        raise ArtifactError(
            f"{where} holds the model {sha256[:12]}…, but {expected_sha256[:12]}… was recorded."
        )
    try:
        manifest = json.loads(files[MANIFEST])
        if manifest["format"] != FORMAT:
            raise ArtifactError(f"{where} has format {manifest['format']}, not {FORMAT}.")
        hashes = manifest["files"]
        parts: dict[str, Any] = {}
        for part in _PARTS:
            written = files[f"{part}.json"]
            if _hash(written) != hashes[f"{part}.json"]:
                raise ArtifactError(f"{where}: {part}.json was altered after it was written.")
            parts[part] = json.loads(written)
        schema = FeatureSchema.from_json(parts["schema"])
        model = GlassBoxModel.from_json(parts["model"])
        point = OperatingPoint.from_json(parts["operating_point"])
    except _NOT_A_MODEL as error:
        raise ArtifactError(f"{where} is not a model: {error!r}") from error
    if not isinstance(parts["card"], dict):
        raise ArtifactError(f"{where}: the card is no object.")
    if misfit := _misfit(schema, model):
        raise ArtifactError(f"{where}: {misfit}")
    return Artifact(schema, model, point, parts["card"], sha256)


def _misfit(schema: FeatureSchema, model: GlassBoxModel) -> str:
    """Why a model cannot score what its schema accepts; empty when it can."""
    if [feature.name for feature in schema.features] != list(model.shapes):
        return "the model's shapes are not its schema's features."
    answers = {f.name: {choice.value for choice in f.choices} for f in schema.features}
    for name, shape in model.shapes.items():
        known = shape.values.keys() if isinstance(shape, Table) else set()
        if isinstance(shape, Table) != bool(answers[name]) or known != answers[name]:
            return f"the shape of {name} does not fit its schema."
    for pair in model.pairs:
        for name, axis in zip(pair.features, pair.axes, strict=True):
            if set(axis.answers) != answers[name]:
                return f"the pair {pair.name} does not fit its schema."
    return ""


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
