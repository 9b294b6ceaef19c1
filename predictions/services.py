"""The only writer of predictions: score, explain, store, and only then answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from mlcore.engine.glassbox import Score
from mlcore.engine.schema import CleanFrame, CleanRow
from mlcore.registry import ActiveModel
from predictions.models import Prediction, Source

# Rows per statement when a whole file is written: bounds the memory that one statement takes.
_ROWS_PER_STATEMENT = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Who asks, by which door."""

    requested_by: User
    source: Source
    request_id: str = ""


def predict(row: CleanRow, *, using: ActiveModel, request: Request) -> Prediction:
    """Assess one employee and record it, in one statement.

    `row` must have been cleaned by the schema of `using`. What is returned has been committed,
    unless the caller's own transaction fails. Raises Django's `DatabaseError`: then nothing was
    recorded, and there is nothing to show.
    """
    prediction = _record(row, using.model.score(row), using=using, request=request)
    prediction.save()
    return prediction


def predict_many(
    rows: Sequence[CleanRow], *, using: ActiveModel, request: Request
) -> list[Prediction]:
    """Assess and record up to 1,000 employees in one statement: all of them, or none.

    (SQLite limits what one statement holds: there it is several in one transaction.)
    """
    return predict_frame(CleanFrame.from_rows(using.schema, rows), using=using, request=request)


def predict_frame(frame: CleanFrame, *, using: ActiveModel, request: Request) -> list[Prediction]:
    """Assess and record the accepted rows of a frame, in its order: all of them, or none."""
    scores = using.model.score_frame(frame)
    predictions = [
        _record(frame.row(index), scores.row(index), using=using, request=request)
        for index in range(len(frame))
    ]
    with transaction.atomic():
        Prediction.objects.bulk_create(predictions, batch_size=_ROWS_PER_STATEMENT)
    return predictions


def _record(row: CleanRow, score: Score, *, using: ActiveModel, request: Request) -> Prediction:
    point = using.operating_point
    return Prediction(
        created_at=timezone.now(),
        requested_by=request.requested_by,
        source=request.source,
        request_id=request.request_id,
        employee_id=row.employee_id,
        audit_attributes=row.audit,
        inputs=row.inputs,
        model_version_id=using.id,
        model_sha256=using.artifact.sha256,
        probability=score.probability,
        log_odds=score.log_odds,
        intercept=using.model.intercept,
        floor=using.model.floor,
        contributions=score.contributions,
        base_rate=using.model.base_rate,
        threshold=point.threshold,
        band=point.band(score.probability),
    )
