"""Pairs of features: which of them do more together than apart, and the tables of what they do.

Every step works on a small grid, so it costs little however many employees there are: the slopes
and the curvature of the log loss are summed by cell, and all ways of cutting the two axes once
each are judged at one blow (after FAST: Lou, Caruana, Gehrke and Hooker, 2013, "Accurate
intelligible models with pairwise interactions").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import chi2

from mlcore.engine.features import Feature
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Axis

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_PAIRS = 10
MOST_CUTS = 15  # of a number's axis
MOST_ANSWERS = 16  # of a choice's or a scale's axis; with more, a table would be noise
MOST_FEATURES = 60  # 1,770 pairs; with more, those with the weakest shapes are not tried
FEWEST_EXPECTED = 5.0  # curvature in each quarter, in employees: with less, chance looks like proof
CHANCE = 0.05  # of one pair found by chance, all cuts of all pairs together

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
    evidence: float
    """The best single contrast's square over its variance: chi-squared with one degree of freedom,
    were it chosen before looking."""


def screen(grids: Sequence[Grid | None], log_odds: Floats, left: Floats) -> tuple[list[Found], int]:
    """Pairs whose best contrast is beyond chance, strongest first; and how many were tried.

    `log_odds` (n,) are those of a model without pairs. A contrast compares the four quarters into
    which two cuts divide the employees: (both - first alone) - (second alone - neither). It is
    untouched by what either feature does alone.
    """
    usable = dict(islice(((j, each) for j, each in enumerate(grids) if each), MOST_FEATURES))
    p = expit(log_odds)
    slope, curve = left - p, np.maximum(p * (1 - p), 1e-10)
    candidates = list(combinations(usable, 2))
    ways = 0
    found = []
    for j, k in candidates:
        a, b = usable[j], usable[k]
        g, h = _sums(a, b, slope, curve)
        evidence = _contrasts(a, b, g, h)
        ways += int((evidence > 0).sum())
        found.append(Found(first=j, second=k, evidence=float(evidence.max(initial=0.0))))
    if not ways:
        return [], len(candidates)
    limit = float(chi2.isf(CHANCE / ways, 1))
    beyond = [pair for pair in found if pair.evidence > limit]
    beyond.sort(key=lambda pair: (-pair.evidence, pair.first, pair.second))
    return beyond, len(candidates)


def _sums(a: Grid, b: Grid, slope: Floats, curve: Floats) -> tuple[Floats, Floats]:
    """Slope and curvature by cell, each of shape (places of a, places of b)."""
    shape = (a.axis.places, b.axis.places)
    cell = a.places * shape[1] + b.places
    size = shape[0] * shape[1]
    slopes: Floats = np.bincount(cell, slope, size).reshape(shape).astype(np.float64)
    curves: Floats = np.bincount(cell, curve, size).reshape(shape).astype(np.float64)
    return slopes, curves


def _quarters(a: Grid, b: Grid, sums: Floats) -> Floats:
    """Sums in the four quarters of each two cuts, shape (4, ways of a, ways of b)."""
    shared = a.cuts @ sums @ b.cuts.T
    first = (a.cuts @ sums.sum(axis=1))[:, None] - shared
    second = (b.cuts @ sums.sum(axis=0))[None, :] - shared
    return np.stack([shared, first, second, sums.sum() - shared - first - second])


def _contrasts(a: Grid, b: Grid, g: Floats, h: Floats) -> Floats:
    slopes, curves = _quarters(a, b, g), _quarters(a, b, h)
    enough = curves.min(axis=0) >= FEWEST_EXPECTED
    curves = np.maximum(curves, FEWEST_EXPECTED)
    steps = slopes / curves
    contrast = steps[0] - steps[1] - steps[2] + steps[3]
    return np.where(enough, contrast**2 / (1 / curves).sum(axis=0), 0.0)


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


def purify(table: Floats, counts: Floats) -> tuple[Floats, Floats, Floats, float]:
    """Split a table into what is left of it, a value per row, one per column, and a constant.

    Weighted by `counts`, employees by cell, every row and column of what is left has the mean 0
    (Lengerich, Tan, Chang, Hooker and Caruana, 2020, "Purifying interaction effects"). The four
    parts sum to the table. Where nobody is, nothing is known: such a cell gets the sum of its row
    and column, its own part 0.
    """
    pure = np.where(counts > 0, table, 0.0)
    by_row, by_column = np.zeros(len(table)), np.zeros(table.shape[1])
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    for _ in range(200):
        move = (pure * counts).sum(axis=1) / np.maximum(rows, 1)
        by_row += move
        pure = np.where(counts > 0, pure - move[:, None], 0.0)
        other = (pure * counts).sum(axis=0) / np.maximum(columns, 1)
        by_column += other
        pure = np.where(counts > 0, pure - other[None, :], 0.0)
        if max(np.abs(move).max(), np.abs(other).max()) < 1e-12:
            break
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
