"""How far a file at work is: counted, not guessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from predictions.models import Batch, BatchState
from predictions.models.batch import AT_WORK

Phase = Literal["waiting", "reading", "working"]

# The pace is that of the last seconds: workers come and go.
_LATELY = timedelta(seconds=20)
# A worker that is there takes a file at once, or after what it does now; after so long there is
# probably none.
_PATIENCE = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What is known of the work on a file at one moment."""

    phase: Phase
    done: int
    """Rows: read so far while the file is read, judged so far after that."""
    rows: int | None
    """All of them; None while the file is read."""
    accepted: int
    refused: int
    share: float
    """Of the rows, those judged: from 0 to 1. It never goes back."""
    rows_per_second: float | None
    """Lately; None as long as nothing was judged."""
    seconds_left: float | None
    """None while nobody can tell."""
    nobody_works: bool
    """Whether it waits for a background worker that does not seem to run."""


def progress_of(batch: Batch, *, now: datetime | None = None) -> Progress:
    """How far the work on a file is, in one query."""
    now = now or timezone.now()
    done = Q(done_at__isnull=False)
    lately = Q(done_at__gte=now - _LATELY)
    found = batch.chunks.aggregate(
        chunks=Count("pk"),
        read=Coalesce(Sum("rows"), 0),
        done=Coalesce(Sum("rows", filter=done), 0),
        accepted=Coalesce(Sum("accepted", filter=done), 0),
        refused=Coalesce(Sum("refused", filter=done), 0),
        lately=Coalesce(Sum("rows", filter=lately), 0),
        read_at=Max("made_at"),
        last_at=Max("done_at"),
    )
    # What was tried before is not read again: then the work begins with the first chunk.
    began = batch.started_at or batch.uploaded_at
    reads = found["read_at"] is None or found["read_at"] >= began
    began_working = max(began, found["read_at"]) if reads and found["read_at"] else began
    rows_per_second = _pace(found["lately"], since=max(began_working, now - _LATELY), now=now)
    phase: Phase = "working"
    if batch.rows is None:
        phase = "reading" if found["chunks"] else "waiting"
    elif not reads and not found["done"]:
        phase = "waiting"
    last_sign = max([began, *(at for at in (found["read_at"], found["last_at"]) if at)])
    left = None if batch.rows is None else max(batch.rows - found["done"], 0)
    return Progress(
        phase=phase,
        done=found["read"] if batch.rows is None else found["done"],
        rows=batch.rows,
        accepted=found["accepted"],
        refused=found["refused"],
        share=_share(batch, found["done"]),
        rows_per_second=rows_per_second,
        seconds_left=left / rows_per_second if left is not None and rows_per_second else None,
        nobody_works=batch.state in AT_WORK and now - last_sign > _PATIENCE,
    )


def _share(batch: Batch, done: int) -> float:
    if batch.state in (BatchState.DONE, BatchState.CHECKED):
        return 1.0
    return done / batch.rows if batch.rows else 0.0


def _pace(rows: int, *, since: datetime, now: datetime) -> float | None:
    seconds = (now - since).total_seconds()
    return rows / seconds if rows and seconds > 0 else None
