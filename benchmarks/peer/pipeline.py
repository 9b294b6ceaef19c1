"""The same model as scikit-learn has it: the three learners of which ours is made, averaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlcore.engine.features import Feature
from mlcore.engine.schema import FeatureSchema


def write(path: Path, schema: FeatureSchema, employees: list[dict[str, Any]]) -> None:
    """Fit the pipeline on employees as a program sends them, and keep it as such teams do."""
    import joblib
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import (
        OneHotEncoder,
        OrdinalEncoder,
        PowerTransformer,
        SplineTransformer,
    )

    from mlcore.public_data import ibm_columns

    def is_number(feature: Feature) -> bool:
        return feature.kind == "number"

    numbers = [feature.name for feature in schema.features if is_number(feature)]
    answers = [feature.name for feature in schema.features if not is_number(feature)]

    def prepared(number: Any, answer: Any) -> Any:
        blanks = SimpleImputer(strategy="median"), SimpleImputer(strategy="most_frequent")
        return ColumnTransformer(
            [
                ("numbers", make_pipeline(blanks[0], number), numbers),
                ("answers", make_pipeline(blanks[1], answer), answers),
            ]
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
    model = VotingClassifier(
        [
            (
                "power",
                make_pipeline(
                    prepared(PowerTransformer(), one_hot), LogisticRegression(max_iter=1000)
                ),
            ),
            (
                "spline",
                make_pipeline(
                    prepared(SplineTransformer(n_knots=5), one_hot),
                    LogisticRegression(max_iter=1000),
                ),
            ),
            ("stumps", make_pipeline(prepared("passthrough", ordinal), stumps)),
        ],
        voting="soft",
    )
    frame = pd.DataFrame(employees)[[feature.name for feature in schema.features]]
    left = [answer == "Yes" for answer in ibm_columns()["Attrition"]]
    joblib.dump(model.fit(frame, left), path)
