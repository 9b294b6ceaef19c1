"""A model's pictures, drawn on the server as SVG: they print, need no script, and pass the
strictest content policy.

Colours come from the stylesheet by class, so that both themes and paper are served. A picture says
what it shows to those who hear it (`label`), and its numbers stand beside it in a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import escape

from mlcore.engine.operating import BANDS, Band

Point = tuple[float, float]
Write = Callable[[float], str]
"""How a tick's value is written, in the reader's language."""

_WIDTH = 360.0
_LEFT, _RIGHT, _TOP = 46.0, 14.0, 14.0
_STRIP = 30.0  # height of a strip of densities


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One side of a picture: what it counts, from where to where, and where it is ticked."""

    title: str
    low: float
    high: float
    ticks: tuple[float, ...]
    write: Write

    def share(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1; what lies beyond stands at the end."""
        width = self.high - self.low
        return min(max((value - self.low) / width, 0.0), 1.0) if width else 0.5


def nice_ticks(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """At most so many round numbers between two: 0, 5,000, 10,000 …"""
    if not high > low:
        return (low,)
    raw = (high - low) / most
    power = 1.0
    while power > raw:
        power /= 10
    while power * 10 <= raw:
        power *= 10
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999999)
    first = int(-(-low // step))
    ticks = [round(step * place, 10) for place in range(first, first + most + 2)]
    return tuple(tick for tick in ticks if tick <= high + step * 1e-9)


class Plot:
    """A picture in the making: axes, lines and marks, in the order in which they are drawn."""

    def __init__(self, x: Axis, y: Axis, *, height: float = 250.0, strip: bool = False) -> None:
        self.x_axis, self.y_axis = x, y
        self.height = height
        self._strip = _STRIP + 6 if strip else 0.0
        self._floor = height - 44.0 - self._strip  # where y begins
        self._parts: list[str] = []
        self._axes()

    def at(self, x: float, y: float) -> Point:
        """Where a point of the data lies in the picture."""
        return (
            _LEFT + self.x_axis.share(x) * (_WIDTH - _LEFT - _RIGHT),
            self._floor - self.y_axis.share(y) * (self._floor - _TOP),
        )

    def _axes(self) -> None:
        right, bottom = _WIDTH - _RIGHT, self._floor + self._strip
        for tick in self.y_axis.ticks:
            _, y = self.at(self.x_axis.low, tick)
            self._parts.append(
                f'<path class="rule" d="M{_LEFT:.1f} {y:.1f}H{right:.1f}"/>'
                f'<text class="tick end" x="{_LEFT - 6:.1f}" y="{y + 4:.1f}">'
                f"{escape(self.y_axis.write(tick))}</text>"
            )
        for tick in self.x_axis.ticks:
            x, _ = self.at(tick, self.y_axis.low)
            place = "middle" if x < right - 16 else "end"
            self._parts.append(
                f'<path class="rule" d="M{x:.1f} {bottom:.1f}v4"/>'
                f'<text class="tick {place}" x="{x if place == "middle" else right:.1f}"'
                f' y="{bottom + 17:.1f}">{escape(self.x_axis.write(tick))}</text>'
            )
        self._parts.append(
            f'<path class="axis" d="M{_LEFT:.1f} {self._floor:.1f}H{right:.1f}"/>'
            f'<text class="title middle" x="{(_LEFT + right) / 2:.1f}" y="{self.height - 6:.1f}">'
            f"{escape(self.x_axis.title)}</text>"
        )

    def line(self, points: Sequence[Point], kind: str = "line") -> Plot:
        """A line through points."""
        if points:
            self._parts.append(f'<path class="{kind}" d="M{_path(map(self._at, points))}"/>')
        return self

    def interval(self, lows: Sequence[Point], highs: Sequence[Point]) -> Plot:
        """The area between two lines."""
        if lows and highs:
            outline = [*map(self._at, lows), *map(self._at, reversed(highs))]
            self._parts.append(f'<path class="interval" d="M{_path(outline)}Z"/>')
        return self

    def whisker(self, x: float, low: float, high: float) -> Plot:
        """How far up and down the truth may lie at one place."""
        (left, bottom), (_, top) = self.at(x, low), self.at(x, high)
        self._parts.append(
            f'<path class="whisker" d="M{left:.1f} {bottom:.1f}V{top:.1f}'
            f'M{left - 3:.1f} {bottom:.1f}h6M{left - 3:.1f} {top:.1f}h6"/>'
        )
        return self

    def dot(self, x: float, y: float, kind: str = "dot", radius: float = 4.0) -> Plot:
        """A mark."""
        left, top = self.at(x, y)
        self._parts.append(
            f'<circle class="{kind}" cx="{left:.1f}" cy="{top:.1f}" r="{radius:.1f}"/>'
        )
        return self

    def words(self, x: float, y: float, text: str, place: str = "start", dy: float = 0.0) -> Plot:
        """A label at a point of the data."""
        left, top = self.at(x, y)
        self._parts.append(
            f'<text class="label {place}" x="{left:.1f}" y="{top + dy:.1f}">{escape(text)}</text>'
        )
        return self

    def densities(self, edges: Sequence[float], counts: Sequence[float]) -> Plot:
        """Below the x axis, how many people there are in each stretch of it."""
        largest = max(counts, default=0) or 1
        base = self._floor + self._strip
        for low, high, count in zip(edges, edges[1:], counts, strict=False):
            left, right = self.at(low, 0)[0], self.at(high, 0)[0]
            tall = _STRIP * count / largest
            if tall:
                self._parts.append(
                    f'<rect class="density" x="{left:.1f}" y="{base - tall:.1f}"'
                    f' width="{max(right - left - 0.6, 0.8):.1f}" height="{max(tall, 1):.1f}"/>'
                )
        return self

    def svg(self, label: str) -> str:
        """The picture; `label` says what it shows to those who cannot see it."""
        return (
            f'<svg class="plot" viewBox="0 0 {_WIDTH:.0f} {self.height:.0f}" role="img"'
            f' aria-label="{escape(label)}" focusable="false">{"".join(self._parts)}</svg>'
        )

    def _at(self, point: Point) -> Point:
        return self.at(*point)


def _path(points: Iterable[Point]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def bar(share: float, *, kind: str = "", tick: float | None = None) -> str:
    """A share of 0 to 1 as a bar from zero, with a tick where something else lies."""
    mark = _tick(tick) if tick is not None else ""
    return _bar(
        f'<rect class="{kind or "amount"}" width="{_within(share) * 100:.2f}" height="10"/>{mark}'
    )


def interval_bar(share: float, low: float, high: float, *, tick: float | None = None) -> str:
    """A bar from zero with the interval in which the truth may lie."""
    start, end = _within(low) * 100, _within(high) * 100
    mark = _tick(tick) if tick is not None else ""
    return _bar(
        f'<rect class="amount" width="{_within(share) * 100:.2f}" height="10"/>'
        f'<rect class="interval" x="{start:.2f}" y="3.5" width="{max(end - start, 0.4):.2f}"'
        f' height="3"/>{mark}'
    )


def band_mark(band: Band) -> str:
    """Four rising bars, as many filled as the level of risk is high."""
    level = BANDS.index(band)
    bars = "".join(
        f'<rect class="{"on" if step <= level else "off"}" x="{step * 4}" y="{9 - step * 3}"'
        f' width="3" height="{3 + step * 3}" rx="0.5"/>'
        for step in range(len(BANDS))
    )
    return (
        f'<svg class="mark band-{band}" viewBox="0 0 15 12" width="15" height="12"'
        f' aria-hidden="true" focusable="false">{bars}</svg>'
    )


def people(count: int, kind: str) -> str:
    """A hundred people in ten rows, `count` of them filled; `kind` is the class that colours them.

    Counting people is what readers of risks understand best (Garcia-Retamero and Cokely, 2017,
    "Designing visual aids that promote risk literacy").
    """
    dots = "".join(
        f'<circle class="{"on" if person < count else "off"}"'
        f' cx="{person % 10 * 10 + 5}" cy="{person // 10 * 10 + 5}" r="4"/>'
        for person in range(100)
    )
    return (
        f'<svg class="people {kind}" viewBox="0 0 100 100" aria-hidden="true"'
        f' focusable="false">{dots}</svg>'
    )


def _bar(content: str) -> str:
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"'
        f' focusable="false"><rect class="track" width="100" height="10"/>{content}</svg>'
    )


def _tick(share: float) -> str:
    return f'<rect class="axis" x="{min(_within(share) * 100, 99.2):.2f}" width="0.8" height="10"/>'


def _within(share: float) -> float:
    return min(max(share, 0.0), 1.0)
