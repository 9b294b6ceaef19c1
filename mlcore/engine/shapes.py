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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcore.engine.values import Value

Floats = NDArray[np.float64]


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
        if any(a >= b for a, b in zip(self.knots, self.knots[1:], strict=False)):
            raise ValueError("a curve's knots must rise")
        if not all(map(math.isfinite, (*self.knots, *self.values, self.missing))):
            raise ValueError("a curve must be finite")

    def at(self, value: Value) -> float:
        """Log-odds that `value` contributes."""
        if value is None:
            return self.missing
        knots, values = self.knots, self.values
        x = float(value)
        right = bisect_right(knots, x)
        if right == 0:
            return values[0]
        if right == len(knots):
            return values[-1]
        left = right - 1
        rise = values[right] - values[left]
        return values[left] + rise * ((x - knots[left]) / (knots[right] - knots[left]))

    def over(self, column: Sequence[Value]) -> Floats:
        """`at` for each of n values: an array of n log-odds."""
        x = np.array([math.nan if v is None else v for v in column], dtype=np.float64)
        knots, values = self._arrays
        right = np.searchsorted(knots, x, side="right")
        inner = np.clip(right, 1, max(len(knots) - 1, 1))
        left = inner - 1
        inner = np.minimum(inner, len(knots) - 1)
        rise = values[inner] - values[left]
        # Beyond the ends this computes nonsense, and `where` sets it aside.
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            between = values[left] + rise * ((x - knots[left]) / (knots[inner] - knots[left]))
        found = np.where(right == 0, values[0], np.where(right == len(knots), values[-1], between))
        return np.where(np.isnan(x), self.missing, found)

    @cached_property
    def _arrays(self) -> tuple[Floats, Floats]:
        return np.array(self.knots), np.array(self.values)

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
        answers = self._answers
        return np.fromiter((answers[value] for value in column), np.float64, len(column))

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

    def place_all(self, column: Sequence[Value]) -> NDArray[np.intp]:
        """`place` for each of n values: an array of n places."""
        if self.answers:
            by_answer = self._by_answer
            return np.fromiter((by_answer[value] for value in column), np.intp, len(column))
        x = np.array([math.nan if v is None else v for v in column], dtype=np.float64)
        return np.where(
            np.isnan(x), len(self.cuts) + 1, np.searchsorted(self.cuts, x, side="right")
        )

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
        if not all(math.isfinite(value) for row in self.values for value in row):
            raise ValueError("a pair must be finite")

    @property
    def name(self) -> str:
        """By which its contribution goes: `over_time:job_level`."""
        return ":".join(self.features)

    def at(self, first: Value, second: Value) -> float:
        """Log-odds that the two values contribute together."""
        return self.values[self.axes[0].place(first)][self.axes[1].place(second)]

    def over(self, first: Sequence[Value], second: Sequence[Value]) -> Floats:
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
