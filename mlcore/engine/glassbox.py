"""The model: a sum of one shape per feature, so that a prediction is its own explanation.

    logit p = intercept + Σ f_j(x_j)

Each shape is a table and is centred on the training population: a contribution is the difference
that a value makes against the average employee, and a blank makes none. Scoring is look-up and
addition; a row alone and a row in a frame go through the same operations in the same order and
agree to the last bit.
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

from mlcore.engine.schema import CleanFrame, CleanRow
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


@dataclass(frozen=True, slots=True)
class Score:
    """One employee's result."""

    log_odds: float
    probability: float
    contributions: dict[str, float]
    """Log-odds by feature, in the model's order; with the intercept they sum to `log_odds`."""


@dataclass(frozen=True, slots=True)
class Scores:
    """n employees' results."""

    log_odds: Floats
    """Shape (n,)."""
    probability: Floats
    """Shape (n,)."""
    contributions: dict[str, Floats]
    """By feature, each of shape (n,)."""

    def row(self, index: int) -> Score:
        """The result of row `index`, as `GlassBoxModel.score` gives it."""
        return Score(
            float(self.log_odds[index]),
            float(self.probability[index]),
            {name: float(column[index]) for name, column in self.contributions.items()},
        )


def sigmoid(log_odds: float) -> float:
    """Probability for log-odds, with numpy's `exp` so that rows and frames agree bit for bit."""
    if log_odds >= 0:
        return float(1.0 / (1.0 + np.exp(-log_odds)))
    odds = np.exp(log_odds)
    return float(odds / (1.0 + odds))


def _sigmoids(log_odds: Floats) -> Floats:
    odds = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1.0 / (1.0 + odds), odds / (1.0 + odds))


@dataclass(frozen=True)
class GlassBoxModel:
    """Intercept and shapes."""

    intercept: float
    """Log-odds of the average employee."""
    shapes: Mapping[str, Shape]
    """By feature name, in the schema's order."""
    base_rate: float
    """Share of leavers in the training data, 0 to 1."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.intercept):
            raise ValueError("the intercept must be finite")
        if not 0 < self.base_rate < 1:
            raise ValueError("the base rate must lie within 0 and 1")

    def score(self, row: CleanRow) -> Score:
        """Score and explain one employee."""
        log_odds = self.intercept
        contributions: dict[str, float] = {}
        inputs = row.inputs
        for name, shape in self.shapes.items():
            contributions[name] = contribution = shape.at(inputs[name])
            log_odds += contribution
        return Score(log_odds, sigmoid(log_odds), contributions)

    def score_frame(self, frame: CleanFrame) -> Scores:
        """Score and explain n employees: the same numbers as `score`, to the last bit."""
        log_odds = np.full(len(frame), self.intercept, dtype=np.float64)
        contributions: dict[str, Floats] = {}
        for name, shape in self.shapes.items():
            contributions[name] = shape.over(frame.inputs[name])
            log_odds = log_odds + contributions[name]
        return Scores(log_odds, _sigmoids(log_odds), contributions)

    def to_json(self) -> dict[str, Any]:
        """The model as JSON data; floats survive exactly."""
        return {
            "intercept": self.intercept,
            "base_rate": self.base_rate,
            "shapes": {name: shape.to_json() for name, shape in self.shapes.items()},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> GlassBoxModel:
        """Raises `ValueError`, `KeyError` or `TypeError` when `stored` is not a model."""
        return cls(
            intercept=float(stored["intercept"]),
            base_rate=float(stored["base_rate"]),
            shapes={name: _shape_from_json(item) for name, item in stored["shapes"].items()},
        )


def _shape_from_json(stored: Mapping[str, Any]) -> Shape:
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
