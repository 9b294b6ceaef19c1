"""The additive learners, their mean, and the pairs on top: fitted to a matrix of codes.

Three learners see the same features in different ways: a logistic regression on power-transformed
values (smooth and monotone), one on splines (smooth and free to bend), and boosted stumps (steps).
Each is a sum of shapes in log-odds, so their mean is one too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier

from mlcore.engine.learning import pairs
from mlcore.engine.learning.designs import Design, power_design, spline_design
from mlcore.engine.learning.logistic import Ridge, fit_ridge
from mlcore.engine.learning.pairs import Found, Grid
from mlcore.engine.schema import FeatureSchema

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PENALTY = 2.0
"""Of the regressions: a slope of one log-odd per standard deviation costs as much as one nat."""
MANY = 5000  # employees: enough to see finer shapes
MOST_COLUMNS = 400  # into which all numbers together are unfolded
MOST_STEPS = 200  # of a number's steps, and answers of a choice that are told apart


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The employees as every learner sees them; learned without their answers."""

    schema: FeatureSchema
    matrix: Floats
    """Codes, shape (n, features)."""
    designs: tuple[Design, ...]
    columns: tuple[Floats, ...]
    """The matrix unfolded by each design, shapes (n, k)."""
    bins: tuple[Bins, ...]
    """By feature."""
    grids: tuple[Grid | None, ...]
    """By feature; None for one that takes no part in pairs."""

    @classmethod
    def of(cls, schema: FeatureSchema, matrix: Floats) -> Seen:
        """Learn the designs of n employees' codes."""
        knots = 5 if len(matrix) < MANY else 8
        # Many numbers get stiffer curves: the cost grows with the square of all their columns.
        count = sum(feature.kind == "number" for feature in schema.features)
        while knots > 2 and count * (knots + 2) > MOST_COLUMNS:
            knots -= 1
        designs = (power_design(schema, matrix), spline_design(schema, matrix, knots))
        places = range(matrix.shape[1])
        return cls(
            schema=schema,
            matrix=matrix,
            designs=designs,
            columns=tuple(design(matrix) for design in designs),
            bins=tuple(Bins.of(schema.features[j].kind, matrix[:, j]) for j in places),
            grids=tuple(pairs.grid(schema.features[j], matrix[:, j]) for j in places),
        )

    def only(self, kept: Sequence[int]) -> Seen:
        """The same employees with some of the features, by their places."""
        features = tuple(self.schema.features[j] for j in kept)
        designs = tuple(
            Design(
                unfolded=tuple(design.unfolded[j] for j in kept),
                centres=tuple(design.centres[j] for j in kept),
            )
            for design in self.designs
        )
        columns = tuple(
            np.hstack([unfolded[:, design.slices[j]] for j in kept])
            for design, unfolded in zip(self.designs, self.columns, strict=True)
        )
        return Seen(
            schema=FeatureSchema(features=features),
            matrix=self.matrix[:, list(kept)],
            designs=designs,
            columns=columns,
            bins=tuple(self.bins[j] for j in kept),
            grids=tuple(self.grids[j] for j in kept),
        )

    def part(self, rows: Ints) -> Seen:
        """Some of the employees, with the designs of all."""
        return Seen(
            schema=self.schema,
            matrix=self.matrix[rows],
            designs=self.designs,
            columns=tuple(columns[rows] for columns in self.columns),
            bins=self.bins,
            grids=tuple(
                None
                if grid is None
                else Grid(axis=grid.axis, cuts=grid.cuts, places=grid.places[rows])
                for grid in self.grids
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Bins:
    """One feature cut as finely as stumps need it: a number between cuts, or a code as it is."""

    kind: str
    cuts: Floats
    """Rising; a number equal to a cut lies above it. For a choice: the codes told apart, rising."""

    @classmethod
    def of(cls, kind: str, column: Floats) -> Bins:
        known, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        if kind == "choice":
            frequent = np.argsort(-counts, kind="stable")[:MOST_STEPS]
            return cls(kind=kind, cuts=np.sort(known[frequent]))
        if len(known) > MOST_STEPS:
            shares = np.linspace(0, 1, MOST_STEPS + 1)[1:-1]
            below = np.quantile(column[~np.isnan(column)], shares, method="nearest")
            after = np.searchsorted(known, np.unique(below), side="right")
            after = np.unique(after[after < len(known)])
        else:
            after = np.arange(1, len(known))
        # The upper value itself is the cut: midpoints of huge neighbours may equal either.
        return cls(kind=kind, cuts=known[after])

    def __call__(self, column: Floats) -> Floats:
        """The bin of each code; the last one for answers that are not told apart, NaN for a
        blank."""
        if self.kind == "choice":
            place = np.searchsorted(self.cuts, column)
            same = np.append(self.cuts, np.nan)[place] == column
            found = np.where(same, place, len(self.cuts)).astype(np.float64)
        else:
            found = np.searchsorted(self.cuts, column, side="right").astype(np.float64)
        return np.where(np.isnan(column), np.nan, found)

    @property
    def count(self) -> int:
        return len(self.cuts) + 1


@dataclass(frozen=True, kw_only=True)
class Stumps:
    """Boosted stumps, read off: a value per bin of each feature."""

    intercept: float
    values: tuple[Floats, ...]
    """By feature: log-odds of each bin, then of a blank."""

    def main(self, place: int, bins: Floats) -> Floats:
        """What one feature adds, for its bins of shape (n,)."""
        table = self.values[place]
        result: Floats = table[np.where(np.isnan(bins), len(table) - 1, bins).astype(np.int64)]
        return result


def fit_stumps(seen: Seen, left: Ints, weights: Floats | None = None) -> Stumps:
    """Boost stumps, each of which looks at one feature.

    Of an answer that nobody gave, and of a blank where nobody left one, the booster says what some
    other answer says; here it is the average.
    """
    places = range(seen.matrix.shape[1])
    binned = np.column_stack([seen.bins[j](seen.matrix[:, j]) for j in places])
    booster = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=600,
        max_leaf_nodes=2,
        min_samples_leaf=15,
        l2_regularization=5.0,
        categorical_features=[each.kind == "choice" for each in seen.bins],
        early_stopping=False,
        random_state=0,
    ).fit(binned, left, sample_weight=weights)
    # One feature is moved at a time while the others are blank.
    sizes = [seen.bins[j].count + 1 for j in places]
    moves = np.full((sum(sizes), len(sizes)), np.nan)
    starts = np.cumsum([0, *sizes])
    for j, (start, size) in enumerate(zip(starts, sizes, strict=False)):
        moves[start : start + size - 1, j] = np.arange(size - 1)
    moved = booster.decision_function(moves)
    origin = float(moved[-1])
    values = tuple(moved[a:b] - origin for a, b in pairwise(starts))
    for j, (bins, table) in enumerate(zip(seen.bins, values, strict=True)):
        blank = np.isnan(binned[:, j])
        given = np.where(blank, bins.count, binned[:, j]).astype(np.int64)
        average = float(table[given].mean())
        # Numbers and scales have an order: between two that were seen, stumps say what either says.
        for place in range(bins.count) if bins.kind == "choice" else ():
            if place not in given:
                table[place] = average
        if not blank.any():
            table[-1] = average
    return Stumps(intercept=origin, values=values)


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """What a pair adds, pure: its rows and columns have the mean 0."""

    found: Found
    axes: tuple[Grid, Grid]
    values: Floats

    def over(self, seen: Seen) -> Floats:
        """Log-odds by employee, shape (n,)."""
        a, b = pairs.both(seen.grids, self.found)
        result: Floats = self.values[a.places, b.places]
        return result


@dataclass(frozen=True, kw_only=True)
class Additive:
    """The mean of the three learners, in log-odds, and the pairs on top."""

    ridges: tuple[Ridge, ...]
    """By design."""
    stumps: Stumps
    steps: tuple[tuple[int, Floats], ...] = ()
    """What pairs gave back to single features, to be seen by the stumps alone: the feature's
    place, and log-odds by place of its grid."""
    tables: tuple[PairTable, ...] = ()
    constant: float = 0.0
    """What pairs gave back to the intercept of the stumps."""

    @property
    def learners(self) -> int:
        return len(self.ridges) + 1

    @property
    def intercept(self) -> float:
        total = sum(ridge.intercept for ridge in self.ridges)
        return (total + self.stumps.intercept + self.constant) / self.learners

    def main(self, seen: Seen, place: int, column: Floats) -> Floats:
        """What one feature adds alone, for codes of shape (m,) that need not be employees'."""
        total: Floats = self.stumps.main(place, seen.bins[place](column))
        for design, ridge in zip(seen.designs, self.ridges, strict=True):
            total = total + design.block(place, column) @ ridge.slopes[design.slices[place]]
        for feature, values in self.steps:
            grid = seen.grids[place]
            if feature == place and grid is not None:
                at = pairs.places_of(seen.schema.features[place], grid.axis, column)
                total = total + values[at]
        return total / self.learners

    def mains(self, seen: Seen) -> Floats:
        """Log-odds without pairs, shape (n,)."""
        total = np.full(len(seen.matrix), self.intercept)
        for place in range(seen.matrix.shape[1]):
            total += self._main_of(seen, place)
        return total

    def _main_of(self, seen: Seen, place: int) -> Floats:
        """`main` for the employees themselves, whose columns are unfolded already."""
        column = seen.matrix[:, place]
        total: Floats = self.stumps.main(place, seen.bins[place](column))
        for design, columns, ridge in zip(seen.designs, seen.columns, self.ridges, strict=True):
            own = design.slices[place]
            total = total + columns[:, own] @ ridge.slopes[own]
        for feature, values in self.steps:
            grid = seen.grids[place]
            if feature == place and grid is not None:
                total = total + values[grid.places]
        return total / self.learners

    def log_odds(self, seen: Seen) -> Floats:
        """Log-odds of leaving, shape (n,)."""
        total = self.mains(seen)
        for table in self.tables:
            total = total + table.over(seen)
        return total

    def probability(self, seen: Seen) -> Floats:
        """Probability of leaving before calibration, shape (n,)."""
        result: Floats = expit(self.log_odds(seen))
        return result


def fit_additive(seen: Seen, left: Ints, weights: Floats | None = None) -> Additive:
    """Fit the three learners; one answer or the other must not be missing."""
    answers = left.astype(np.float64)
    ridges = tuple(
        fit_ridge(columns, answers, penalty=PENALTY, weights=weights) for columns in seen.columns
    )
    return Additive(ridges=ridges, stumps=fit_stumps(seen, left, weights))


def add_pairs(
    seen: Seen,
    left: Ints,
    additive: Additive,
    chosen: Sequence[Found],
    weights: Floats | None = None,
) -> Additive:
    """The same with tables for `chosen` pairs.

    What a table says of either feature alone goes to the stumps, which could not see it; the
    regressions are fitted anew around what the pairs explain.
    """
    if not chosen:
        return additive
    answers = left.astype(np.float64)
    parts = pairs.pure(seen.grids, chosen, additive.mains(seen), answers, weights)
    tables, steps, constant = [], [], 0.0
    for pair, (table, by_first, by_second, middle) in zip(chosen, parts, strict=True):
        axes = pairs.both(seen.grids, pair)
        tables.append(PairTable(found=pair, axes=axes, values=table))
        steps += [(pair.first, by_first), (pair.second, by_second)]
        constant += middle
    together = np.sum([table.over(seen) for table in tables], axis=0)
    ridges = tuple(
        fit_ridge(columns, answers, penalty=PENALTY, offset=together, weights=weights, start=ridge)
        for columns, ridge in zip(seen.columns, additive.ridges, strict=True)
    )
    return Additive(
        ridges=ridges,
        stumps=additive.stumps,
        steps=tuple(steps),
        tables=tuple(tables),
        constant=constant,
    )
