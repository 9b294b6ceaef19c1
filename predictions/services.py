"""The only writer of predictions: score, explain, store, and only then answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Field
from django.utils import timezone

from accounts.models import User
from mlcore.engine.glassbox import Score, Scores
from mlcore.engine.schema import CleanFrame, CleanRow
from mlcore.registry import ActiveModel
from predictions import bulk
from predictions.models import Batch, Prediction, Source

listeners: list[Callable[[str, Sequence[str]], None]] = []
"""Called with the door and the levels of risk of predictions, once they are committed. They must
not fail: what was recorded is."""


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
    score = using.model.score(row)
    band = using.operating_point.band(score.probability)
    prediction = Prediction(**_same_for_all(using, request), **_own(row, score, band))
    _insert(prediction)
    _tell(request, [band])
    return prediction


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """Employees who were assessed and recorded together, by column, all in one order."""

    ids: Sequence[str]
    """Of the records, 32 hexadecimal digits each."""
    frame: CleanFrame
    scores: Scores
    bands: Sequence[str]
    shared: Mapping[str, Any]
    """What the records have in common, by field."""

    def predictions(self) -> list[Prediction]:
        """The records, one by one."""
        made = []
        for index, number in enumerate(self.ids):
            own = _own(self.frame.row(index), self.scores.row(index), self.bands[index])
            prediction = Prediction(id=UUID(number), **self.shared, **own)
            prediction._state.adding, prediction._state.db = False, connection.alias
            made.append(prediction)
        return made


def predict_frame(frame: CleanFrame, *, using: ActiveModel, request: Request) -> Recorded:
    """Assess and record the accepted rows of a frame, in its order: all of them, or none."""
    scores = using.model.score_frame(frame)
    shared = _same_for_all(using, request)
    assessed = bulk.Assessed(
        ids=bulk.time_ordered_ids(len(frame)),
        frame=frame,
        scores=scores,
        bands=_bands(scores, using),
    )
    _write(assessed, shared)
    _tell(request, assessed.bands)
    return Recorded(
        ids=assessed.ids, frame=frame, scores=scores, bands=assessed.bands, shared=shared
    )


def record_frame(
    frame: CleanFrame,
    scores: Scores,
    *,
    using: ActiveModel,
    request: Request,
    batch: Batch,
    rows: Sequence[int],
    groups: Mapping[str, Sequence[str]],
    given: Mapping[str, Sequence[str | None]] = MappingProxyType({}),
) -> list[str]:
    """Record the accepted rows of a part of a file, and give the level of risk of each.

    `scores` are those of `frame` by the model of `using`; `rows` are the lines of the file, and
    `groups` by name the texts, in the frame's order, and `given` by field what the file said where
    a person told what it means. All of them are recorded, or none. Raises Django's `DatabaseError`;
    `IntegrityError` when one of the rows has been recorded before.
    """
    assessed = bulk.Assessed(
        ids=bulk.time_ordered_ids(len(frame)),
        frame=frame,
        scores=scores,
        bands=(bands := _bands(scores, using)),
        lines=rows,
        groups=groups,
        given=given,
    )
    _write(assessed, _same_for_all(using, request) | {"batch_id": batch.pk})
    _tell(request, bands)
    return bands


def _insert(prediction: Prediction) -> None:
    """Write one, by a statement that Django would put together anew each time."""
    fields, statement = _insertion()
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            [
                field.get_db_prep_save(getattr(prediction, field.attname), connection)
                for field in fields
            ],
        )
    prediction._state.adding, prediction._state.db = False, connection.alias


@cache
def _insertion() -> tuple[Sequence[Field[Any, Any]], str]:
    fields = Prediction._meta.concrete_fields
    return fields, _statement([field.attname for field in fields])


def _statement(columns: Sequence[str]) -> str:
    """Inserts a row into these columns of the table."""
    places = ", ".join(["%s"] * len(columns))
    into = f"{Prediction._meta.db_table} ({', '.join(columns)})"
    return f"INSERT INTO {into} VALUES ({places})"  # noqa: S608 (our own names)


def _write(assessed: bulk.Assessed, same: Mapping[str, Any]) -> None:
    """Write rows that have `same` in common, by field; what is named nowhere is null."""
    fields = {field.attname: field for field in Prediction._meta.concrete_fields}
    values = [fields[name].get_db_prep_save(value, connection) for name, value in same.items()]
    columns = (*same, *assessed.columns)
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        if connection.vendor == "postgresql":

            def copy(statement: str, *_: Any) -> None:
                # Django translates the errors of `copy` itself, and not those of what is written.
                with connection.wrap_database_errors, cursor.copy(statement) as written:
                    for text in bulk.copied(assessed, values):
                        written.write(text)

            into = f"{Prediction._meta.db_table} ({', '.join(columns)})"
            # As every other statement: what is hung around those sees this one too.
            cursor._execute_with_wrappers(f"COPY {into} FROM STDIN", None, False, copy)
        else:
            cursor.executemany(_statement(columns), list(bulk.inserted(assessed, values)))


def _tell(request: Request, bands: Sequence[str]) -> None:
    """Tell whoever counts predictions, once these are committed."""
    for listener in listeners:
        if connection.in_atomic_block:
            transaction.on_commit(partial(listener, str(request.source), bands), robust=True)
        else:
            listener(str(request.source), bands)


def _bands(scores: Scores, using: ActiveModel) -> list[str]:
    return [using.operating_point.band(p) for p in scores.probability.tolist()]


def _same_for_all(using: ActiveModel, request: Request) -> dict[str, Any]:
    """What the records of one request have in common, by field."""
    return {
        "created_at": timezone.now(),
        "requested_by_id": request.requested_by.pk,
        "source": str(request.source),
        "request_id": request.request_id,
        "model_version_id": using.id,
        "model_sha256": using.artifact.sha256,
        "intercept": using.model.intercept,
        "floor": using.model.floor,
        "base_rate": using.model.base_rate,
        "threshold": using.operating_point.threshold,
    }


def _own(row: CleanRow, score: Score, band: str) -> dict[str, Any]:
    """What is one record's own, by field."""
    return {
        "employee_id": row.employee_id,
        "audit_attributes": row.audit,
        "inputs": row.inputs,
        "probability": score.probability,
        "log_odds": score.log_odds,
        "contributions": score.contributions,
        "band": band,
    }
