"""A file of employees from the wish to its last recorded row, whatever becomes of who works on it.

Any process takes any chunk and records it in one transaction: of a process that is killed nothing
is left, and its chunk is still to be done. Several processes, on several machines, share a file.
What is asked of them lies in the queue, in the same database; whoever works sees to it that one
more task waits there, so that whoever is free joins in. A task that is lost comes back after the
queue's `retry`; each minute, and whenever a worker starts, `resume` looks for what stands still.

Nothing here logs what a row says.
"""

from __future__ import annotations

import random
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

from mlcore import registry
from mlcore.engine.ingest.refusals import TableError
from mlcore.engine.schema import EMPLOYEE_ID
from mlcore.registry import ActiveModel, ModelUnavailableError
from predictions import signals
from predictions.batches import chunks, cutting, endings, files
from predictions.batches.chunks import Assignment
from predictions.models import Batch, BatchChunk, BatchPiece, BatchState, Prediction
from predictions.models.batch import AT_WORK, WAITING

if TYPE_CHECKING:
    from accounts.models import User

WORK = "predictions.batches.tasks.work"
MOST_FAILURES = 3
SILENCE = timedelta(seconds=10)
"""After so long without a chunk, whoever worked on a file is taken to be gone."""

# The same of who reads the file, who is much quicker.
_READER_SILENCE = timedelta(seconds=2)
_PATIENCE = 30.0  # seconds that a database may be away before a task gives up
_PAUSE = 0.2  # seconds
# Seconds; less than the queue's `retry`. A million rows are read in a tenth of it.
_TIMEOUT = 80
# Chunks that a process does at once: the next one is judged while the database takes one in.
_AT_ONCE = 2
# Where rows cannot be locked, two processes that take one of so many seldom take the same.
_CHOICE = 8


# ------------------------------------------------------------------ what people ask for


def begin(batch: Batch, *, record: bool, by: User) -> bool:
    """Have a file worked on: its people assessed and recorded, or only tried.

    The model that is active now judges all of it, by the operating point of now. What was tried is
    not read again unless its columns were changed. False when the file waits for nobody any more,
    its columns were matched to another model, or a try of it showed other levels than would be
    recorded now: `replaced` tells. Raises `ModelUnavailableError`.
    """
    active = registry.active()
    low, threshold, high = active.operating_point.bounds
    with transaction.atomic():
        found = _locked(batch, WAITING)
        if found is None or not _is_asked(found, active):
            return False
        if record and replaced(found, active) == "threshold":
            return False
        if cutting.fits(found):
            _undo_try(found, keep_pieces=not record)
        else:
            files.erase_cut(found)
            found.rows, found.cut = None, {}
        found.state = BatchState.RUNNING if record else BatchState.CHECKING
        found.model_version_id = active.id
        found.moderate_from, found.threshold, found.very_high_from = low, threshold, high
        found.started_by, found.started_at = by, timezone.now()
        found.finished_at, found.message = None, {}
        found.save()
        # The queue lies in the same database: both are there, or neither.
        call_for_hands(found.pk)
    batch.refresh_from_db()
    return True


def _locked(batch: Batch, states: Collection[BatchState]) -> Batch | None:
    """The batch, if it is in one of the states: until the transaction ends it stays there.

    Whoever records rows of it now is not waited for.
    """
    found = Batch.objects.filter(pk=batch.pk, state__in=states)
    return found.select_for_update(no_key=True).first()


def _is_asked(batch: Batch, active: ActiveModel) -> bool:
    """Whether the columns were matched to what the model asks."""
    fields = {EMPLOYEE_ID, *active.schema.by_name}
    inputs = {feature.name for feature in active.schema.features}
    return (
        batch.model_version_id in (None, active.id)
        and batch.matched.keys() <= fields
        and not inputs.isdisjoint(batch.matched)
    )


def replaced(batch: Batch, active: ActiveModel) -> Literal["", "model", "threshold"]:
    """What of a file that waits for a person is another now; `""` when nothing is.

    `model`: its columns were matched to another model than `active`, or to none yet. `threshold`:
    it was tried, and the levels begin elsewhere since, so that it is to be tried again.
    """
    if batch.model_version_id != active.id:
        return "model"
    shown = (batch.moderate_from, batch.threshold, batch.very_high_from)
    if batch.state == BatchState.CHECKED and shown != active.operating_point.bounds:
        return "threshold"
    return ""


def _undo_try(batch: Batch, *, keep_pieces: bool) -> None:
    batch.chunks.update(done_at=None, accepted=0, refused=0, part=b"", failures=0)
    batch.refused_rows.all().delete()
    files.erase_ranking(batch)
    if not keep_pieces:
        batch.pieces.all().delete()


def cancel(batch: Batch) -> bool:
    """Stop the work; False when there is none. At most the chunks being done now are still done.

    What was recorded stays, and nothing else is kept from here on. A file that was only tried waits
    for its columns again.
    """
    with transaction.atomic():
        found = _locked(batch, AT_WORK)
        if found is None:
            return False
        if found.state == BatchState.RUNNING:
            found.state, found.finished_at = BatchState.CANCELLED, timezone.now()
            found.pieces.all().delete()
            _empty(found)
            call_for_hands(found.pk)  # to tidy up
        else:
            found.state, found.started_at = BatchState.DRAFT, None
            found.rows, found.cut = None, {}
            files.erase_cut(found)
        found.save()
    batch.refresh_from_db()
    return True


def _empty(batch: Batch) -> None:
    """Erase the cells of every chunk that nobody works on; that they were to be done stays."""
    to_do = batch.chunks.filter(done_at=None)
    if connection.features.has_select_for_update_skip_locked:
        free = to_do.select_for_update(skip_locked=True).values_list("pk", flat=True)
        to_do = batch.chunks.filter(pk__in=list(free))
    to_do.update(content=b"")


def discard(batch: Batch) -> bool:
    """Throw a file away that recorded nothing; False when it did, or may yet."""
    with transaction.atomic():
        found = _locked(batch, (*WAITING, BatchState.FAILED))
        if found is None or Prediction.objects.filter(batch=found).exists():
            return False
        found.state = BatchState.DISCARDED
        found.finished_at = timezone.now()
        found.save()
        files.erase(found)
    batch.refresh_from_db()
    return True


# ------------------------------------------------------------------ who works


def call_for_hands(batch_id: int) -> None:
    """See to it that one task waits for this file, for whoever is free."""
    waiting = OrmQ.objects.filter(lock__lte=timezone.now())
    if not any(
        entry.task.get("func") == WORK and entry.task.get("args") == (batch_id,)
        for entry in waiting
    ):
        # One that fails is not taken off the queue: it comes back.
        async_task(WORK, batch_id, ack_failure=False, timeout=_TIMEOUT)


def resume(*, at_once: bool = False) -> int:
    """Call for hands where the work stands still, or `at_once` wherever there is any.

    How many files that were.
    """
    now = timezone.now()
    # What happened in the future, by a clock that was ahead, keeps no file from going on.
    lately = (now - SILENCE, now + SILENCE)
    at_work = Batch.objects.filter(state__in=AT_WORK)
    if not at_once:
        at_work = at_work.exclude(started_at__range=lately).exclude(
            Exists(
                BatchChunk.objects.filter(
                    Q(made_at__range=lately) | Q(done_at__range=lately), batch=OuterRef("pk")
                )
            )
        )
    standing = [*at_work.values_list("pk", flat=True), *_untidy().values_list("pk", flat=True)]
    for batch_id in standing:
        call_for_hands(batch_id)
    return len(standing)


def _untidy() -> QuerySet[Batch]:
    """Files whose work was ended, and what it left not yet taken away."""
    any_chunk = BatchChunk.objects.filter(batch=OuterRef("pk"))
    to_do = any_chunk.filter(done_at=None)
    pieces = BatchPiece.objects.filter(batch=OuterRef("pk"))
    ended = Batch.objects.filter(state__in=(BatchState.CANCELLED, BatchState.FAILED))
    not_erased = Q(erased_at=None) & ~Exists(any_chunk)
    return ended.filter(Exists(to_do) | Exists(pieces) | not_erased)


def work(batch_id: int, seconds: float = 20.0) -> bool:
    """Do what is to be done for a file, for about so long; whether something is left to do.

    Then a task waits in the queue that goes on with it. Raises `OperationalError` or
    `InterfaceError` when the database stays away.
    """
    began = time.monotonic()
    deadline = began + seconds
    while True:
        try:
            if not _step(batch_id, deadline):
                return False
            if time.monotonic() >= deadline:
                call_for_hands(batch_id)
                return True
        except endings.AWAY:
            if connection.in_atomic_block or time.monotonic() > began + max(seconds, _PATIENCE):
                raise
            connection.close()
            time.sleep(_PAUSE)


def _step(batch_id: int, deadline: float) -> bool:
    """One thing after the other; whether something is left to do."""
    batch = Batch.objects.select_related("model_version", "started_by").filter(pk=batch_id).first()
    if batch is None or not batch.at_work:
        if batch is not None and batch.state in (BatchState.CANCELLED, BatchState.FAILED):
            endings.tidy(batch)
        return False
    if batch.rows is None:
        if _is_being_read(batch) or not _claim_reading(batch):
            time.sleep(_PAUSE)
        else:
            _read(batch)
        return True
    try:
        assignment = Assignment.of(batch)
    except ModelUnavailableError:
        endings.fail(batch, endings.NO_MODEL)
        return False
    to_do = batch.chunks.filter(done_at=None)
    several = to_do.count() > 1
    if several:
        call_for_hands(batch_id)
    _do_chunks(assignment, deadline, at_once=_AT_ONCE if several else 1)
    if to_do.exists():
        # Others work on what is left: wait, for they may be killed.
        time.sleep(_PAUSE / 4)
        return True
    return not endings.finish(batch)


# ------------------------------------------------------------------ the work


def _is_being_read(batch: Batch) -> bool:
    """Whether somebody has begun to read the file, or kept a chunk of it, just now."""
    signs = [batch.chunks.aggregate(last=Max("made_at"))["last"]]
    if "reading_since" in batch.cut:
        signs.append(datetime.fromisoformat(batch.cut["reading_since"]))
    now = timezone.now()
    return any(sign is not None and abs(now - sign) < _READER_SILENCE for sign in signs)


def _claim_reading(batch: Batch) -> bool:
    """Whether it is for this process to read the file: of several that begin at once, one does."""
    cut = {**batch.cut, "reading_since": timezone.now().isoformat()}
    claimed = endings.unread(batch).filter(cut=batch.cut).update(cut=cut)
    batch.cut = cut
    return bool(claimed)


def _read(batch: Batch) -> None:
    try:
        cutting.cut(batch)
    except TableError as error:
        endings.fail_unread(batch, error.words)
    except endings.AWAY:
        raise
    except Exception as error:
        endings.log(batch.pk, error)
        failures = batch.cut.get("failures", 0) + 1
        endings.unread(batch).update(cut={"failures": failures})
        if failures >= MOST_FAILURES:
            endings.fail_unread(batch, endings.BROKEN)


def _do_chunks(assignment: Assignment, deadline: float, *, at_once: int) -> None:
    """Do chunks, until there is none that nobody works on or the time is over."""

    def one_by_one() -> None:
        while _do_one(assignment) and time.monotonic() < deadline:
            pass

    def apart() -> None:
        try:
            one_by_one()
        finally:
            connection.close()  # the thread's own

    shared = (
        connection.features.has_select_for_update_skip_locked and not connection.in_atomic_block
    )
    if at_once == 1 or not shared:
        one_by_one()
        return
    with ThreadPoolExecutor(at_once) as threads:
        for ended in [threads.submit(apart) for _ in range(at_once)]:
            ended.result()


def _do_one(assignment: Assignment) -> bool:
    """Do a chunk that nobody works on; False when there is none, or the work is over.

    What an error undoes is counted outside of its transaction.
    """
    began = time.monotonic()
    batch = assignment.batch
    to_do = BatchChunk.objects.filter(batch=batch, done_at=None).order_by("number")
    chunk: BatchChunk | None = None
    try:
        if connection.features.has_select_for_update_skip_locked:
            with cutting.chunk_transaction():
                chunk = to_do.select_for_update(skip_locked=True).first()
                if chunk is None or not endings.same(batch).exists():
                    return False
                chunks.keep(chunk, chunks.judge(chunk, assignment), assignment)
            _tell(chunk, assignment, began)
        else:
            # One writer at a time: all others wait for it, so nothing is computed meanwhile.
            numbers = list(to_do.values_list("pk", flat=True)[:_CHOICE])
            if not numbers:
                return False
            chunk = to_do.filter(pk=random.choice(numbers)).first()  # noqa: S311 - no secret
            if chunk is None:
                return True
            if not endings.same(batch).exists():
                return False
            judged = chunks.judge(chunk, assignment)
            with cutting.chunk_transaction():
                if not endings.same(batch).exists():
                    return False
                still = to_do.filter(pk=chunk.pk).exists()
                if still:
                    chunks.keep(chunk, judged, assignment)
            if still:
                _tell(chunk, assignment, began)
    except endings.AWAY:
        raise
    except Exception as error:
        endings.log(batch.pk, error)
        if chunk is None:
            raise
        BatchChunk.objects.filter(pk=chunk.pk).update(failures=F("failures") + 1)
        if BatchChunk.objects.filter(pk=chunk.pk, failures__gte=MOST_FAILURES).exists():
            endings.fail(batch, endings.BROKEN)
            return False
    return True


def _tell(chunk: BatchChunk, assignment: Assignment, began: float) -> None:
    """Tell whoever watches that a chunk was kept."""
    signals.chunk_done.send_robust(
        BatchChunk,
        batch_id=assignment.batch.pk,
        recorded=assignment.records,
        accepted=chunk.accepted,
        refused=chunk.refused,
        seconds=time.monotonic() - began,
    )
