"""How well n probabilities foretold n answers: the measures, and how sure they are.

Every measure takes weights, for a resample of a bootstrap is the same rows with other weights; and
everything that a resample needs of the ranking is computed once. Definitions and sources are in
`docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METRICS = ("roc_auc", "average_precision", "brier", "log_loss", "calibration_error")
LIMITS = {name: (0.0, np.inf if name == "log_loss" else 1.0) for name in METRICS}
BINS = 10
_SURE = 1e-15  # a probability is never taken for nearer than this to 0 or 1 in the log loss


@dataclass(frozen=True)
class Ranking:
    """n probabilities and their answers, from the highest risk to the lowest."""

    left: Ints
    """1 for who left, 0 for who stayed; shape (n,)."""
    probability: Floats
    """Shape (n,)."""

    @cached_property
    def order(self) -> Ints:
        """The rows by falling probability; among equals, as they stand."""
        return np.argsort(-self.probability, kind="stable")

    @cached_property
    def _ends(self) -> Ints:
        """Where each run of equal probabilities ends, in `order`."""
        ranked = self.probability[self.order]
        return np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)

    @cached_property
    def _left_ranked(self) -> Floats:
        return self.left[self.order].astype(np.float64)

    def counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """Leavers and stayers down to each distinct probability, from (0, 0) on."""
        ranked = weights[self.order]
        leavers = np.cumsum(ranked * self._left_ranked)[self._ends]
        stayers = np.cumsum(ranked)[self._ends] - leavers
        return np.append(0.0, leavers), np.append(0.0, stayers)

    @cached_property
    def _losses(self) -> Floats:
        given = np.where(self.left == 1, self.probability, 1 - self.probability)
        return np.asarray(-np.log(np.clip(given, _SURE, 1)))

    @cached_property
    def _squares(self) -> Floats:
        return np.asarray((self.probability - self.left) ** 2)

    def measure(self, weights: Floats | None = None) -> dict[str, float]:
        """Every metric but the calibration error, with `weights` of shape (n,)."""
        if weights is None:
            weights = np.ones(len(self.left))
        leavers, stayers = self.counts(weights)
        with np.errstate(invalid="ignore"):
            precision = leavers[1:] / (leavers[1:] + stayers[1:])
        # Nobody at the top of a resample: a list of nobody adds no leaver either.
        steps = np.diff(leavers) * np.where(np.isnan(precision), 0.0, precision)
        total = weights.sum()
        return {
            "roc_auc": float(np.trapezoid(leavers, stayers) / (leavers[-1] * stayers[-1])),
            "average_precision": float(steps.sum() / leavers[-1]),
            "brier": float(weights @ self._squares / total),
            "log_loss": float(weights @ self._losses / total),
        }

    @cached_property
    def _answers(self) -> tuple[Ints, int]:
        """For each row the number of its distinct probability, and how many of these there are."""
        distinct, number = np.unique(self.probability, return_inverse=True)
        return number, len(distinct)

    def bins(
        self, weights: Floats | None = None, count: int = BINS
    ) -> list[tuple[float, float, float]]:
        """`count` bins of equal size, from the lowest risk: size, mean risk, share that left.

        `weights` are whole numbers. Where a bin ends among people of equal risk, all of them count
        as the same mixture of leavers and stayers: which of them stands first means nothing.
        """
        rising = self.order[::-1]
        if weights is None:
            weights = np.ones(len(self.left))
        number, distinct = self._answers
        people = np.bincount(number, weights, distinct)
        leavers = np.bincount(number, weights * self.left, distinct)
        observed = (leavers / np.maximum(people, 1e-300))[number]
        drawn = np.repeat(rising, weights[rising].astype(np.int64))
        return [
            (len(rows), float(self.probability[rows].mean()), float(observed[rows].mean()))
            for rows in np.array_split(drawn, count)
            if len(rows)
        ]

    def calibration_error(self, weights: Floats | None = None, bins: int = BINS) -> float:
        """Expected calibration error over bins of equal size: 0 is perfect."""
        found = self.bins(weights, bins)
        total = sum(size for size, _, _ in found)
        return sum(size * abs(observed - mean) for size, mean, observed in found) / total

    def roc(self, at: Floats, weights: Floats) -> Floats:
        """The share of leavers listed when the shares `at` of stayers are; straight between."""
        leavers, stayers = self.counts(weights)
        # Of points above each other, the highest: `interp` takes the last of equals.
        return np.asarray(np.interp(at, stayers / stayers[-1], leavers / leavers[-1]))

    def precision(self, at: Floats, weights: Floats) -> Floats:
        """The share of leavers on the shortest list that holds the shares `at` of all leavers.

        Not interpolated: between two lists precision does not run straight (Davis and Goadrich,
        2006, "The relationship between precision-recall and ROC curves").
        """
        leavers, stayers = self.counts(weights)
        place = np.searchsorted(leavers / leavers[-1], at - 1e-12)
        place = np.clip(place, 1, len(leavers) - 1)
        listed = leavers[place] + stayers[place]
        return np.asarray(leavers[place] / np.maximum(listed, 1e-300))


def resamples(groups: Ints, left: Ints, count: int, seed: int) -> list[Floats]:
    """How often each of n employees is drawn, `count` times: the bootstrap's weights.

    Groups are drawn, with replacement and as many as there are; those who are one group, for they
    are duplicates, come together or not at all. Leavers are drawn as they come: how many there are
    is chance too, and a Brier score depends on it. A resample without leavers, or with nothing but
    leavers, ranks nobody, and is drawn again.
    """
    if len(np.unique(left)) < 2:
        raise ValueError("some must have left, and some stayed")
    dice = np.random.default_rng(seed)
    numbers, member = np.unique(groups, return_inverse=True)
    drawn: list[Floats] = []
    while len(drawn) < count:
        picked = dice.integers(0, len(numbers), len(numbers))
        weights = np.bincount(picked, minlength=len(numbers))[member].astype(np.float64)
        if 0 < weights @ left < weights.sum():
            drawn.append(weights)
    return drawn


def centred(value: float, drawn: Floats, limits: tuple[float, float]) -> tuple[float, float]:
    """The 95 % interval around `value` from what resamples gave.

    The 2.5 % and 97.5 % quantiles, moved by the bootstrap's own bias, which is what its mean is
    away from `value` (Efron and Tibshirani, 1993, "An introduction to the bootstrap", chapter 10):
    a resample repeats people, and so looks less calibrated than the sample it is drawn from.
    """
    low, high = np.quantile(drawn, [0.025, 0.975]) - drawn.mean() + value
    return max(limits[0], float(low)), min(limits[1], float(high))


def band(draw: Callable[[Floats], Floats], weights: list[Floats]) -> tuple[Floats, Floats]:
    """The 2.5 % and 97.5 % quantiles, point by point, of a curve drawn on each resample."""
    low, high = np.quantile(np.array([draw(each) for each in weights]), [0.025, 0.975], axis=0)
    return low, high
