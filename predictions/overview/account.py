"""One account of the workforce, as JSON: computed from the latest prediction of each employee.

It holds names, codes and counts; the words come when it is read, in the reader's language.

    {"format", **of everyone who was ever assessed, "present": {of those who still are}|null,
     "nameless", "predictions", "model", "base_rate", "file": id|null,
     "workforce": {"files": [id…], "refused": rows, "corrected": rows, "since": files}|null,
     "movement": {…}|null}

Of everyone, and of those present, it says the same:

    {"people", "levels": {band: people}, "mean_risk",
     "by": [{"kind": "group"|"input", "name", "values": [[value, people, high]…]}…],
     "effects": {"people", "terms": [{"name", "up", "down", "raised", "lowered", "most"?}…]}|null}

Present is who was assessed with the last file of the workforce, or since it began; null says that
there is no such file. Shares and log-odds are numbers of 0 to 1 and around 0; `people` are counts
of employees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlcore import registry
from mlcore.models import ModelVersion
from predictions.batches import corrections, ranking
from predictions.models import Batch
from predictions.models.batch import BatchState
from predictions.overview import reading
from predictions.overview.tally import HIGH, Answers, Effects, Groups, Levels, parsed

FORMAT = 2
"""Of the account as JSON: what another version of the product kept is computed anew."""
MOST_AT_ONCE = 3000
"""Predictions up to which an account is computed while someone waits for the page."""


class _Count:
    """What is counted of some of the people, or of all."""

    def __init__(self, active: registry.ActiveModel | None) -> None:
        self._levels, self._groups = Levels(), Groups()
        self._active = active
        if active:
            versions = ModelVersion.objects.only("sha256", "schema")
            schemas = {version.pk: registry.schema_of(version) for version in versions}
            self._answers = Answers(active.schema, schemas)
            self._effects = Effects(active.model, active.schema)

    def add(self, rows: Sequence[reading.Row]) -> None:
        self._levels.add(rows)
        self._groups.add(rows)
        if self._active is None:
            return
        by_model: dict[int, list[reading.Row]] = {}
        for row in rows:
            by_model.setdefault(row[0], []).append(row)
        for model, its in by_model.items():
            inputs = parsed(its)
            self._answers.add(model, inputs, [band in HIGH for _, band, *_ in its])
            if model == self._active.id:
                self._effects.add(inputs)

    def include(self, others: _Count) -> None:
        """Count those who were counted apart."""
        self._levels.include(others._levels)
        self._groups.include(others._groups)
        if self._active:
            self._answers.include(others._answers)
            self._effects.include(others._effects)

    def to_json(self) -> dict[str, Any]:
        levels = self._levels
        by = self._groups.to_json(levels.people)
        return {
            **levels.to_json(),
            "by": by + (self._answers.to_json(levels.people) if self._active else []),
            "effects": self._effects.to_json() if self._active else None,
        }


def compute(earlier: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The account of now. Memory is bounded; the time grows with the number of employees.

    What an `earlier` account says of the movement between two files is taken over, for it stays.
    """
    active = active_model()
    files = list(Batch.objects.workforce(reading.people())[:2])
    last = files[0] if files else None
    everyone, present = _Count(active), _Count(active)
    for rows in reading.latest_of_each(last.started_at if last else None):
        # Each is looked at once: who is present is counted among everyone afterwards.
        present.add([row for row in rows if row[-1]])
        everyone.add([row for row in rows if not row[-1]])
    everyone.include(present)
    return {
        "format": FORMAT,
        **everyone.to_json(),
        "present": present.to_json() if last else None,
        "nameless": reading.without_reference(),
        "predictions": reading.predictions(MOST_AT_ONCE + 1),
        "model": active.id if active else None,
        "base_rate": active.model.base_rate if active else None,
        "file": Batch.objects.finished().values_list("pk", flat=True).first(),
        "workforce": _workforce(last) if last else None,
        "movement": _movement(files, earlier["movement"] if earlier else None),
    }


def active_model() -> registry.ActiveModel | None:
    """The model in use; None while there is none that can be."""
    try:
        return registry.active()
    except registry.ModelUnavailableError:
        return None


def _workforce(last: Batch) -> dict[str, Any]:
    """The last file of the workforce with those that corrected it, how many of its rows were
    refused and how many of these were corrected, and how many other files followed.
    """
    files = _with_corrections(last)
    totals = ranking.totals([last]).get(last.pk)
    refused = totals.refused if totals else 0
    left = corrections.left(refused, corrections.of(last))
    others = Batch.objects.finished().exclude(pk__in=files)
    return {
        "files": files,
        "refused": refused,
        "corrected": refused - left,
        "since": others.filter(finished_at__gt=last.finished_at).count(),
    }


def _movement(
    newest: Sequence[Batch], earlier: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """The last file of the workforce against what was known of its people before it.

    None with fewer than two. A file counts with those that corrected its refused rows: together
    they are everyone it was to hold.
    """
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
