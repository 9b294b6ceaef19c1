"""Stored predictions, computed again from what was asked and by the model that answered.

A record that comes out otherwise was altered, or its model was, or the code does not mean what it
meant: each is worth knowing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from mlcore import registry
from mlcore.engine.artifact import Artifact, ArtifactError
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import CleanFrame
from mlcore.models import OperatingDecision
from predictions.models.prediction import PredictionQuerySet

_COLUMNS = (
    "id",
    "created_at",
    "batch__started_at",
    "inputs",
    "model_version_id",
    "model_sha256",
    "probability",
    "log_odds",
    "intercept",
    "floor",
    "base_rate",
    "contributions",
    "threshold",
    "band",
)
# A process learns of a decision within seconds, what it has begun it ends by the old one, and two
# machines' clocks may differ.
_FOLLOWING = timedelta(minutes=1)
_MODELS_KEPT = 4

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """A prediction that could not be confirmed."""

    id: UUID
    created_at: datetime
    model_version_id: int
    columns: tuple[str, ...]
    """The columns that come out otherwise; empty when it could not be computed at all."""
    trouble: str = ""
    """Why it could not be computed."""


def replay(
    predictions: PredictionQuerySet, *, batch: int = 1000, limit: int | None = None
) -> Iterator[tuple[int, list[Finding]]]:
    """Compute predictions again, the newest first, and at most `limit` of them.

    Gives, batch by batch, how many were replayed and which of them were not confirmed to the last
    bit (but for the sign of a zero, which a database's JSON need not keep). Holds one batch in
    memory, and no transaction open between two.
    """
    models = _Models()
    last: Record | None = None
    ordered = predictions.order_by("-created_at", "-id").values(*_COLUMNS)
    left = limit
    while left is None or left > 0:
        rest = ordered
        if last is not None:
            same_moment = Q(created_at=last["created_at"], id__lt=last["id"])
            rest = ordered.filter(
                Q(created_at__lt=last["created_at"]) | same_moment,
                created_at__lte=last["created_at"],
            )
        records: list[Record] = list(rest[: batch if left is None else min(batch, left)])
        if not records:
            return
        left = None if left is None else left - len(records)
        last = records[-1]
        findings: list[Finding] = []
        for key in dict.fromkeys((r["model_version_id"], r["model_sha256"]) for r in records):
            of_model = [r for r in records if (r["model_version_id"], r["model_sha256"]) == key]
            findings.extend(_of_one_model(models, *key, of_model))
        yield len(records), findings


def _of_one_model(
    models: _Models, pk: int, sha256: str, records: list[Record]
) -> Iterator[Finding]:
    try:
        model, points = models.get(pk, sha256)
    except ArtifactError as error:
        for record in records:
            yield _finding(record, (), str(error))
        return
    try:
        yield from _differences(model, points, records)
    except (KeyError, TypeError, ValueError, OverflowError):
        # Inputs that this model cannot have been asked: find out whose they are. (What they are is
        # personal, and stays out of the terminal.)
        if len(records) == 1:
            yield _finding(records[0], (), "the inputs are not this model’s")
            return
        for record in records:
            yield from _of_one_model(models, pk, sha256, [record])


def _differences(artifact: Artifact, points: list[_Point], records: list[Record]) -> list[Finding]:
    # They were stored clean: to clean them again could hide what was altered.
    names = [feature.name for feature in artifact.schema.features]
    for record in records:
        if not isinstance(record["inputs"], dict) or record["inputs"].keys() != set(names):
            raise KeyError("other names")
    columns = {name: [record["inputs"][name] for record in records] for name in names}
    blank: list[str] = [""] * len(records)
    frame = CleanFrame(blank, columns, {}, list(range(len(records))), {})
    model = artifact.model
    scores = model.score_frame(frame)
    parts = zip(*(column.tolist() for column in scores.contributions.values()), strict=True)
    found = []
    for record, log_odds, probability, values in zip(
        records, scores.log_odds.tolist(), scores.probability.tolist(), parts, strict=True
    ):
        computed = {
            "probability": probability,
            "log_odds": log_odds,
            "intercept": model.intercept,
            "floor": model.floor,
            "base_rate": model.base_rate,
            "contributions": dict(zip(scores.contributions, values, strict=True)),
        }
        differing = [name for name, value in computed.items() if record[name] != value]
        differing += _judged_otherwise(record, probability, points)
        if differing:
            found.append(_finding(record, tuple(differing)))
    return found


def _finding(record: Record, columns: tuple[str, ...], trouble: str = "") -> Finding:
    return Finding(record["id"], record["created_at"], record["model_version_id"], columns, trouble)


# ------------------------------------------------------------------ what it was judged by


@dataclass(frozen=True, slots=True)
class _Point:
    """An operating point, and between which moments a prediction may have been judged by it."""

    since: datetime | None
    until: datetime | None
    point: OperatingPoint


def _judged_otherwise(record: Record, probability: float, points: Sequence[_Point]) -> list[str]:
    # A file is judged to its last row by what was in force when it was begun.
    moment = record["batch__started_at"] or record["created_at"]
    in_force = [
        each.point
        for each in points
        if (each.since is None or each.since <= moment)
        and (each.until is None or moment <= each.until)
        and each.point.threshold == record["threshold"]
    ]
    if not in_force:
        return ["threshold"]
    return [] if record["band"] in {point.band(probability) for point in in_force} else ["band"]


class _Models:
    """The models met so far: few, for each takes memory."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], tuple[Artifact, list[_Point]] | ArtifactError] = {}

    def get(self, pk: int, sha256: str) -> tuple[Artifact, list[_Point]]:
        """A model by its recorded hash. Raises `ArtifactError` when it is not there any more."""
        if (kept := self._kept.get((pk, sha256))) is None:
            if len(self._kept) >= _MODELS_KEPT:
                self._kept.clear()
            try:
                artifact = registry.load(pk, sha256)
                kept = artifact, _points(pk, artifact)
            except ArtifactError as error:
                kept = error
            self._kept[pk, sha256] = kept
        if isinstance(kept, ArtifactError):
            raise kept
        return kept


def _points(pk: int, artifact: Artifact) -> list[_Point]:
    decisions = OperatingDecision.objects.filter(model_version=pk).order_by("decided_at", "id")
    steps: list[tuple[datetime | None, OperatingPoint]] = [(None, artifact.operating_point)]
    steps += [(decision.decided_at, decision.operating_point) for decision in decisions]
    ends = [since for since, _point in steps[1:]]
    return [
        _Point(since and since - _FOLLOWING, until and until + _FOLLOWING, point)
        for (since, point), until in zip(steps, [*ends, None], strict=True)
    ]
