"""From a labelled table to a glass box: three additive learners, averaged, compiled to tables.

The learners see the same features in different ways: a logistic regression on power-transformed
values, one on splines, and boosted stumps. Each is a sum of shapes in log-odds, so their mean is
one too, and `compile_model` reads its shapes off exactly.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    SplineTransformer,
    StandardScaler,
)

from mlcore.engine.features import Feature
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.plan import TrainingError, TrainingPlan
from mlcore.engine.schema import CleanFrame, FeatureSchema
from mlcore.engine.shapes import Curve, Shape, Table
from mlcore.engine.values import Value, fold, word

Floats = NDArray[np.float64]

MOST_KNOTS = 2048
FEWEST = 20  # of those who left, and of those who stayed: two in each of ten folds
_DECIMALS = 12  # what is left of the last bits that differ between processors


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """A cleaned table with its answers."""

    schema: FeatureSchema
    """The plan's, completed with what the data shows: `seen` and `typical`."""
    frame: CleanFrame
    left: NDArray[np.int64]
    """1 for who left, 0 for who stayed; shape (n,)."""

    @property
    def features(self) -> pd.DataFrame:
        """The inputs as learners take them: numbers and steps as floats, choices as texts."""
        return as_features(self.schema, self.frame.inputs)

    def part(self, rows: NDArray[np.int64]) -> TrainingSet:
        """The employees in these places alone."""
        chosen, frame = rows.tolist(), self.frame
        return replace(
            self,
            frame=CleanFrame(
                [frame.employee_ids[row] for row in chosen],
                {name: [column[row] for row in chosen] for name, column in frame.inputs.items()},
                {name: [column[row] for row in chosen] for name, column in frame.audit.items()},
                [frame.positions[row] for row in chosen],
                {},
            ),
            left=self.left[rows],
        )


def as_features(schema: FeatureSchema, inputs: Mapping[str, Sequence[Value]]) -> pd.DataFrame:
    """Clean columns as a data frame: floats, and texts for choices."""
    return pd.DataFrame(
        {
            feature.name: np.array(inputs[feature.name], dtype=object)
            if feature.kind == "choice"
            else np.array(inputs[feature.name], dtype=np.float64)
            for feature in schema.features
        }
    )


def prepare(plan: TrainingPlan, columns: Mapping[str, Sequence[object]]) -> TrainingSet:
    """Clean a table, given by the headers of its file, and find its leavers.

    Raises `TrainingError` when a column is missing, a row is refused, an input is blank or the same
    for everyone, or the answers are not two, with enough employees for each.
    """
    wanted = {feature.column: feature.name for feature in plan.schema.everything}
    if missing := [header for header in (plan.target, *wanted) if header not in columns]:
        raise TrainingError(f"The file lacks these columns: {', '.join(missing)}.")
    frame = plan.schema.clean_frame({name: columns[header] for header, name in wanted.items()})
    if frame.problems:
        position, problems = next(iter(frame.problems.items()))
        name, found = next(iter(problems.items()))
        raise TrainingError(
            f"{len(frame.problems)} employees cannot be read. The first is number {position + 1},"
            f" {name}: {found[0].text('en')}"
        )
    if blank := [n for n, column in frame.inputs.items() if None in column]:
        raise TrainingError(f"These columns have blanks: {', '.join(blank)}.")
    left = _answers(plan, columns[plan.target])
    if constant := [n for n, column in frame.inputs.items() if len(set(column)) == 1]:
        raise TrainingError(f"These columns are the same for everyone: {', '.join(constant)}.")
    return TrainingSet(schema=_observed(plan.schema, frame), frame=frame, left=left)


def _answers(plan: TrainingPlan, column: Sequence[object]) -> NDArray[np.int64]:
    answers = [fold(word(answer)) for answer in column]
    if "" in answers:
        raise TrainingError(f"“{plan.target}” is blank for employee {answers.index('') + 1}.")
    leaver = fold(plan.leaver)
    given = set(answers)
    if len(given) != 2 or leaver not in given:
        raise TrainingError(f"“{plan.target}” must hold {plan.leaver!r} and one other answer.")
    left = np.array([int(answer == leaver) for answer in answers])
    leavers, stayers = int(left.sum()), int((1 - left).sum())
    if min(leavers, stayers) < FEWEST:
        raise TrainingError(f"{leavers} left, {stayers} stayed: a model needs {FEWEST} of each.")
    return left


def _observed(schema: FeatureSchema, frame: CleanFrame) -> FeatureSchema:
    """The schema with what the data shows of each feature."""

    def observe(feature: Feature, column: Sequence[Value]) -> Feature:
        if feature.kind == "choice":
            counts = Counter(value for value in column if value is not None)
            return replace(feature, typical=max(counts, key=counts.__getitem__, default=None))
        known = sorted(value for value in column if isinstance(value, (int, float)))
        if not known:
            return feature
        # The median of a scale is one of its steps.
        middle = (statistics.median_low if feature.choices else statistics.median)(known)
        middle = round(middle) if feature.integer else float(middle)
        return replace(feature, seen=(known[0], known[-1]), typical=middle)

    return replace(
        schema,
        features=tuple(observe(f, frame.inputs[f.name]) for f in schema.features),
        audit=tuple(observe(f, frame.audit[f.name]) for f in schema.audit),
    )


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
