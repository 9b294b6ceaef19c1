"""How far a file is, said to whoever watches it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from mlcore.engine.words import number_text
from predictions.batches.progress import Progress
from predictions.models import Batch
from predictions.models.batch import BatchState


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a person who watches is told; each a sentence or empty."""

    doing: str
    rows: str
    pace: str
    left: str
    accepted: str
    refused: str
    percent: int
    percent_text: str
    nobody_works: bool


def told(batch: Batch, now: Progress) -> Told:
    """What `now` says of a file at work, in words."""
    working = now.phase == "working"
    tried = batch.state == BatchState.CHECKING
    percent = int(100 * min(max(now.share, 0.0), 1.0))
    return Told(
        doing=_doing(now.phase, tried=tried),
        rows=_rows(now),
        pace=_pace(now.rows_per_second) if working else "",
        left=_left(now.seconds_left) if working else "",
        accepted=_accepted(now.accepted, tried=tried) if working else "",
        refused=_refused(now.refused) if working else "",
        percent=percent,
        percent_text=_("{percent}%").format(percent=percent),
        nobody_works=now.nobody_works,
    )


def _doing(phase: str, *, tried: bool) -> str:
    if phase == "waiting":
        return _("Waiting for the background worker to begin.")
    if phase == "reading":
        return _("Reading the file")
    return _("Trying it: nothing is recorded") if tried else _("Assessing the employees")


def _number(value: float) -> str:
    return number_text(value, get_language() or "en")


def _rows(now: Progress) -> str:
    if now.rows is not None:
        return ngettext("{done} row of {rows} done", "{done} rows of {rows} done", now.done).format(
            done=_number(now.done), rows=_number(now.rows)
        )
    if not now.done:
        return ""
    return ngettext("{done} row read so far", "{done} rows read so far", now.done).format(
        done=_number(now.done)
    )


def _accepted(count: int, *, tried: bool) -> str:
    if tried:
        return ngettext(
            "{count} person could be assessed", "{count} people could be assessed", count
        ).format(count=_number(count))
    return ngettext("{count} person assessed", "{count} people assessed", count).format(
        count=_number(count)
    )


def _refused(count: int) -> str:
    if not count:
        return _("no row refused so far")
    return ngettext("{count} row refused so far", "{count} rows refused so far", count).format(
        count=_number(count)
    )


def _pace(rows_per_second: float | None) -> str:
    """A pace as people say it: two digits, and by the minute when it is slow."""
    if not rows_per_second or not math.isfinite(rows_per_second):
        return ""
    if rows_per_second < 2:
        return _("about {count} rows a minute").format(count=_number(_rough(60 * rows_per_second)))
    return _("about {count} rows a second").format(count=_number(_rough(rows_per_second)))


def _rough(value: float) -> int:
    """The two leading digits."""
    digits = max(math.floor(math.log10(value)) - 1, 0)
    return max(int(round(value, -digits)), 1)


def _left(seconds: float | None) -> str:
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 5:
        return _("A few seconds left")
    if seconds < 55:
        rough = math.ceil(seconds / 10) * 10
        return _("About {seconds} seconds left").format(seconds=rough)
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return ngettext(
            "About {minutes} minute left", "About {minutes} minutes left", minutes
        ).format(minutes=minutes)
    hours = round(minutes / 60)
    return ngettext("About {hours} hour left", "About {hours} hours left", hours).format(
        hours=hours
    )
