"""Models as scikit-learn has them: the three learners of which ours is made, averaged; and what
teams begin with, one logistic regression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mlcore.engine.features import Feature
from mlcore.engine.schema import FeatureSchema

Classifier = Callable[[Sequence[Feature]], Any]
"""Makes an unfitted classifier, whose input is a DataFrame with a column for each feature."""


def write(
    path: Path, classifier: Classifier, schema: FeatureSchema, employees: list[dict[str, Any]]
) -> None:
    """Fit a classifier to employees as a program sends them, and keep it as such teams do."""
    import joblib
    import pandas as pd

    from mlcore.public_data import ibm_columns

    frame = pd.DataFrame(employees)[[feature.name for feature in schema.features]]
    left = [answer == "Yes" for answer in ibm_columns()["Attrition"]]
    joblib.dump(classifier(schema.features).fit(frame, left), path)


def as_compiled(features: Sequence[Feature]) -> Any:
    """The bundled model's three learners, before they are compiled into tables."""
    from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import (
        OneHotEncoder,
        OrdinalEncoder,
        PowerTransformer,
        SplineTransformer,
    )

    one_hot = OneHotEncoder(handle_unknown="ignore")
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    stumps = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=600,
        max_leaf_nodes=2,
        min_samples_leaf=15,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=0,
    )
    return VotingClassifier(
        [
            (
                "power",
                make_pipeline(
                    _prepared(features, PowerTransformer(), one_hot),
                    LogisticRegression(max_iter=1000),
                ),
            ),
            (
                "spline",
                make_pipeline(
                    _prepared(features, SplineTransformer(n_knots=5), one_hot),
                    LogisticRegression(max_iter=1000),
                ),
            ),
            ("stumps", make_pipeline(_prepared(features, "passthrough", ordinal), stumps)),
        ],
        voting="soft",
    )


def one_regression(features: Sequence[Feature]) -> Any:
    """A logistic regression over scaled numbers and answers."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    answers = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(
        _prepared(features, StandardScaler(), answers), LogisticRegression(max_iter=1000)
    )


def _prepared(features: Sequence[Feature], number: Any, answer: Any) -> Any:
    """Blanks filled in, numbers and answers each transformed in their way."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    median, most_frequent = (
        SimpleImputer(strategy="median"),
        SimpleImputer(strategy="most_frequent"),
    )
    numbers = [feature.name for feature in features if feature.kind == "number"]
    answers = [feature.name for feature in features if feature.kind != "number"]
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(median, number), numbers),
            ("answers", make_pipeline(most_frequent, answer), answers),
        ]
    )
