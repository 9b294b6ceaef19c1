"""Refused rows that were brought again, corrected: in which files, and how many are left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from predictions.batches import ranking
from predictions.models import Batch


@dataclass(frozen=True, slots=True)
class Again:
    """A finished file of corrected rows."""

    batch: Batch
    people: int
    """Whom it assessed: rows that the file before it had refused."""


def of(batch: Batch) -> list[Again]:
    """The files that brought refused rows of this one again, the first one first."""
    return of_each([batch])[batch.pk]


def of_each(batches: Iterable[Batch]) -> dict[int, list[Again]]:
    """The same of several files, by their ids.

    What such a file refused, and was corrected once more, was brought again for the first file too.
    """
    found: dict[int, list[Again]] = {batch.pk: [] for batch in batches}
    origin = {pk: pk for pk in found}
    while corrected := list(Batch.objects.finished().filter(corrects__in=origin).reverse()):
        totals = ranking.totals(corrected)
        origin = {batch.pk: origin[cast(int, batch.corrects_id)] for batch in corrected}
        for batch in corrected:
            people = totals[batch.pk].people if batch.pk in totals else 0
            found[origin[batch.pk]].append(Again(batch, people))
    return found


def left(refused: int, again: Iterable[Again]) -> int:
    """How many of the refused rows nobody was assessed of yet."""
    return max(refused - sum(file.people for file in again), 0)
