"""One account of the workforce, as JSON: computed from the latest prediction of each employee.

It holds names, codes and counts; the words come when it is read, in the reader's language.

    {"people", "levels": {band: people}, "mean_risk", "nameless", "predictions",
     "model", "base_rate",
     "by": [{"kind": "group"|"input", "name", "values": [[value, people, high]…]}…],
     "effects": {"people", "terms": [{"name", "up", "down", "raised", "lowered", "most"?}…]}|null,
     "movement": {…}|null, "file": id|null}

Shares and log-odds are numbers of 0 to 1 and around 0; `people` are counts of employees.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcore import registry
from mlcore.models import ModelVersion
from predictions.models import Batch
from predictions.models.batch import BatchState
from predictions.overview import reading
from predictions.overview.tally import HIGH, Answers, Effects, Groups, Levels, parsed

MOST_AT_ONCE = 3000
"""Predictions up to which an account is computed while someone waits for the page."""


def compute(earlier: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The account of now. Memory is bounded; the time grows with the number of employees.

    What an `earlier` account says of the movement between two files is taken over, for it stays.
    """
    active = active_model()
    schemas = {v.pk: registry.schema_of(v) for v in ModelVersion.objects.only("sha256", "schema")}
    levels, groups = Levels(), Groups()
    answers = Answers(active.schema, schemas) if active else None
    effects = Effects(active.model, active.schema) if active else None
    for rows in reading.latest_of_each():
        levels.add(rows)
        groups.add(rows)
        if answers is None or effects is None or active is None:
            continue
        by_model: dict[int, list[reading.Row]] = {}
        for row in rows:
            by_model.setdefault(row[0], []).append(row)
        for model, its in by_model.items():
            inputs = parsed(its)
            answers.add(model, inputs, [band in HIGH for _, band, *_ in its])
            if model == active.id:
                effects.add(inputs)
    last = Batch.objects.finished().values_list("pk", flat=True).first()
    by = groups.to_json(levels.people) + (answers.to_json(levels.people) if answers else [])
    return {
        **levels.to_json(),
        "nameless": reading.without_reference(),
        "predictions": reading.predictions(MOST_AT_ONCE + 1),
        "model": active.id if active else None,
        "base_rate": active.model.base_rate if active else None,
        "by": by,
        "effects": effects.to_json() if effects else None,
        "movement": _movement(earlier["movement"] if earlier else None),
        "file": last,
    }


def active_model() -> registry.ActiveModel | None:
    """The model in use; None while there is none that can be."""
    try:
        return registry.active()
    except registry.ModelUnavailableError:
        return None


def _movement(earlier: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The last file against what was known of its people before it; None with fewer than two.

    A file counts with those that corrected its refused rows: together they are everyone it was to
    hold. One that was stopped is no whole file.
    """
    whole = Batch.objects.filter(state=BatchState.DONE)
    newest = list(whole.filter(corrects=None).order_by("-finished_at", "-id")[:2])
    if len(newest) < 2:
        return None
    last, before = newest
    if last.started_at is None:
        return None
    files, files_before = _with_corrections(last), _with_corrections(before)
    if earlier and (earlier["files"], earlier["files_before"]) == (files, files_before):
        return earlier
    moves = reading.moves(files, last.started_at)
    return {
        "files": files,
        "files_before": files_before,
        "file": _named(last),
        "before": _named(before),
        "moves": [[move.before, move.now, move.people] for move in _summed(moves)],
        "judged_otherwise": sum(move.people for move in moves if move.judged_otherwise),
        "gone": reading.gone(files, files_before),
    }


def _summed(moves: list[reading.Move]) -> list[reading.Move]:
    """One entry per two bands."""
    people: dict[tuple[str, str], int] = {}
    for move in moves:
        both = (move.before, move.now)
        people[both] = people.get(both, 0) + move.people
    return [reading.Move(*both, False, count) for both, count in people.items()]


def _with_corrections(batch: Batch) -> list[int]:
    """The file, the files that brought its refused rows again, and those that corrected these."""
    found = newest = [batch.pk]
    while newest:
        newest = list(
            Batch.objects.filter(state=BatchState.DONE, corrects__in=newest)
            .exclude(pk__in=found)
            .values_list("pk", flat=True)
        )
        found = found + newest
    return found


def _named(batch: Batch) -> dict[str, Any]:
    return {"id": batch.pk, "name": batch.name}
