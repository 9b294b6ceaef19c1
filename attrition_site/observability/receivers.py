"""Who listens to what happens elsewhere: connected once per process, when its apps are ready."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db.backends.signals import connection_created

from attrition_site.observability import spans
from attrition_site.observability.spans import QueryWatch

logger = logging.getLogger("attrition.files")


def connect() -> None:
    """What every process does: count queries, and say what is slow and what is done of files."""
    from mlcore.signals import worker_ended, worker_starting
    from predictions.signals import chunk_done

    spans.watch = QueryWatch(settings.SLOW_QUERY_MS)
    user_logged_in.connect(_note_person)
    chunk_done.connect(_say_chunk)
    worker_starting.connect(_observe_worker)
    worker_ended.connect(_worker_ended)


def connect_metrics() -> None:
    """What a process does besides that shows metrics."""
    from axes.signals import user_locked_out

    from attrition_site.observability import logs, metrics
    from attrition_site.requests import middleware
    from predictions import services
    from predictions.signals import chunk_done

    middleware.listeners.append(metrics.note_request)
    services.listeners.append(metrics.note_predictions)
    logs.on_lost.append(metrics.note_lost_line)
    chunk_done.connect(metrics.count_chunk)
    user_logged_in.connect(metrics.count_sign_in)
    user_login_failed.connect(metrics.count_failed_sign_in)
    user_locked_out.connect(metrics.count_lockout)


def _observe_worker(**_: Any) -> None:
    from attrition_site.observability import worker

    # Files are worked on in several threads, each with a connection of its own.
    connection_created.connect(_watch_connection)
    worker.begin()


def _watch_connection(*, connection: Any, **_: Any) -> None:
    if spans.watch is not None:
        spans.watch.install(connection)


def _worker_ended(**_: Any) -> None:
    from attrition_site.observability import worker

    worker.end()


def _note_person(*, user: Any, **_: Any) -> None:
    """Who has just signed in asked for it: the request itself does not say so."""
    if (span := spans.current()) is not None:
        span.user_id = user.pk


def _say_chunk(
    *, batch_id: int, recorded: bool, accepted: int, refused: int, seconds: float, **_: Any
) -> None:
    logger.info(
        "chunk recorded" if recorded else "chunk tried",
        extra={
            "batch": batch_id,
            "rows": accepted + refused,
            "refused": refused,
            "duration_ms": round(seconds * 1000, 1),
        },
    )
