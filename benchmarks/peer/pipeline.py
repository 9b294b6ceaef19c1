"""The peer's model: learned from the public file, by what the bundled model asks."""

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
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from mlcore.public_data import ibm_columns

    def names(of: Any) -> list[str]:
        return [feature.name for feature in schema.features if of(feature)]

    def is_number(feature: Feature) -> bool:
        return feature.kind == "number"

    frame = pd.DataFrame(employees)[[feature.name for feature in schema.features]]
    left = [answer == "Yes" for answer in ibm_columns()["Attrition"]]
    pipeline = make_pipeline(
        ColumnTransformer(
            [
                (
                    "numbers",
                    make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
                    names(is_number),
                ),
                (
                    "answers",
                    make_pipeline(
                        SimpleImputer(strategy="most_frequent"),
                        OneHotEncoder(handle_unknown="ignore"),
                    ),
                    names(lambda feature: not is_number(feature)),
                ),
            ]
        ),
        LogisticRegression(max_iter=1000),
    )
    joblib.dump(pipeline.fit(frame, left), path)
