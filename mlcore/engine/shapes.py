"""What one feature, or a pair of features, does to the log-odds: tables, looked up.

A value alone (`at`) and a column of values (`over`) go through the same operations in the same
order, so that they agree to the last bit.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mlcore.engine.values import Value

Floats = NDArray[np.float64]


def numbers(column: Sequence[Value] | Floats) -> Floats:
    """A column of numbers as an array, a blank as NaN. An array of floats is taken as it is."""
    return np.asarray(column, dtype=np.float64)  # numpy itself makes NaN of None


@dataclass(frozen=True)
class Curve:
    """The shape of a number: straight lines between knots, flat beyond the first and the last."""

    knots: tuple[float, ...]
    """Strictly rising, in the feature's unit."""
    values: tuple[float, ...]
    """Log-odds at each knot."""
    missing: float = 0.0
    """Log-odds of a blank."""

    def __post_init__(self) -> None:
        if len(self.knots) != len(self.values) or not self.knots:
            raise ValueError("a curve needs one value per knot, and at least one knot")
        # Arrays are judged many times faster than numbers one by one, and a model has thousands.
        both = np.array((self.knots, self.values), dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            steps = np.diff(both)
        if not (np.isfinite(both).all() and math.isfinite(self.missing)):
            raise ValueError("a curve must be finite")
        if not (steps[0] > 0).all():
            raise ValueError("a curve's knots must rise")
        if not np.isfinite(steps).all():
            raise ValueError("a curve's steps must be finite")

    # Both of these add 0 to what they found, which makes of -0.0 the only zero that there is.

    def at(self, value: Value) -> float:
        """Log-odds that `value` contributes."""
        if value is None:
            return self.missing
        knots, values = self.knots, self.values
        x = float(value)
        right = bisect_right(knots, x)
        if right == 0:
            return values[0] + 0.0
        if right == len(knots):
            return values[-1] + 0.0
        left = right - 1
        rise = values[right] - values[left]
        return values[left] + rise * ((x - knots[left]) / (knots[right] - knots[left])) + 0.0

    def over(self, column: Sequence[Value] | Floats) -> Floats:
        """`at` for each of n values: an array of n log-odds. In an array, NaN is a blank."""
        x = numbers(column)
        knots, begins, rises, places, widths = self._lines
        line = knots.searchsorted(x, side="right")
        way = (x - places.take(line)) / widths.take(line)
        found: Floats = begins.take(line) + rises.take(line) * way + 0.0
        blank = np.isnan(found)
        if blank.any():
            found[blank] = self.missing
        return found

    @cached_property
    def _lines(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """The knots; and by line, the two flat ones at the ends included: where it begins, how far
        it rises, from which knot and over which width."""
        knots, values = np.array(self.knots), np.array(self.values)
        flat, one = np.zeros(1), np.ones(1)
        return (
            knots,
            np.concatenate((values[:1], values)),
            np.concatenate((flat, np.diff(values), flat)),
            # A flat line has no need of a place; 0 keeps the largest numbers from overflowing.
            np.concatenate((flat, knots[:-1], flat)),
            np.concatenate((one, np.diff(knots), one)),
        )

    def to_json(self) -> dict[str, Any]:
        return {"knots": list(self.knots), "values": list(self.values), "missing": self.missing}


@dataclass(frozen=True)
class Table:
    """The shape of a choice or of a scale: one value per answer."""

    values: Mapping[str | int, float]
    """Log-odds by the answer's value."""
    missing: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.values.values(), self.missing))):
            raise ValueError("a table must be finite")

    def at(self, value: Value) -> float:
        """Log-odds that `value` contributes. Raises `KeyError` for what is no answer."""
        return self._answers[value]

    def over(self, column: Sequence[Value]) -> Floats:
        """`at` for each of n values: an array of n log-odds."""
        return np.fromiter(map(self._answers.__getitem__, column), np.float64, len(column))

    @cached_property
    def _answers(self) -> dict[Value, float]:
        answers: dict[Value, float] = dict(self.values.items())
        return answers | {None: self.missing}

    def to_json(self) -> dict[str, Any]:
        # A list of pairs, for JSON's keys would turn the steps of a scale into texts.
        return {
            "table": [[key, value] for key, value in self.values.items()],
            "missing": self.missing,
        }


Shape = Curve | Table


def shape_from_json(stored: Mapping[str, Any]) -> Shape:
    """Raises `ValueError`, `KeyError` or `TypeError` when `stored` is not a shape."""
    if "table" in stored:
        values = {key: float(value) for key, value in stored["table"]}
        if len(values) < len(stored["table"]):
            raise ValueError("a table has one value per answer")
        return Table(values, float(stored["missing"]))
    return Curve(
        tuple(map(float, stored["knots"])),
        tuple(map(float, stored["values"])),
        float(stored["missing"]),
    )


@dataclass(frozen=True)
class Axis:
    """How a pair's table divides one of its features: numbers between cuts, or answers."""

    cuts: tuple[float, ...] = ()
    """Strictly rising; a number equal to a cut lies above it. Empty for a choice."""
    answers: tuple[str | int, ...] = ()
    """Each answer is a place of its own. Empty for a number."""

    def __post_init__(self) -> None:
        if bool(self.cuts) == bool(self.answers):
            raise ValueError("an axis has cuts or answers")
        if any(a >= b for a, b in zip(self.cuts, self.cuts[1:], strict=False)):
            raise ValueError("an axis' cuts must rise")
        if not all(map(math.isfinite, self.cuts)):
            raise ValueError("an axis' cuts must be finite")
        if len(set(self.answers)) < len(self.answers):
            raise ValueError("an axis' answers must differ")

    @property
    def places(self) -> int:
        """How many places there are; the last one is a blank's."""
        return len(self.answers) + 1 if self.answers else len(self.cuts) + 2

    def place(self, value: Value) -> int:
        """The place of a value. Raises `KeyError` for what is no answer."""
        if self.answers:
            return self._by_answer[value]
        return len(self.cuts) + 1 if value is None else bisect_right(self.cuts, float(value))

    def place_all(self, column: Sequence[Value] | Floats) -> NDArray[np.intp]:
        """`place` for each of n values: an array of n places. In an array, NaN is a blank."""
        if self.answers:
            places = map(self._by_answer.__getitem__, cast("Sequence[Value]", column))
            return np.fromiter(places, np.intp, len(column))
        x = numbers(column)
        found = self._cuts.searchsorted(x, side="right")
        blank = np.isnan(x)
        if blank.any():
            found[blank] = len(self.cuts) + 1
        return found

    @cached_property
    def _cuts(self) -> Floats:
        return np.array(self.cuts, dtype=np.float64)

    @cached_property
    def _by_answer(self) -> dict[Value, int]:
        places: dict[Value, int] = {answer: place for place, answer in enumerate(self.answers)}
        return places | {None: len(self.answers)}

    def to_json(self) -> dict[str, Any]:
        return {"answers": list(self.answers)} if self.answers else {"cuts": list(self.cuts)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Axis:
        """Raises `ValueError`, `KeyError` or `TypeError` when `stored` is not an axis."""
        if "answers" in stored:
            return cls(answers=tuple(stored["answers"]))
        return cls(cuts=tuple(map(float, stored["cuts"])))


@dataclass(frozen=True)
class Pair:
    """What two features do together, beyond what each does alone: one value per two places."""

    features: tuple[str, str]
    axes: tuple[Axis, Axis]
    values: tuple[tuple[float, ...], ...]
    """Log-odds: a row per place of the first feature, a column per place of the second."""

    def __post_init__(self) -> None:
        rows, columns = (axis.places for axis in self.axes)
        if len(self.values) != rows or any(len(row) != columns for row in self.values):
            raise ValueError("a pair needs one value per two places")
        if self.features[0] == self.features[1]:
            raise ValueError("a pair has two features")
        if not np.isfinite(self._array).all():
            raise ValueError("a pair must be finite")

    @cached_property
    def name(self) -> str:
        """By which its contribution goes: `over_time:job_level`."""
        return ":".join(self.features)

    def at(self, first: Value, second: Value) -> float:
        """Log-odds that the two values contribute together."""
        return self.values[self.axes[0].place(first)][self.axes[1].place(second)]

    def over(self, first: Sequence[Value] | Floats, second: Sequence[Value] | Floats) -> Floats:
        """`at` for each of n pairs of values: an array of n log-odds."""
        return self._array[self.axes[0].place_all(first), self.axes[1].place_all(second)]

    @cached_property
    def _array(self) -> Floats:
        return np.array(self.values, dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        return {
            "features": list(self.features),
            "axes": [axis.to_json() for axis in self.axes],
            "values": [list(row) for row in self.values],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Pair:
        """Raises `ValueError`, `KeyError` or `TypeError` when `stored` is not a pair."""
        first, second = stored["features"]
        rows, columns = stored["axes"]
        return cls(
            features=(str(first), str(second)),
            axes=(Axis.from_json(rows), Axis.from_json(columns)),
            values=tuple(tuple(map(float, row)) for row in stored["values"]),
        )
