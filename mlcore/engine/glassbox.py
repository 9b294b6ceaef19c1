"""The model: a sum of shapes, so that a prediction is its own explanation.

    η = intercept + Σ f_j(x_j) + Σ f_jk(x_j, x_k)
    p = floor + (1 - floor) / (1 + exp(-η))

Each shape is a table, and is centred on the training population: a contribution is the difference
that a value makes against the average employee. `floor` is the share that leaves whatever the
conditions are, for reasons that no input tells (the natural response rate of Abbott, 1925, "A
method of computing the effectiveness of an insecticide", and Finney, 1971, "Probit analysis",
chapter 7); with a floor of 0, η is the logit of p. Scoring is look-up and addition; a row alone
and a row in a frame go through the same operations in the same order and agree to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mlcore.engine.schema import CleanFrame, CleanRow
from mlcore.engine.shapes import Curve, Floats, Pair, Shape, numbers, shape_from_json

# Rows that are scored at once: what they need meanwhile stays in the processor's cache.
_PORTION = 16_384


@dataclass(frozen=True, slots=True)
class Score:
    """One employee's result."""

    log_odds: float
    probability: float
    contributions: dict[str, float]
    """Log-odds by feature, then by pair, in the model's order; with the intercept they sum to
    `log_odds`."""


@dataclass(frozen=True, slots=True)
class Scores:
    """n employees' results."""

    log_odds: Floats
    """Shape (n,)."""
    probability: Floats
    """Shape (n,)."""
    contributions: dict[str, Floats]
    """By feature, then by pair, each of shape (n,)."""

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
    """Intercept, shapes, pairs and floor."""

    intercept: float
    """Log-odds of the average employee."""
    shapes: Mapping[str, Shape]
    """By feature name, in the schema's order."""
    base_rate: float
    """Share of leavers in the training data, 0 to 1."""
    pairs: tuple[Pair, ...] = ()
    floor: float = 0.0
    """The least probability that there is, 0 to 1."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.intercept):
            raise ValueError("the intercept must be finite")
        if not 0 < self.base_rate < 1:
            raise ValueError("the base rate must lie within 0 and 1")
        if not 0 <= self.floor < 1:
            raise ValueError("the floor must lie within 0 and 1")
        if any(":" in name for name in self.shapes):
            raise ValueError("a feature's name has no colon: a pair's has")
        names = [pair.name for pair in self.pairs]
        if len(set(names)) < len(names):
            raise ValueError("pairs must differ")
        if not {name for pair in self.pairs for name in pair.features} <= self.shapes.keys():
            raise ValueError("a pair's features must have shapes of their own")

    def score(self, row: CleanRow) -> Score:
        """Score and explain one employee."""
        log_odds = self.intercept
        contributions: dict[str, float] = {}
        inputs = row.inputs
        for name, shape in self.shapes.items():
            contributions[name] = contribution = shape.at(inputs[name])
            log_odds += contribution
        for pair in self.pairs:
            first, second = pair.features
            contributions[pair.name] = contribution = pair.at(inputs[first], inputs[second])
            log_odds += contribution
        return Score(log_odds, self.probability(log_odds), contributions)

    def probability(self, log_odds: float) -> float:
        """The probability of leaving for a sum of contributions."""
        return self.floor + (1.0 - self.floor) * sigmoid(log_odds)

    def score_frame(self, frame: CleanFrame) -> Scores:
        """Score and explain n employees: the same numbers as `score`, to the last bit.

        Beyond the input it takes 8 bytes per row and number that comes out, and little else.
        """
        count = len(frame)
        scores = Scores(
            np.full(count, self.intercept, dtype=np.float64),
            np.empty(count, dtype=np.float64),
            {name: np.empty(count, dtype=np.float64) for name in self.terms},
        )
        for start in range(0, count, _PORTION):
            self._score_portion(frame, slice(start, start + _PORTION), scores)
        return scores

    def _score_portion(self, frame: CleanFrame, rows: slice, scores: Scores) -> None:
        # A number is made an array once, for its curve and for its pairs.
        columns: dict[str, Any] = {
            name: numbers(column) if isinstance(self.shapes[name], Curve) else column
            for name in self.shapes
            for column in (frame.inputs[name][rows],)
        }
        log_odds = scores.log_odds[rows]
        for name, shape in self.shapes.items():
            contribution = scores.contributions[name][rows] = shape.over(columns[name])
            log_odds += contribution
        for pair in self.pairs:
            first, second = pair.features
            contribution = pair.over(columns[first], columns[second])
            scores.contributions[pair.name][rows] = contribution
            log_odds += contribution
        scores.probability[rows] = self.floor + (1.0 - self.floor) * _sigmoids(log_odds)

    @cached_property
    def terms(self) -> tuple[str, ...]:
        """What contributes: the features by name, then the pairs."""
        return (*self.shapes, *(pair.name for pair in self.pairs))

    @cached_property
    def learns_from_blanks(self) -> bool:
        """Whether a blank may count for something else than the average employee's value."""
        return any(shape.missing for shape in self.shapes.values()) or any(
            any(pair.values[-1]) or any(row[-1] for row in pair.values) for pair in self.pairs
        )

    def to_json(self) -> dict[str, Any]:
        """The model as JSON data; floats survive exactly."""
        return {
            "intercept": self.intercept,
            "base_rate": self.base_rate,
            "floor": self.floor,
            "shapes": {name: shape.to_json() for name, shape in self.shapes.items()},
            "pairs": [pair.to_json() for pair in self.pairs],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> GlassBoxModel:
        """Raises `ValueError`, `KeyError` or `TypeError` when `stored` is not a model."""
        return cls(
            intercept=float(stored["intercept"]),
            base_rate=float(stored["base_rate"]),
            floor=float(stored["floor"]),
            shapes={name: shape_from_json(item) for name, item in stored["shapes"].items()},
            pairs=tuple(Pair.from_json(item) for item in stored["pairs"]),
        )
