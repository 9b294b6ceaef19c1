"""A training from the wish to the model: queued, claimed by one process, taken over, ended.

Every step is one conditional UPDATE, so of two who try the same only one succeeds. Whoever works
holds a claim; when the claim is gone (cancelled, or taken over after a silence), what was made is
dropped. Imports what trains only where it trains.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from mlcore import services
from mlcore.engine import artifact
from mlcore.engine.plan import TrainingError, TrainingPlan
from mlcore.engine.words import Words
from mlcore.models import ModelVersion, Origin, RunState, TrainingRun
from mlcore.trainings import files as training_files
from mlcore.trainings.files import AT_WORK, FileErasedError

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)

SILENCE = timedelta(seconds=60)
"""After so long without a heartbeat, whoever worked on a training is taken to be gone."""
MOST_ATTEMPTS = 3
HEARTBEAT = 4.0  # seconds
_TICK = 0.5  # seconds: how soon progress is told
_LAUNCHED = "launched"
"""The claim on a training that waits, once a process was started for it."""

GIVEN_UP: Words = {
    "en": "The training was interrupted three times, and was given up. If the server was short of"
    " memory, bring a smaller file; otherwise train again.",
    "fr": "L’entraînement a été interrompu trois fois ; il est abandonné. Si la mémoire du serveur"
    " est insuffisante, importez un fichier plus petit ; sinon, relancez l’entraînement.",
}
BROKEN: Words = {
    "en": "Something went wrong that is not your file’s fault. Train again; if it happens again,"
    " give the number of this training to whoever runs the server: its log says more.",
    "fr": "Une erreur s’est produite, sans lien avec votre fichier. Relancez l’entraînement ; si"
    " elle se reproduit, communiquez le numéro de cet entraînement à la personne qui gère le"
    " serveur : son journal en dit plus.",
}
ERASED: Words = {
    "en": "The file was erased before the training could read it. Bring it again.",
    "fr": "Le fichier a été effacé avant que l’entraînement ait pu le lire. Importez-le à nouveau.",
}
SAME_MODEL: Words = {
    "en": "The same data with the same corrections give the same model: it was here already.",
    "fr": "Les mêmes données avec les mêmes corrections donnent le même modèle : il existait déjà.",
}


class TrainingStopped(BaseException):
    """The training must end now: it was cancelled or taken over, or its process was told to go.

    A `BaseException` as `KeyboardInterrupt` is: no `except Exception` on its way may keep it.
    """


# ------------------------------------------------------------------ what people ask for


def start(run: TrainingRun, *, by: User | None) -> bool:
    """Queue a draft; False when it is none any more. Raises `FileErasedError`."""
    with transaction.atomic():
        training_files.lock(run.file_id)
        queued = TrainingRun.objects.filter(pk=run.pk, state=RunState.DRAFT).update(
            state=RunState.QUEUED, heartbeat_at=timezone.now(), requested_by=by
        )
        if queued:
            # The queue lies in the same database: both are there, or neither.
            async_task("mlcore.tasks.launch_training", run.pk)
    return bool(queued)


def cancel(run: TrainingRun) -> bool:
    """Stop a training that is queued or running; its process notices within seconds."""
    return bool(
        TrainingRun.objects.filter(pk=run.pk, state__in=AT_WORK).update(
            state=RunState.CANCELLED, claim="", finished_at=timezone.now()
        )
    )


def draft_again(run: TrainingRun, *, by: User | None) -> TrainingRun:
    """A draft with the corrections of an earlier training. Raises `FileErasedError`."""
    with transaction.atomic():
        training_files.lock(run.file_id)
        return TrainingRun.objects.create(
            file_id=run.file_id, plan=run.plan, findings=run.findings, requested_by=by
        )


# ------------------------------------------------------------------ whose it is


def claim(run_id: int) -> TrainingRun | None:
    """Take a training that waits, or whose process fell silent; None when it is not to be had.

    One training at a time: while another process works on one, it is not to be had either.
    """
    now = timezone.now()
    mark = str(uuid4())
    with transaction.atomic():
        # Of two who would take two trainings at once, one waits here, and then sees the other.
        at_work = TrainingRun.objects.filter(state__in=AT_WORK).order_by("pk")
        list(at_work.select_for_update().values_list("pk", flat=True))
        if others_at_work(run_id).exists():
            # Its process came for nothing, but it came: that is no attempt.
            TrainingRun.objects.filter(pk=run_id, state=RunState.QUEUED).update(claim="")
            return None
        taken = TrainingRun.objects.filter(
            Q(state=RunState.QUEUED) | Q(state=RunState.RUNNING) & ~_spoken_of(now),
            pk=run_id,
            attempts__lt=MOST_ATTEMPTS,
        ).update(
            state=RunState.RUNNING,
            claim=mark,
            heartbeat_at=now,
            started_at=now,
            attempts=F("attempts") + 1,
            step="",
            done=0,
            total=0,
        )
    if not taken:
        return None
    return TrainingRun.objects.select_related("file", "requested_by").get(pk=run_id)


def others_at_work(run_id: int, *, now: datetime | None = None) -> QuerySet[TrainingRun]:
    """Other trainings that a living process works on; at most one."""
    return TrainingRun.objects.filter(
        _spoken_of(now or timezone.now()), state=RunState.RUNNING
    ).exclude(pk=run_id)


def launching(run_id: int) -> bool:
    """Note that a process is about to be started for a training; False when none is wanted."""
    if others_at_work(run_id).exists():
        return False  # whoever ends that one calls for the next
    waiting = TrainingRun.objects.filter(pk=run_id, state=RunState.QUEUED)
    if waiting.update(claim=_LAUNCHED, heartbeat_at=timezone.now()):
        return True
    return silent().filter(pk=run_id).exists()


def call_for_next() -> None:
    """Have the training launched that waits longest, if one does."""
    waiting = TrainingRun.objects.filter(state=RunState.QUEUED).order_by("pk")
    if (run_id := waiting.values_list("pk", flat=True).first()) is not None:
        async_task("mlcore.tasks.launch_training", run_id)


def _held(run: TrainingRun) -> QuerySet[TrainingRun]:
    """The run, as long as this claim on it holds; otherwise nothing."""
    return TrainingRun.objects.filter(pk=run.pk, claim=run.claim, state=RunState.RUNNING)


def silent() -> QuerySet[TrainingRun]:
    """Trainings that should go on, but that nobody has spoken of for a minute."""
    return TrainingRun.objects.filter(
        ~_spoken_of(timezone.now()), state__in=AT_WORK, heartbeat_at__isnull=False
    ).order_by("pk")


def _spoken_of(now: datetime) -> Q:
    """Those with a recent heartbeat. One of the future was written by a clock that was ahead:
    it would keep a training alive for as long as that was.
    """
    return Q(heartbeat_at__range=(now - SILENCE, now + SILENCE))


def give_up_on_silent() -> int:
    """End the silent ones that were tried often enough; how many those were.

    That a process was launched and ended before it could even begin is an attempt, too.
    """
    silent().filter(state=RunState.QUEUED, claim=_LAUNCHED).update(
        claim="", attempts=F("attempts") + 1
    )
    return (
        silent()
        .filter(attempts__gte=MOST_ATTEMPTS)
        .update(state=RunState.FAILED, claim="", message=dict(GIVEN_UP), finished_at=timezone.now())
    )


def _end(run: TrainingRun, state: RunState, message: Words) -> None:
    _held(run).update(state=state, claim="", message=dict(message), finished_at=timezone.now())


def _release(run: TrainingRun) -> None:
    """Give the run back to be taken again. Being told to go is no failed attempt."""
    _held(run).update(
        state=RunState.QUEUED,
        claim="",
        heartbeat_at=timezone.now(),
        attempts=F("attempts") - 1,
    )


# ------------------------------------------------------------------ the work


class Heartbeat:
    """Says every few seconds that the work goes on and how far it is; notices when it must end.

    It has a thread and a database connection of its own: the training never waits for either.
    """

    def __init__(
        self, run: TrainingRun, *, interrupt: Callable[[], None], deserted: Callable[[], bool]
    ) -> None:
        self._held = _held(run)
        self._interrupt = interrupt
        self._deserted = deserted
        self._progress = ("", 0, 0)
        self._over = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def progress(self, step: str, done: int, total: int) -> None:
        """Receives how far the work is. Raises `TrainingStopped` when it must end."""
        self._progress = (step[:40], done, total)
        if self._lost.is_set():
            raise TrainingStopped

    def _beat(self) -> None:
        told, spoke_at = self._progress, time.monotonic()
        try:
            while not self._over.wait(_TICK):
                now, progress = time.monotonic(), self._progress
                if self._deserted():
                    break
                if progress == told and now - spoke_at < HEARTBEAT:
                    continue
                try:
                    if not self._tell(*progress):
                        break
                except DatabaseError:
                    # It may come back. Once we count as silent, someone else may be at work.
                    connection.close()
                    if now - spoke_at > SILENCE.total_seconds() / 2:
                        break
                    continue
                told, spoke_at = progress, now
            else:
                return
        finally:
            connection.close()
        self._lost.set()
        self._interrupt()

    def _tell(self, step: str, done: int, total: int) -> bool:
        return bool(
            self._held.update(step=step, done=done, total=total, heartbeat_at=timezone.now())
        )


def work(
    run_id: int,
    *,
    interrupt: Callable[[], None] = lambda: None,
    deserted: Callable[[], bool] = lambda: False,
) -> bool:
    """Train, and register what was made; False when the training was not to be had.

    The calling process does all of it. `interrupt` is called from another thread once the work
    must end, for a process that can be made to notice at once; `deserted` says whether the
    process has lost the one that it works for.
    """
    run = claim(run_id)
    if run is None:
        return False
    _train(run, interrupt=interrupt, deserted=deserted)
    call_for_next()
    return True


def _train(
    run: TrainingRun, *, interrupt: Callable[[], None], deserted: Callable[[], bool]
) -> None:
    """Work on a claimed training until it ends, or has to be given back."""
    try:
        with Heartbeat(run, interrupt=interrupt, deserted=deserted) as heartbeat:
            files = _make(run, heartbeat)
        _register(run, files)
    except TrainingStopped:
        _release(run)
        return
    except TrainingError as error:
        state, message = RunState.REFUSED, error.words
    except FileErasedError:
        state, message = RunState.FAILED, ERASED
    except Exception as error:
        # The message may quote a cell of the file: only where it happened is logged.
        logger.error(
            "Training %s failed: %s\n%s",
            run.pk,
            type(error).__name__,
            "".join(traceback.format_tb(error.__traceback__)),
        )
        state, message = RunState.FAILED, BROKEN
    else:
        return
    # Out here: were the database gone, its complaint would come with the one above, and its text.
    _end(run, state, message)


def _make(run: TrainingRun, heartbeat: Heartbeat) -> dict[str, bytes]:
    # scikit-learn and pandas take seconds to load, and no web process needs them.
    from mlcore.engine.making import make

    plan = TrainingPlan.from_json(run.plan)
    columns = training_files.table_of(run.file).columns()
    made = make(plan, columns, progress=heartbeat.progress, jobs=os.cpu_count() or 1)
    return artifact.files_of(made)


def _register(run: TrainingRun, files: dict[str, bytes]) -> None:
    """The model and the end of its training, together or not at all."""
    with transaction.atomic():
        # Locked: whoever cancels now waits, and then finds it done.
        if not list(_held(run).select_for_update().values_list("pk", flat=True)):
            raise TrainingStopped
        version = services.register(files=files, origin=Origin.TRAINED, by=run.requested_by)
        ModelVersion.objects.select_for_update().get(pk=version.pk)
        known = TrainingRun.objects.filter(model_version=version).exists()
        _held(run).update(
            state=RunState.DONE,
            claim="",
            finished_at=timezone.now(),
            model_version=None if known else version,
            message={**SAME_MODEL, "version": version.version} if known else {},
        )
