"""Pairs of features: which of them do more together than apart, and the tables of what they do.

Every step works on a small grid, so it costs little however many employees there are: the slopes
and the curvature of the log loss are summed by cell, and all ways of cutting the two axes once
each are judged at one blow (after FAST: Lou, Caruana, Gehrke and Hooker, 2013, "Accurate
intelligible models with pairwise interactions").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from mlcore.engine.features import Feature
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Axis

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_PAIRS = 10
MOST_CUTS = 15  # of a number's axis
MOST_ANSWERS = 16  # of a choice's or a scale's axis; with more, a table would be noise
MOST_FEATURES = 60  # 1,770 pairs; with more features, those with the weakest shapes are left out
FEWEST_EXPECTED = 5.0  # curvature in each quarter, in employees: with less, chance looks like proof
# Squared contrast over its variance: about the median of the strongest among 36 pairs of noise.
# It spares the inner folds what is hopeless; they judge the rest.
WEAKEST = 11.0

ROUNDS = 100  # of boosting, over all pairs
RATE = 0.1
SHRINKAGE = 20.0  # curvature by which each quarter's value is pulled to zero


@dataclass(frozen=True, kw_only=True)
class Grid:
    """One feature cut into places: an axis that a pair's table can have."""

    axis: Axis
    cuts: Floats
    """Shape (ways, places): 1 where a place lies on the first side of one way to cut the axis."""
    places: Ints
    """Of each employee, shape (n,)."""


def grid(feature: Feature, column: Floats) -> Grid | None:
    """The places of a column of codes; None when there is nothing to cut, or too much."""
    axis = _axis(feature, column)
    if axis is None:
        return None
    last = axis.places - 1
    if feature.kind == "choice":
        # Answers have no order: each one, and the blank, against all others.
        ways = np.eye(last + 1)
    else:
        # Up to a place against beyond it; the last of these ways is known against blank.
        ways = np.tril(np.ones((last + 1, last + 1)))[:-1]
    return Grid(axis=axis, cuts=ways, places=places_of(feature, axis, column))


def _axis(feature: Feature, column: Floats) -> Axis | None:
    if feature.choices:
        if len(feature.choices) > MOST_ANSWERS:
            return None
        answers = tuple(choice.value for choice in feature.choices)
        return Axis(answers=tuple(sorted(answers)) if feature.kind == "scale" else answers)
    known = np.unique(column[~np.isnan(column)])
    if len(known) < 2:
        return None
    if len(known) <= MOST_CUTS + 1:
        cuts = known[1:]
    else:
        shares = np.linspace(0, 1, MOST_CUTS + 2)[1:-1]
        below = np.quantile(column[~np.isnan(column)], shares, method="nearest")
        after = np.minimum(np.searchsorted(known, below, side="right"), len(known) - 1)
        cuts = known[np.unique(after)]
    cuts = np.unique(cuts[(cuts > known[0]) & (cuts <= known[-1])])
    return Axis(cuts=tuple(cuts.tolist())) if len(cuts) else None


def places_of(feature: Feature, axis: Axis, column: Floats) -> Ints:
    """The place of each code on an axis, shape (n,)."""
    blank = np.isnan(column)
    if feature.kind == "number":
        found = np.searchsorted(np.array(axis.cuts), column, side="right")
    elif feature.kind == "choice":
        found = np.where(blank, 0, column).astype(np.int64)
    else:
        steps = np.array(axis.answers, dtype=np.float64)
        found = np.searchsorted(steps, np.where(blank, steps[0], column))
    result: Ints = np.where(blank, axis.places - 1, found).astype(np.int64)
    return result


@dataclass(frozen=True, kw_only=True)
class Found:
    """A pair that does more together than apart."""

    first: int
    second: int
    """Places of the features in the schema, rising."""
    evidence: float = 0.0
    """The best single contrast's square over its variance: chi-squared with one degree of freedom,
    were it chosen before looking."""


def screen(grids: Sequence[Grid | None], log_odds: Floats, left: Floats) -> tuple[list[Found], int]:
    """The pairs worth a trial, strongest contrast first, `MOST_PAIRS` at most; and how many were
    looked at.

    `log_odds` (n,) are those of a model without pairs. A contrast compares the four quarters into
    which two cuts divide the employees: (both - first alone) - (second alone - neither). It is
    untouched by what either feature does alone.
    """
    usable = {j: each for j, each in enumerate(grids) if each}
    p = expit(log_odds)
    curve = np.maximum(p * (1 - p), 1e-10)
    candidates = list(combinations(usable, 2))
    found = []
    for j, k in candidates:
        a, b = usable[j], usable[k]
        evidence = _contrasts(a, b, *_sums(a, b, np.ones(len(p)), left, p, curve))
        if (best := float(evidence.max(initial=0.0))) > WEAKEST:
            found.append(Found(first=j, second=k, evidence=best))
    found.sort(key=lambda pair: (-pair.evidence, pair.first, pair.second))
    return found[:MOST_PAIRS], len(candidates)


def _sums(a: Grid, b: Grid, *columns: Floats) -> list[Floats]:
    """Each column of shape (n,) summed by cell: shape (places of a, places of b)."""
    shape = (a.axis.places, b.axis.places)
    cell = a.places * shape[1] + b.places
    size = shape[0] * shape[1]
    summed: list[Floats] = []
    for column in columns:
        summed.append(np.bincount(cell, column, size).reshape(shape).astype(np.float64))
    return summed


def _quarters(a: Grid, b: Grid, sums: Floats) -> Floats:
    """Sums in the four quarters of each two cuts, shape (4, ways of a, ways of b)."""
    shared = a.cuts @ sums @ b.cuts.T
    first = (a.cuts @ sums.sum(axis=1))[:, None] - shared
    second = (b.cuts @ sums.sum(axis=0))[None, :] - shared
    return np.stack([shared, first, second, sums.sum() - shared - first - second])


def _contrasts(
    a: Grid, b: Grid, people: Floats, leavers: Floats, expected: Floats, curve: Floats
) -> Floats:
    """The square over the variance of each contrast, shape (ways of a, ways of b).

    In log-odds, and with the curvature between what was expected and what was found: leaving is
    rare, and the plain score would take a few unlikely leavers in a small quarter for proof.
    """
    count, left, mean, curves = (
        _quarters(a, b, sums) for sums in (people, leavers, expected, curve)
    )
    enough = curves.min(axis=0) >= FEWEST_EXPECTED
    found, before = (np.maximum(left, 0) + 0.5), (np.maximum(mean, 0) + 0.5)
    stayed, before_stayed = np.maximum(count - left, 0) + 0.5, np.maximum(count - mean, 0) + 0.5
    steps = np.log(found / stayed) - np.log(before / before_stayed)
    after = curves * (found * stayed) / (before * before_stayed)
    between = np.maximum((curves + after) / 2, 1e-10)
    contrast = steps[0] - steps[1] - steps[2] + steps[3]
    evidence: Floats = np.where(enough, contrast**2 / (1 / between).sum(axis=0), 0.0)
    return evidence


def boost(
    grids: Sequence[Grid | None],
    chosen: Sequence[Found],
    log_odds: Floats,
    left: Floats,
    weights: Floats | None = None,
) -> list[Floats]:
    """A table per pair that corrects `log_odds` (n,): boosted quarters, one pair after another.

    Tables still hold what each feature does alone; `purify` takes it out.
    """
    tables = []
    weight: Floats | float = 1.0 if weights is None else weights
    eta = log_odds.copy()
    axes = []
    for pair in chosen:
        a, b = both(grids, pair)
        axes.append((a, b))
        tables.append(np.zeros((a.axis.places, b.axis.places)))
    for _ in range(ROUNDS):
        for (a, b), table in zip(axes, tables, strict=True):
            p = expit(eta)
            g, h = _sums(a, b, weight * (left - p), weight * p * (1 - p))
            slopes, curves = _quarters(a, b, g), _quarters(a, b, h)
            steps = slopes / (curves + SHRINKAGE)
            gain = (slopes * steps).sum(axis=0)
            gain[curves.min(axis=0) < FEWEST_EXPECTED] = 0.0
            i, k = np.unravel_index(int(gain.argmax()), gain.shape)
            if gain[i, k] <= 0:
                continue
            side_a, side_b = a.cuts[i][:, None], b.cuts[k][None, :]
            quarters = RATE * steps[:, i, k]
            move = (
                quarters[0] * side_a * side_b
                + quarters[1] * side_a * (1 - side_b)
                + quarters[2] * (1 - side_a) * side_b
                + quarters[3] * (1 - side_a) * (1 - side_b)
            )
            table += move
            eta = eta + move[a.places, b.places]
    return tables


def pure(
    grids: Sequence[Grid | None],
    chosen: Sequence[Found],
    log_odds: Floats,
    left: Floats,
    weights: Floats | None = None,
) -> list[tuple[Floats, Floats, Floats, float]]:
    """`boost`, then `purify` of each table by the employees in its cells."""
    parts = []
    tables = boost(grids, chosen, log_odds, left, weights)
    for pair, table in zip(chosen, tables, strict=True):
        a, b = both(grids, pair)
        (counts,) = _sums(a, b, np.ones(len(left)))
        parts.append(purify(table, counts))
    return parts


def purify(table: Floats, counts: Floats) -> tuple[Floats, Floats, Floats, float]:
    """Split a table into what is left of it, a value per row, one per column, and a constant.

    Weighted by `counts`, employees by cell, every row and column of what is left has the mean 0
    (Lengerich, Tan, Chang, Hooker and Caruana, 2020, "Purifying interaction effects"). The four
    parts sum to the table. Where nobody is, nothing is known: such a cell gets the sum of its row
    and column, its own part 0.
    """
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    # What to take from each row and column, so that all their means are 0 at once: taking them
    # in turn may need thousands of rounds where few people connect two parts of the table.
    # Divided by the roots of the counts; of the answers that differ by a constant, the shortest.
    weights = np.sqrt(np.maximum(np.concatenate([rows, columns]), 1.0))
    normal = np.block([[np.diag(rows), counts], [counts.T, np.diag(columns)]])
    known = np.where(counts > 0, table, 0.0) * counts
    sums = np.concatenate([known.sum(axis=1), known.sum(axis=0)])
    taken, *_ = np.linalg.lstsq(normal / np.outer(weights, weights), sums / weights, rcond=1e-11)
    by_row, by_column = np.split(taken / weights, [len(rows)])
    pure = np.where(counts > 0, table - by_row[:, None] - by_column[None, :], 0.0)
    constant = float(by_row @ rows + by_column @ columns) / max(float(rows.sum()), 1.0)
    row_mean = float(by_row @ rows) / max(float(rows.sum()), 1.0)
    column_mean = float(by_column @ columns) / max(float(rows.sum()), 1.0)
    return pure, by_row - row_mean, by_column - column_mean, constant


def both(grids: Sequence[Grid | None], pair: Found) -> tuple[Grid, Grid]:
    """The grids of a pair that `screen` found: it finds none without."""
    first, second = grids[pair.first], grids[pair.second]
    if first is None or second is None:
        raise ValueError("a pair's features must have grids")
    return first, second


def names(schema: FeatureSchema, pair: Found) -> tuple[str, str]:
    """The two features' names."""
    return schema.features[pair.first].name, schema.features[pair.second].name
