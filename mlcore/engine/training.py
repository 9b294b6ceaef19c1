"""From a labelled table to a glass box: three additive learners, averaged, compiled to tables.

The learners see the same features in different ways: a logistic regression on power-transformed
values, one on splines, and boosted stumps. Each is a sum of shapes in log-odds, so their mean is
one too, and `compile_model` reads its shapes off exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    SplineTransformer,
    StandardScaler,
)

from mlcore.engine.features import Feature
from mlcore.engine.folding import Ints, deal
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.plan import TrainingError, TrainingPlan
from mlcore.engine.preparation import TrainingSet, as_features, prepare
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Curve, Shape, Table
from mlcore.engine.values import Value

__all__ = [
    "Trained",
    "TrainingError",
    "TrainingPlan",
    "TrainingSet",
    "as_features",
    "folds",
    "prepare",
    "train",
]

Floats = NDArray[np.float64]

MOST_KNOTS = 2048
_DECIMALS = 12  # what is left of the last bits that differ between processors


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model, and how it came about."""

    schema: FeatureSchema
    """What the model asks: the inputs that were kept, and every audit attribute."""
    model: GlassBoxModel
    report: dict[str, Any]
    """JSON data: `selection`, `pairs`, `pairs_tried`, `floor`, `compiled`, `method`."""


def train(data: TrainingSet) -> Trained:
    """A compiled, calibrated model of `data`; the same data gives the same model.

    Raises `TrainingError` when nothing can be learned.
    """
    features = data.features
    pipeline = fit(data.schema, features, data.left)
    model = compile_model(data.schema, pipeline, data)
    served, fitted = model.score_frame(data.frame).probability, pipeline.probability(features)
    gap = float(np.max(np.abs(served - fitted)))
    auc_gap = abs(float(roc_auc_score(data.left, served) - roc_auc_score(data.left, fitted)))
    return Trained(
        schema=data.schema,
        model=model,
        report={
            "pairs": [],
            "pairs_tried": 0,
            "floor": 0.0,
            "compiled": {
                "largest_probability_gap": float(f"{gap:.0e}"),
                "roc_auc_gap": float(f"{auc_gap:.0e}"),
            },
            "method": "mean in log-odds of a power-transformed logistic regression, a spline"
            " logistic regression and boosted stumps, compiled to one table per feature",
        },
    )


def folds(data: TrainingSet, n_splits: int, seed: int) -> list[tuple[Ints, Ints]]:
    """Rows to train on and rows to test on, `n_splits` times: see `folding.deal`."""
    return deal(data.left, data.groups, n_splits, seed)


class Learner(Protocol):
    """What the mean is made of."""

    def fit(self, features: pd.DataFrame, left: NDArray[np.int64]) -> Any: ...
    def decision_function(self, features: pd.DataFrame) -> Floats: ...


@dataclass(frozen=True)
class AdditivePipeline:
    """The mean of fitted additive learners, in log-odds."""

    learners: tuple[Learner, ...]

    def log_odds(self, features: pd.DataFrame) -> Floats:
        """Log-odds of leaving, shape (n,)."""
        total: Floats = np.sum([each.decision_function(features) for each in self.learners], axis=0)
        return total / len(self.learners)

    def probability(self, features: pd.DataFrame) -> Floats:
        """Probability of leaving, shape (n,)."""
        result: Floats = 1.0 / (1.0 + np.exp(-self.log_odds(features)))
        return result


def fit(schema: FeatureSchema, features: pd.DataFrame, left: NDArray[np.int64]) -> AdditivePipeline:
    """Fit the learners on `features` (as `as_features` gives them) and answers of shape (n,)."""
    learners = (_power(schema), _spline(schema), _stepped(schema))
    for learner in learners:
        learner.fit(features, left)
    return AdditivePipeline(learners)


def _names(schema: FeatureSchema, *kinds: str) -> list[str]:
    return [feature.name for feature in schema.features if feature.kind in kinds]


def _answers_of(schema: FeatureSchema, kind: str) -> list[list[Any]]:
    return [[c.value for c in f.choices] for f in schema.features if f.kind == kind]


def _logistic(schema: FeatureSchema, numbers: TransformerMixin) -> Pipeline:
    """Logistic regression on numbers bent by `numbers`.

    A scale is both a slope, for its steps have an order, and a level per step, for they need not
    be equally far apart.
    """
    scales = _names(schema, "scale")
    one_hot = [
        OneHotEncoder(categories=_answers_of(schema, kind), sparse_output=False)
        for kind in ("scale", "choice")
    ]
    columns = ColumnTransformer(
        [
            ("numbers", numbers, _names(schema, "number")),
            ("slopes", StandardScaler(), scales),
            ("steps", one_hot[0], scales),
            ("choices", one_hot[1], _names(schema, "choice")),
        ]
    )
    return make_pipeline(columns, LogisticRegression(C=0.5, max_iter=5000))


def _power(schema: FeatureSchema) -> Pipeline:
    """Smooth and monotone: Yeo-Johnson, then logistic regression."""
    return _logistic(schema, PowerTransformer("yeo-johnson"))


def _spline(schema: FeatureSchema) -> Pipeline:
    """Smooth and free to bend: cubic splines on quantile knots, then logistic regression."""
    spline = SplineTransformer(
        n_knots=5, degree=3, knots="quantile", extrapolation="constant", include_bias=False
    )
    return _logistic(schema, spline)


def _stepped(schema: FeatureSchema) -> Pipeline:
    """Steps: boosted stumps, each of which looks at one feature."""
    names = _names(schema, "choice")
    columns = ColumnTransformer(
        [
            ("choices", OrdinalEncoder(categories=_answers_of(schema, "choice")), names),
            ("numbers", "passthrough", _names(schema, "number", "scale")),
        ]
    )
    stumps = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=600,
        max_leaf_nodes=2,
        min_samples_leaf=15,
        l2_regularization=5.0,
        categorical_features=list(range(len(names))),
        early_stopping=False,
        random_state=0,
    )
    return make_pipeline(columns, stumps)


def compile_model(
    schema: FeatureSchema, pipeline: AdditivePipeline, data: TrainingSet
) -> GlassBoxModel:
    """Read the shapes of an additive pipeline off as tables, centred on the training data.

    One feature is moved at a time while the others stay at one employee's values; what the log-odds
    do is the feature's shape. On the training data the result equals the pipeline's to rounding:
    every value that occurs is a knot, unless a number has more than `MOST_KNOTS` of them.
    """
    features = data.features
    grids = {f.name: _grid(f, data.frame.inputs[f.name]) for f in schema.features}
    # All the moves in one frame, after the employee who stays put: each call has its price.
    moves = pd.concat([features.iloc[[0]]] * (1 + sum(map(len, grids.values()))), ignore_index=True)
    begin = 1
    for name, grid in grids.items():
        moves.loc[begin : begin + len(grid) - 1, name] = grid
        begin += len(grid)
    origin, *moved = pipeline.log_odds(moves).tolist()
    shapes: dict[str, Shape] = {}
    intercept = origin
    begin = 0
    for feature in schema.features:
        grid = grids[feature.name]
        values = np.array(moved[begin : begin + len(grid)]) - origin
        begin += len(grid)
        column = data.frame.inputs[feature.name]
        centre = float(_shape(feature, grid, values).over(column).mean())
        shapes[feature.name] = _shape(feature, grid, values - centre)
        intercept += centre
    return GlassBoxModel(
        intercept=round(intercept, _DECIMALS),
        shapes=shapes,
        base_rate=float(data.left.mean()),
    )


def _grid(feature: Feature, column: Sequence[Value]) -> list[Any]:
    """Where a shape is read off: every answer, or every number that occurs."""
    if feature.choices:
        return [choice.value for choice in feature.choices]
    seen = np.unique(np.array(column, dtype=np.float64))
    low, high = float(seen[0]), float(seen[-1])
    if feature.integer and high - low < 512:
        return [float(value) for value in range(int(low), int(high) + 1)]
    if len(seen) > MOST_KNOTS:
        seen = np.unique(np.quantile(seen, np.linspace(0, 1, MOST_KNOTS), method="nearest"))
    return [float(value) for value in seen]


def _shape(feature: Feature, grid: Sequence[Any], values: Floats) -> Shape:
    rounded = [round(float(value), _DECIMALS) for value in values]
    if feature.choices:
        return Table(dict(zip(grid, rounded, strict=True)))
    return Curve(tuple(grid), tuple(rounded))
