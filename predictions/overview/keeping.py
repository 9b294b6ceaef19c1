"""Which account is kept, and when it is computed again.

A small installation's is exact whenever a page is read. A large one's is computed by the background
worker, and the page says as of when it is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from predictions.models import Batch, Overview, Prediction
from predictions.models.batch import AT_WORK
from predictions.overview import account, reading

_KEPT = 3  # who reads one while another takes its place finds it still
_REST = 10  # times as long as the last computation took, before the next one begins
# A prediction that is dated before an account may be committed after it. Whoever takes longer than
# this to commit is a file, and the end of a file asks for a new account.
_LATE = timedelta(seconds=10)
_LONGEST_FILE = timedelta(minutes=10)
_LOCK = 0x6F76657276696577  # "overview": who holds this advisory lock computes


@dataclass(frozen=True, slots=True)
class Standing:
    """The account to show."""

    overview: Overview | None
    """None until the background worker has computed the first."""
    behind: bool
    """Whether something is newer than what it counts."""


def standing(newest: datetime | None, file: int | None) -> Standing:
    """The account for a page.

    `newest` is the date of the newest prediction there is, `file` the file that ended last.
    Where there are few predictions it is computed now if it is behind: what is shown is exact.
    """
    overview = newest_overview()
    if overview and not _behind(overview, newest, file):
        if _settled(overview):
            return Standing(overview, behind=False)
        counted = overview.content["predictions"]
        if counted > account.MOST_AT_ONCE or counted == _few():
            return Standing(overview, behind=False)
    large = overview and overview.content["predictions"] > account.MOST_AT_ONCE
    if large or _few() > account.MOST_AT_ONCE:
        return Standing(overview, behind=True)
    return Standing(compute_and_keep(newest, overview), behind=False)


def due() -> bool:
    """Whether the background worker is to compute an account now."""
    overview = newest_overview()
    if overview:
        newest, now = _newest(), timezone.now()
        if not _behind(overview, newest, _last_file()) and (
            _settled(overview) or (newest and now - newest < _LATE)
        ):
            return False
        if now - overview.computed_at < timedelta(seconds=_REST * overview.seconds):
            return False
    return not _file_at_work()


def is_quick() -> bool:
    """Whether an account is computed in no time, for there are few predictions."""
    return _few() <= account.MOST_AT_ONCE


def refresh() -> bool:
    """Compute the account again if that is due and nobody else does; whether it was."""
    with _alone() as alone:
        if not alone or not due():
            return False
        compute_and_keep(_newest(), newest_overview())
        return True


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether no other process computes an account now, nor begins to.

    Without PostgreSQL nobody knows: two at once do no harm, they only compute the same.
    """
    if connection.vendor != "postgresql":
        yield True
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        [alone] = cursor.fetchone()
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def newest_overview() -> Overview | None:
    """The account that was computed last; None where this version cannot read it."""
    overview = Overview.objects.order_by("-computed_at", "-id").first()
    if overview and overview.content.get("format") != account.FORMAT:
        return None
    return overview


def compute_and_keep(newest: datetime | None, earlier: Overview | None = None) -> Overview:
    """Compute an account that counts every prediction up to `newest`, and forget the oldest."""
    started, clock = timezone.now(), time.monotonic()
    content = account.compute(earlier.content if earlier else None)
    kept = Overview.objects.create(
        computed_at=started,
        covers_until=newest,
        seconds=time.monotonic() - clock,
        content=content,
    )
    newer = list(Overview.objects.order_by("-computed_at", "-id").values("pk")[:_KEPT])
    Overview.objects.exclude(pk__in=[row["pk"] for row in newer]).delete()
    return kept


def _newest() -> datetime | None:
    """The date of the newest prediction."""
    return Prediction.objects.values_list("created_at", flat=True).first()


def _last_file() -> int | None:
    """The file that ended last."""
    return Batch.objects.finished().values_list("pk", flat=True).first()


def _file_at_work() -> bool:
    """Whether a file is being tried or recorded: somebody waits for it.

    To count meanwhile would only slow it down. One that stands still for long stops nothing.
    """
    since = timezone.now() - _LONGEST_FILE
    return Batch.objects.filter(state__in=AT_WORK, started_at__gte=since).exists()


def _behind(overview: Overview, newest: datetime | None, file: int | None) -> bool:
    active = account.active_model()
    return (
        overview.covers_until != newest
        or overview.content["model"] != (active.id if active else None)
        or overview.content["file"] != file
    )


def _settled(overview: Overview) -> bool:
    """Whether nothing that it should have counted can have been committed after it."""
    return overview.covers_until is None or overview.computed_at - overview.covers_until >= _LATE


def _few() -> int:
    return reading.predictions(account.MOST_AT_ONCE + 1)
