"""How the work on a file of employees ends: done, stopped, or given up; and what then remains.

Everything here may be done twice, by two processes at once, and is done once.
"""

from __future__ import annotations

import logging
import traceback

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone
from django_q.tasks import async_task

from mlcore.engine.words import Words, number_text
from predictions.batches import files, ranking
from predictions.models import Batch, BatchState, Prediction

logger = logging.getLogger(__name__)

REFRESH = "predictions.overview.tasks.refresh"
"""What makes the dashboard's account anew."""
AWAY = (OperationalError, InterfaceError)
"""What is raised when the database is away: no fault of a file's, and no end of it."""

BROKEN: Words = {
    "en": "Something went wrong that is not your file’s fault. Bring the file again; if it happens"
    " again, give the number of this file to whoever runs the server: its log says more.",
    "fr": "Une erreur s’est produite, sans lien avec votre fichier. Importez-le à nouveau ; si elle"
    " se reproduit, communiquez le numéro de ce fichier à la personne qui gère le serveur : son"
    " journal en dit plus.",
}
NO_MODEL: Words = {
    "en": "The model that was to assess these employees cannot be used. Ask an administrator to"
    " activate another one, then bring the file again.",
    "fr": "Le modèle qui devait évaluer ces collaborateurs n’est pas utilisable. Demandez à un"
    " administrateur d’en activer un autre, puis importez le fichier à nouveau.",
}
RECORDED: Words = {
    "en": " {count} of its employees were assessed before that, and stay in the history.",
    "fr": " {count} de ses collaborateurs avaient été évalués auparavant et restent dans"
    " l’historique.",
}


def same(batch: Batch) -> QuerySet[Batch]:
    """The batch, as long as it is at the same work as when it was read; otherwise nothing."""
    return Batch.objects.filter(pk=batch.pk, state=batch.state, started_at=batch.started_at)


def finish(batch: Batch) -> bool:
    """End the work of which nothing is left; False when something is."""
    recorded = batch.state == BatchState.RUNNING
    try:
        with transaction.atomic():
            # Of two that come to the end together, one waits here and finds it done.
            if not same(batch).select_for_update(no_key=True).values_list("pk", flat=True):
                return True
            if batch.chunks.filter(done_at=None).exists():
                return False
            ranking.finish(batch)
            same(batch).update(
                state=BatchState.DONE if recorded else BatchState.CHECKED,
                finished_at=timezone.now(),
            )
            if recorded:
                async_task(REFRESH)
    except AWAY:
        raise
    except Exception as error:
        log(batch.pk, error)
        fail(batch, BROKEN)
    return True


def unread(batch: Batch) -> QuerySet[Batch]:
    """As `same`, as long as nobody has read the file to its end."""
    return same(batch).filter(rows=None)


def fail(batch: Batch, message: Words) -> None:
    """Give a file up, and say why. What was recorded of it stays."""
    _fail(batch, same(batch), message)


def fail_unread(batch: Batch, message: Words) -> None:
    """Give a file up that cannot be read; nothing happens where somebody else could."""
    _fail(batch, unread(batch), message)


def _fail(batch: Batch, found: QuerySet[Batch], message: Words) -> None:
    ended = {"state": BatchState.FAILED, "finished_at": timezone.now()}
    if found.update(message=dict(message), **ended):
        tidy(batch)


def tidy(batch: Batch) -> None:
    """Take away what a stopped or failed file has left, once nobody works on it any more."""
    with transaction.atomic():
        batch = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        # Whoever records a chunk now is waited for: then it is done, and stays.
        batch.chunks.filter(done_at=None).delete()
        batch.pieces.all().delete()
        recorded = Prediction.objects.filter(batch=batch).exists()
        # Rows that a stopped file refused may still be corrected.
        refused = batch.state == BatchState.CANCELLED and batch.refused_rows.exists()
        if not recorded and not refused:
            files.erase(batch)
            return
        _rank(batch)
        if batch.state == BatchState.FAILED and "recorded" not in batch.message:
            count = batch.chunks.aggregate(count=Sum("accepted"))["count"] or 0
            Batch.objects.filter(pk=batch.pk).update(message=_with_count(batch.message, count))
        async_task(REFRESH)


def _rank(batch: Batch) -> None:
    try:
        with transaction.atomic():
            ranking.finish(batch)
    except AWAY:
        raise
    except Exception as error:  # what was recorded stays, with a list or without
        log(batch.pk, error)


def _with_count(message: Words, count: int) -> dict[str, object]:
    said = {
        language: text + RECORDED[language].format(count=number_text(count, language))
        for language, text in message.items()
        if language in RECORDED
    }
    return {**said, "recorded": count}


def log(batch_id: int, error: Exception) -> None:
    """Say where the work on a file failed. Not the message: it may quote a cell."""
    logger.error(
        "Work on the file %s failed: %s\n%s",
        batch_id,
        type(error).__name__,
        "".join(traceback.format_tb(error.__traceback__)),
    )
