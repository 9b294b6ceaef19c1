"""The picture of one employee over time: risks on their levels, and where the model changed.

Drawn on the server as SVG, as every picture is: colours by class, its words in the reader's
language. It is drawn twice, for a wide page and for a phone; the stylesheet shows one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from math import gcd

from django.utils import timezone
from django.utils.dateformat import format as write_date
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from mlcore.cards.charts import nice_ticks
from mlcore.engine.operating import BANDS
from mlcore.templatetags.figures import percent
from predictions.models.prediction import BandChoice
from predictions.timeline import Entry, Timeline

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_LEAST_SPAN = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Size:
    kind: str
    """The class by which the stylesheet shows it."""
    width: float
    height: float
    right: float
    """Beside the plot, for the names of the levels."""
    dates: int
    """At most so many ticks."""
    letter: float
    """About how wide a letter is."""

    left: float = 40.0
    top: float = 24.0
    bottom: float = 26.0


_SIZES = (
    _Size(kind="wide-plot", width=720, height=280, right=78, dates=7, letter=6.2),
    _Size(kind="narrow-plot", width=360, height=270, right=66, dates=4, letter=6.6),
)


def draw(timeline: Timeline) -> list[SafeString]:
    """The picture for a wide page and for a narrow one. Needs two assessments or more."""
    # What is marked as safe is drawn from numbers, and from texts that were escaped.
    return [mark_safe(_Drawing(size, timeline).svg()) for size in _SIZES]  # noqa: S308


class _Drawing:
    def __init__(self, size: _Size, timeline: Timeline) -> None:
        self.size = size
        self.entries = list(reversed(timeline.entries))
        self.changes = timeline.changes
        moments = [entry.prediction.created_at for entry in self.entries]
        self.first, self.last = moments[0], moments[-1]
        days = {timezone.localtime(moment).date() for moment in moments}
        self.pattern = "j N Y" if len(days) == len(moments) else "j N Y H:i"
        if self.last - self.first < _LEAST_SPAN:
            middle = self.first + (self.last - self.first) / 2
            self.first, self.last = middle - _LEAST_SPAN / 2, middle + _LEAST_SPAN / 2
        highest = max(
            max(entry.prediction.probability, entry.prediction.base_rate, entry.point.threshold)
            for entry in self.entries
        )
        self.top = min(highest * 1.2, 1.0)
        self.right = size.width - size.right
        self.floor = size.height - size.bottom

    def x(self, moment: datetime) -> float:
        share = (moment - self.first) / (self.last - self.first)
        # A little room, so that no dot lies on an edge.
        return self.size.left + 10 + share * (self.right - self.size.left - 20)

    def y(self, risk: float) -> float:
        return self.floor - min(risk / self.top, 1.0) * (self.floor - self.size.top)

    def svg(self) -> str:
        parts = [*self._levels(), *self._axes(), *self._base_rate(), *self._changes()]
        parts += [*self._line(), *self._dots()]
        label = _("Risk of leaving over time; each dot leads to its assessment")
        return (
            f'<svg class="over-time {self.size.kind}" role="group" aria-label="{escape(label)}"'
            f' viewBox="0 0 {self.size.width:.0f} {self.size.height:.0f}" focusable="false">'
            f"{''.join(parts)}</svg>"
        )

    def _levels(self) -> Iterator[str]:
        """An area per level, for as long as it began where it did."""
        for start, end, entry in self._stretches():
            bounds = (0.0, *entry.point.bounds, self.top)
            for band, low, high in zip(BANDS, bounds, bounds[1:], strict=False):
                lower, upper = self.y(min(low, self.top)), self.y(min(high, self.top))
                if lower - upper < 0.05:
                    continue
                yield (
                    f'<rect class="level band-{band}" x="{start:.1f}" y="{upper:.1f}"'
                    f' width="{end - start:.1f}" height="{lower - upper:.1f}"/>'
                )
                if band != "low":
                    yield f'<path class="bound" d="M{start:.1f} {lower:.1f}H{end:.1f}"/>'
        last = (0.0, *self.entries[-1].point.bounds, self.top)
        for band, low, high in zip(BANDS, last, last[1:], strict=False):
            lower, upper = self.y(min(low, self.top)), self.y(min(high, self.top))
            if lower - upper >= 11:
                yield self._text(
                    str(BandChoice(band).label), self.right + 6, (lower + upper) / 2 + 4, "level"
                )

    def _stretches(self) -> Iterator[tuple[float, float, Entry]]:
        """From where to where, in the picture, assessments were judged by one point."""
        start = self.size.left
        for before, after in pairwise(self.entries):
            if before.point != after.point:
                moments = before.prediction.created_at, after.prediction.created_at
                end = (self.x(moments[0]) + self.x(moments[1])) / 2
                yield start, end, before
                start = end
        yield start, self.right, self.entries[-1]

    def _axes(self) -> Iterator[str]:
        for tick in nice_ticks(0.0, self.top, 4):
            y = self.y(tick)
            if y < self.size.top - 1:
                continue
            yield f'<path class="rule" d="M{self.size.left:.1f} {y:.1f}H{self.right:.1f}"/>'
            yield self._text(percent(tick), self.size.left - 6, y + 4, "tick end")
        for moment, text in date_ticks(self.first, self.last, self.size.dates):
            x = self.x(moment)
            place = "middle" if x + self.size.letter * len(text) / 2 < self.size.width else "end"
            yield f'<path class="rule" d="M{x:.1f} {self.floor:.1f}v4"/>'
            yield self._text(text, x, self.size.height - 8, f"tick {place}")
        yield f'<path class="axis" d="M{self.size.left:.1f} {self.floor:.1f}H{self.right:.1f}"/>'

    def _base_rate(self) -> Iterator[str]:
        points = [(e.prediction.created_at, e.prediction.base_rate) for e in self.entries]
        path = f"M{self.size.left:.1f} {self.y(points[0][1]):.1f}"
        for before, after in pairwise(points):
            if before[1] != after[1]:
                middle = (self.x(before[0]) + self.x(after[0])) / 2
                path += f"H{middle:.1f}V{self.y(after[1]):.1f}"
        yield f'<path class="everyone" d="{path}H{self.right:.1f}"/>'
        text = _("everyone: {risk}").format(risk=percent(points[0][1]))
        yield self._text(text, self.size.left + 4, self.y(points[0][1]) - 4, "small")

    def _changes(self) -> Iterator[str]:
        edges = [self.x(change.at) for change in self.changes]
        stretches = pairwise([*edges, self.size.width])
        for change, (x, end) in zip(self.changes, stretches, strict=True):
            name = f"{change.number} · {change.version.version}"
            fits = self.size.letter * len(name) < end - x - 6
            yield f'<path class="change" d="M{x:.1f} {self.size.top - 8:.1f}V{self.floor:.1f}"/>'
            yield self._text(name if fits else str(change.number), x, 11, "start")

    def _line(self) -> Iterator[str]:
        points = "L".join(f"{x:.1f} {y:.1f}" for x, y in map(self._place, self.entries))
        yield f'<path class="line" d="M{points}"/>'

    def _dots(self) -> Iterator[str]:
        for entry in self.entries:
            prediction = entry.prediction
            x, y = self._place(entry)
            date = write_date(timezone.localtime(prediction.created_at), self.pattern)
            risk = percent(prediction.probability)
            label = f"{date} · {risk} · {prediction.get_band_display()}"
            newest = entry is self.entries[-1]
            yield (
                f'<a href="{escape(prediction.get_absolute_url())}"'
                f' aria-label="{escape(label)}"><title>{escape(label)}</title>'
                f'<circle class="reach" cx="{x:.1f}" cy="{y:.1f}" r="11"/>'
                f'<circle class="dot band-{prediction.band}" cx="{x:.1f}" cy="{y:.1f}"'
                f' r="{5.5 if newest else 4.5}"/></a>'
            )
            if newest:
                yield self._text(risk, x, y - 11, "value middle")

    def _place(self, entry: Entry) -> tuple[float, float]:
        return self.x(entry.prediction.created_at), self.y(entry.prediction.probability)

    def _text(self, text: str, x: float, y: float, kind: str) -> str:
        return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


# ------------------------------------------------------------------ dates on an axis


def date_ticks(first: datetime, last: datetime, most: int) -> list[tuple[datetime, str]]:
    """At most so many round moments between two, each as it is written: from minutes to years.

    Of the times of one day the first is written with the day.
    """
    zone = timezone.get_current_timezone()
    first, last = first.astimezone(zone), last.astimezone(zone)
    for minutes in (2, 5, 10, 20, 30, 60, 180, 360, 720):
        found = _times(first, last, minutes, most)
        if found is not None:
            days_before = [None, *(moment.date() for moment in found)]
            return [
                (moment, write_date(moment, "H:i" if moment.date() == day else "j N H:i"))
                for moment, day in zip(found, days_before, strict=False)
            ]
    for days in (1, 2, 7, 14):
        found = _days(first, last, days, most)
        if found is not None:
            return [(moment, write_date(moment, "j N")) for moment in found]
    for months in (1, 2, 3, 6, 12, 24, 60, 120, 240, 1200):
        found = _months(first, last, months, most, zone)
        if found is not None:
            pattern = "N Y" if months < 12 else "Y"
            return [(moment, write_date(moment, pattern)) for moment in found]
    return []


def _times(first: datetime, last: datetime, minutes: int, most: int) -> Sequence[datetime] | None:
    if (last - first) / (minutes * _MINUTE) > most:
        return None
    # Counted in universal time: an hour may be there twice, or not at all. Where clocks differ from
    # it by less than hours, they do so by quarters of one.
    moment = first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    found = []
    while moment <= last:
        local = moment.astimezone(first.tzinfo)
        if moment >= first and (local.hour * 60 + local.minute) % minutes == 0:
            found.append(local)
        moment += gcd(minutes, 15) * _MINUTE
    return found


def _days(first: datetime, last: datetime, step: int, most: int) -> Sequence[datetime] | None:
    if (last - first) / (step * _DAY) > most:
        return None
    day = first.date()
    found = []
    while day <= last.date():
        moment = datetime(day.year, day.month, day.day, tzinfo=first.tzinfo)
        if first <= moment <= last and (day.toordinal() - 1) % step == 0:  # weeks begin on Monday
            found.append(moment)
        day += _DAY
    return found


def _months(
    first: datetime, last: datetime, step: int, most: int, zone: tzinfo
) -> Sequence[datetime] | None:
    begin, end = first.year * 12 + first.month - 1, last.year * 12 + last.month - 1
    if (end - begin) / step > most:
        return None
    found = []
    for month in range(-(-begin // step) * step, end + 1, step):
        moment = datetime(month // 12, month % 12 + 1, 1, tzinfo=zone)
        if first <= moment <= last:
            found.append(moment)
    return found
