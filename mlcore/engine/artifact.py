"""A model as a folder of JSON files, sealed by hashes: read as data, never executed.

`manifest.json` holds the SHA-256 of each file; its own SHA-256 is the artifact's name for ever.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

from mlcore.engine import soundness
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Table
from mlcore.engine.words import Words

FORMAT = 2
MANIFEST = "manifest.json"
_PARTS = ("schema", "model", "operating_point", "card")
FILES = (*(f"{part}.json" for part in _PARTS), MANIFEST)
LARGEST_FILE = 8 * 1024 * 1024  # bytes, unpacked
LARGEST_ARCHIVE = 16 * 1024 * 1024  # bytes
MOST_ENTRIES = 100  # of an archive; a person may have zipped the folder with something beside it

# What the archive's reader raises when it is given something else, or something broken.
_NOT_AN_ARCHIVE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    RuntimeError,
    ValueError,
    IndexError,
    OverflowError,
    EOFError,
    OSError,
)

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
    """A folder that is not a model, or not the model it claims to be.

    The text is for who runs the server; `words` tell a person, in plain words.
    """

    def __init__(self, text: str, kind: str = "not_a_model") -> None:
        super().__init__(text)
        self.kind = kind

    @property
    def words(self) -> Words:
        return REFUSALS[self.kind]


REFUSALS: Mapping[str, Words] = {
    "not_a_zip": {
        "en": "This file is no ZIP archive that can be read. Choose the file just as the other"
        " installation wrote it.",
        "fr": "Ce fichier n’est pas une archive ZIP lisible. Choisissez le fichier tel que l’autre"
        " installation l’a produit.",
    },
    "too_large": {
        "en": "This file is larger than any model: it must be something else.",
        "fr": "Ce fichier est plus volumineux que tout modèle\u00a0: il s’agit d’autre chose.",
    },
    "too_much": {
        "en": "This archive holds more than one model’s files. Pack one model’s folder alone.",
        "fr": "Cette archive contient plus que les fichiers d’un modèle. Compressez le dossier d’un"
        " seul modèle.",
    },
    "lacks_files": {
        "en": "This is no whole model: some of its files are missing.",
        "fr": "Ce n’est pas un modèle complet\u00a0: il y manque des fichiers.",
    },
    "unreadable": {
        "en": "The files of this model cannot be read.",
        "fr": "Les fichiers de ce modèle ne peuvent pas être lus.",
    },
    "altered": {
        "en": "This model was altered after it was made. Ask those who made it for the original.",
        "fr": "Ce modèle a été modifié après sa création. Demandez l’original à ceux qui l’ont"
        " produit.",
    },
    "not_recorded": {
        "en": "This is another model than the one that was recorded.",
        "fr": "Ce modèle n’est pas celui qui a été enregistré.",
    },
    "other_format": {
        "en": "This model was made by another release of the product, and this one does not read"
        " it. Train the model anew.",
        "fr": "Ce modèle a été produit par une autre version du produit, que celle-ci ne lit pas."
        " Entraînez le modèle à nouveau.",
    },
    "not_a_model": {
        "en": "This is no model that can be used: something in it is missing, or is not what a"
        " model holds.",
        "fr": "Ce n’est pas un modèle utilisable\u00a0: un élément y manque, ou n’est pas conforme"
        " à ce que contient un modèle.",
    },
}
"""What an artifact is refused for, in words for a person."""


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
    """The files of a model's folder.

    Raises `ArtifactError` when one cannot be read, or is larger than any model's.
    """
    return {name: _read(folder / name, LARGEST_FILE) for name in FILES}


def read_archive(file: Path) -> dict[str, bytes]:
    """The files of a model from a ZIP archive on disk. Raises `ArtifactError`."""
    return unpack(_read(file, LARGEST_ARCHIVE))


def pack(files: Mapping[str, bytes]) -> bytes:
    """Files as one ZIP archive; `unpack` gives them back."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def unpack(archive: bytes) -> dict[str, bytes]:
    """The files of a model from a ZIP archive, at its top or in one folder.

    Nothing is written, whatever the entries' paths say, and no more is unpacked than a model may
    hold, whatever their sizes say. Raises `ArtifactError`.
    """
    if len(archive) > LARGEST_ARCHIVE:
        raise ArtifactError("The archive is larger than any model’s.", "too_large")
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            if len(packed.infolist()) > MOST_ENTRIES:
                raise ArtifactError("The archive holds more than a model.", "too_much")
            found: dict[str, bytes] = {}
            for entry in packed.infolist():
                name = entry.filename.rpartition("/")[2]
                if name not in FILES:
                    continue
                if name in found:
                    raise ArtifactError(f"The archive holds {name} twice.", "too_much")
                # Other methods are rare, and some let a few bytes ask for gigabytes of memory.
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ArtifactError("The archive is compressed in an unusual way.", "not_a_zip")
                with packed.open(entry) as content:
                    found[name] = content.read(LARGEST_FILE + 1)
                if len(found[name]) > LARGEST_FILE:
                    raise ArtifactError(f"{name} is larger than any model’s.", "too_large")
    except _NOT_AN_ARCHIVE as error:
        raise ArtifactError(f"This is no readable ZIP archive: {error}.", "not_a_zip") from error
    if missing := [name for name in FILES if name not in found]:
        raise ArtifactError(
            f"The archive is not a model: it lacks {', '.join(missing)}.", "lacks_files"
        )
    return found


def parse(files: Mapping[str, bytes], *, expected_sha256: str = "", where: str = "It") -> Artifact:
    """Make a model of its files, and refuse them unless every byte is what the hashes say.

    Raises `ArtifactError` when a file is missing, altered or not a model, or when the artifact is
    not the one named by `expected_sha256`; `where` names the files in its message.
    """
    if lacking := [name for name in FILES if name not in files]:
        raise ArtifactError(
            f"{where} is not a model: it lacks {', '.join(lacking)}.", "lacks_files"
        )
    sha256 = _hash(files[MANIFEST])
    if expected_sha256 and sha256 != expected_sha256:
        raise ArtifactError(
            f"{where} holds the model {sha256[:12]}…, but {expected_sha256[:12]}… was recorded.",
            "not_recorded",
        )
    try:
        manifest = json.loads(files[MANIFEST])
        if manifest["format"] != FORMAT:
            raise ArtifactError(
                f"{where} has format {manifest['format']!s:.20}, not {FORMAT}.", "other_format"
            )
        hashes = manifest["files"]
        parts: dict[str, Any] = {}
        for part in _PARTS:
            written = files[f"{part}.json"]
            if _hash(written) != hashes[f"{part}.json"]:
                raise ArtifactError(
                    f"{where}: {part}.json was altered after it was written.", "altered"
                )
            parts[part] = json.loads(written, parse_constant=_no_number)
        schema = FeatureSchema.from_json(parts["schema"])
        model = GlassBoxModel.from_json(parts["model"])
        point = OperatingPoint.from_json(parts["operating_point"])
        fault = _fault(parts["card"], parts["schema"], schema, model)
    except _NOT_A_MODEL as error:
        raise ArtifactError(f"{where} is not a model: {repr(error)[:200]}") from error
    if fault:
        raise ArtifactError(f"{where}: {fault}")
    return Artifact(schema, model, point, parts["card"], sha256)


def _no_number(written: str) -> NoReturn:
    raise ValueError(f"{written} is no number of JSON's")


def _fault(card: Any, stored_schema: Any, schema: FeatureSchema, model: GlassBoxModel) -> str:
    """What is wrong with a model that could be read; empty when nothing is."""
    if not isinstance(card, dict):
        return "the card is no object."
    if fault := soundness.json_fault(card) or soundness.card_fault(card):
        return f"the card: {fault}"
    if fault := soundness.json_fault(stored_schema) or soundness.schema_fault(schema):
        return f"the schema: {fault}"
    return soundness.model_fault(model) or _misfit(schema, model)


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


def _read(file: Path, most: int) -> bytes:
    """Its bytes. Raises `ArtifactError` when it cannot be read, or holds more than `most`."""
    try:
        # A device or a pipe has no size, and may have no end.
        if not stat.S_ISREG(file.stat().st_mode):
            raise ArtifactError(f"{file} cannot be read: it is no file.", "unreadable")
        with file.open("rb") as opened:
            content = opened.read(most + 1)
    except OSError as error:
        raise ArtifactError(f"{file} cannot be read: {error.strerror}.", "unreadable") from error
    if len(content) > most:
        raise ArtifactError(f"{file} is larger than any model’s.", "too_large")
    return content
