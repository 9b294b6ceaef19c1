"""Refused rows that were brought again, corrected: in which files, and how many are left.

Whoever reads a list looks for everyone in it. So the people of the corrected files stand in the
list of the first one, each with the file that they come from, unless they were judged otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from mlcore.engine.operating import BANDS
from predictions.batches import ranking
from predictions.batches.ranking import Totals
from predictions.models import Batch, Prediction, RefusedRow
from predictions.models.prediction import PredictionQuerySet


@dataclass(frozen=True, slots=True)
class Again:
    """A finished file of corrected rows."""

    batch: Batch
    totals: Totals | None
    """None where nobody in it was assessed."""
    listed: bool
    """Whether its people are in the list of the first file: the same model and the same levels
    judged both."""

    @property
    def people(self) -> int:
        """Whom it assessed: rows that the file before it had refused."""
        return self.totals.people if self.totals else 0


def of(batch: Batch) -> list[Again]:
    """The files that brought refused rows of this one again, the first one first."""
    return of_each([batch])[batch.pk]


def of_each(batches: Iterable[Batch]) -> dict[int, list[Again]]:
    """The same of several files, by their ids.

    What such a file refused, and was corrected once more, was brought again for the first file too.
    """
    first = {batch.pk: batch for batch in batches}
    found: dict[int, list[Again]] = {pk: [] for pk in first}
    origin = {pk: pk for pk in found}
    while corrected := list(Batch.objects.finished().filter(corrects__in=origin).reverse()):
        totals = ranking.totals(corrected)
        origin = {batch.pk: origin[cast(int, batch.corrects_id)] for batch in corrected}
        for batch in corrected:
            its, of_all = totals.get(batch.pk), first[origin[batch.pk]]
            listed = its is not None and its.people > 0 and _judged_by(batch) == _judged_by(of_all)
            found[origin[batch.pk]].append(Again(batch, its, listed))
    return found


def _judged_by(batch: Batch) -> tuple[object, ...]:
    bounds = (batch.moderate_from, batch.threshold, batch.very_high_from)
    return (batch.model_version_id, *bounds)


def files(batch: Batch, again: Iterable[Again]) -> list[Batch]:
    """The file, and those whose people are in its list."""
    return [batch, *(file.batch for file in again if file.listed)]


def together(totals: Totals, again: Iterable[Again]) -> Totals:
    """What a file came to with those whose people are in its list; `refused` is its own."""
    every = [totals, *(file.totals for file in again if file.listed and file.totals)]
    return Totals(
        people=sum(one.people for one in every),
        refused=totals.refused,
        by_band={band: sum(one.by_band[band] for one in every) for band in BANDS},
    )


def left(refused: int, again: Iterable[Again]) -> int:
    """How many of the refused rows nobody was assessed of yet."""
    return max(refused - sum(file.people for file in again), 0)


def done(
    rows: Sequence[RefusedRow], again: Iterable[Again], visible: PredictionQuerySet
) -> dict[str, Prediction]:
    """Which of these rows were corrected, as far as their employees' references tell.

    By reference, the assessment, with its file. A reference that was itself corrected, and a row
    without one, are not found again.
    """
    named = {row.employee_id for row in rows if row.employee_id}
    brought = [file.batch for file in again if file.people]
    if not named or not brought:
        return {}
    found = visible.filter(batch__in=brought, employee_id__in=named).select_related("batch")
    return {one.employee_id: one for one in found.only("employee_id", "batch__name")}


def references(again: Iterable[Again]) -> set[str]:
    """The references of everyone whom these files assessed."""
    brought = [file.batch for file in again if file.people]
    if not brought:
        return set()
    found = Prediction.objects.filter(batch__in=brought).exclude(employee_id="")
    return set(found.values_list("employee_id", flat=True).iterator())
