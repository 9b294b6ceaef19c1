"""What learners see: a matrix of codes, and the columns into which a feature is unfolded.

Nothing here looks at who left: a design is learned from the inputs alone, so the folds of an inner
cross-validation can share one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import PowerTransformer, SplineTransformer

from mlcore.engine.features import Feature
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.values import Value

Floats = NDArray[np.float64]

FITTED_ON = 1000  # quantiles of a column, from which its bend is learned, however many rows
MOST_LEVELS = 50  # answers of a choice
FEWEST_OF_A_LEVEL = 3  # employees; what fewer do is chance
OUTER = 0.001  # share of a number's values at either end that do not stretch its scale


def codes(schema: FeatureSchema, inputs: Mapping[str, Sequence[Value]]) -> Floats:
    """Clean columns as one matrix, shape (n, features), in the schema's order.

    Numbers and the steps of scales are themselves, a choice is its place among the choices, and a
    blank is NaN.
    """
    columns = [column_codes(feature, inputs[feature.name]) for feature in schema.features]
    return np.column_stack(columns)


def column_codes(feature: Feature, column: Sequence[Value]) -> Floats:
    """One feature's column of `codes`, shape (n,)."""
    if feature.kind != "choice":
        return np.array([np.nan if v is None else v for v in column], dtype=np.float64)
    places: dict[Value, float] = {c.value: float(i) for i, c in enumerate(feature.choices)}
    places[None] = np.nan
    return np.fromiter((places[value] for value in column), np.float64, len(column))


class Unfolded(Protocol):
    """One feature as several columns."""

    def __call__(self, column: Floats) -> Floats:
        """Codes of shape (n,) as columns of shape (n, k)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Design:
    """Every feature unfolded, centred on the employees that the design was learned from."""

    unfolded: tuple[Unfolded, ...]
    """By feature, in the order of the columns of `codes`."""
    centres: tuple[Floats, ...]

    def block(self, place: int, column: Floats) -> Floats:
        """The columns of one feature, shape (n, k)."""
        return self.unfolded[place](column) - self.centres[place]

    def __call__(self, matrix: Floats) -> Floats:
        """All columns, shape (n, Σk)."""
        return np.hstack([self.block(j, matrix[:, j]) for j in range(matrix.shape[1])])

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where each feature's columns stand."""
        ends = np.cumsum([len(centre) for centre in self.centres]).tolist()
        return tuple(slice(a, b) for a, b in zip([0, *ends], ends, strict=False))


def power_design(schema: FeatureSchema, matrix: Floats) -> Design:
    """Numbers straightened by Yeo and Johnson's power transformation (2000), one slope each."""
    return _design(schema, matrix, _Power)


def spline_design(schema: FeatureSchema, matrix: Floats, knots: int) -> Design:
    """Numbers as cubic B-splines with `knots` knots on their quantiles: free to bend."""
    return _design(schema, matrix, lambda column: _Spline(column, knots))


def _design(
    schema: FeatureSchema, matrix: Floats, of_number: Callable[[Floats], Unfolded]
) -> Design:
    unfolded: list[Unfolded] = []
    for place, feature in enumerate(schema.features):
        column = matrix[:, place]
        blank = bool(np.isnan(column).any())
        shape: Unfolded
        if feature.kind == "number":
            shape = of_number(column)
        elif feature.kind == "scale":
            shape = _Scale(column, np.array([float(c.value) for c in feature.choices]))
        else:
            shape = _Levels(_frequent(column))
        unfolded.append(_WithBlank(shape) if blank else shape)
    centres = tuple(each(matrix[:, j]).mean(axis=0) for j, each in enumerate(unfolded))
    return Design(unfolded=tuple(unfolded), centres=centres)


def _frequent(column: Floats) -> Floats:
    """The answers that get a column of their own; all others together are the rest."""
    known, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    most = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
    return np.sort(known[most][counts[most] >= FEWEST_OF_A_LEVEL])


class _WithBlank:
    """One more column, which says that the value is not known."""

    def __init__(self, shape: Unfolded) -> None:
        self.shape = shape

    def __call__(self, column: Floats) -> Floats:
        return np.column_stack([self.shape(column), np.isnan(column)])


class _Levels:
    """A column per answer."""

    def __init__(self, levels: Floats) -> None:
        self.levels = levels

    def __call__(self, column: Floats) -> Floats:
        columns: Floats = (column[:, None] == self.levels).astype(np.float64)
        return columns


class _Line:
    """The number itself, in standard deviations from its mean; a blank is average."""

    def __init__(self, column: Floats) -> None:
        known = column[~np.isnan(column)]
        self.low, self.high = _outer(known)
        # By the largest value first: the square of a huge one is no float.
        self.unit = max(abs(self.low), abs(self.high)) or 1.0
        inner = np.clip(known, self.low, self.high) / self.unit
        self.mean = float(inner.mean()) if len(inner) else 0.0
        self.spread = float(inner.std()) or 1.0

    def __call__(self, column: Floats) -> Floats:
        inner = (np.clip(column, self.low, self.high) / self.unit - self.mean) / self.spread
        columns: Floats = np.nan_to_num(inner)[:, None]
        return columns


class _Scale:
    """A slope, for the steps have an order, and a level each, for they may be unequally far."""

    def __init__(self, column: Floats, steps: Floats) -> None:
        self.line, self.levels = _Line(column), _Levels(steps)

    def __call__(self, column: Floats) -> Floats:
        columns: Floats = np.hstack([self.line(column), self.levels(column)])
        return columns


class _Power:
    """The number, straightened towards a normal distribution; a blank is average."""

    def __init__(self, column: Floats) -> None:
        known = column[~np.isnan(column)]
        self.low, self.high = _outer(known)
        sample = _sample(np.clip(known, self.low, self.high))
        self.transform = PowerTransformer("yeo-johnson", standardize=True)
        self.line = _Line(column)
        self.bent = False
        if len(np.unique(sample)) > 2:
            # Where the power runs off the end of what a float can hold, the line must do.
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                try:
                    result = self.transform.fit_transform(sample[:, None])
                except ValueError:
                    return
            self.bent = bool(np.isfinite(result).all() and 0.5 < result.std() < 2)

    def __call__(self, column: Floats) -> Floats:
        if not self.bent:
            return self.line(column)
        with np.errstate(all="ignore"):
            bent = self.transform.transform(np.clip(column, self.low, self.high)[:, None])
        columns: Floats = np.nan_to_num(bent, posinf=0.0, neginf=0.0)
        return columns


class _Spline:
    """Cubic B-splines, flat beyond the first and the last knot; a blank is average."""

    def __init__(self, column: Floats, knots: int) -> None:
        known = column[~np.isnan(column)]
        self.low, self.high = _outer(known)
        sample = _sample(np.clip(known, self.low, self.high))
        self.line = _Line(column)
        self.spline: SplineTransformer | None = None
        if len(np.unique(sample)) < 4:
            return
        span = self.high - self.low
        places = np.unique(np.quantile((sample - self.low) / span, np.linspace(0, 1, knots)))
        # Knots that nearly coincide make a basis that nothing can be solved with.
        places = places[np.concatenate([[True], np.diff(places) > 1e-6])]
        if len(places) < 2:
            return
        self.spline = SplineTransformer(
            degree=3, knots=places[:, None], extrapolation="constant", include_bias=False
        )
        basis = self.spline.fit_transform(((sample - self.low) / span)[:, None])
        self.average = basis.mean(axis=0)

    def __call__(self, column: Floats) -> Floats:
        if self.spline is None:
            return self.line(column)
        blank = np.isnan(column)
        inner = (np.clip(column, self.low, self.high) - self.low) / (self.high - self.low)
        basis: Floats = self.spline.transform(np.where(blank, 0.0, inner)[:, None])
        basis[blank] = self.average
        return basis


def _outer(known: Floats) -> tuple[float, float]:
    """Limits that leave out what lies absurdly far: a typing error must not set the scale."""
    if not len(known):
        return 0.0, 0.0
    low, high = np.quantile(known, (OUTER, 1 - OUTER), method="nearest").tolist()
    return (low, high) if low < high else (float(known.min()), float(known.max()))


def _sample(known: Floats) -> Floats:
    if len(known) <= FITTED_ON:
        return known
    return np.quantile(known, np.linspace(0, 1, FITTED_ON), method="nearest")
