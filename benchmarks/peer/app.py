"""A service in the usual manner: FastAPI, SQLAlchemy, a scikit-learn pipeline on a DataFrame of one
row.

It asks for the same nineteen values as the bundled model, by learners fitted to the same
employees, checks a token, and stores what it answers before it answers. It explains nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import joblib
import jwt
import pandas as pd
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, create_model
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session, sessionmaker

from benchmarks.peer.tables import Prediction
from mlcore.engine import artifact
from mlcore.engine.features import Feature
from mlcore.engine.schema import FeatureSchema

THRESHOLD = 0.25
BUNDLED = Path(__file__).resolve().parent.parent.parent / "mlcore" / "bundled" / "ibm"

SECRET = os.environ["PEER_SECRET"]
PIPELINE = joblib.load(os.environ["PEER_PIPELINE"])
ENGINE = create_engine(os.environ["PEER_DATABASE"], pool_size=8)
SESSIONS = sessionmaker(ENGINE, expire_on_commit=False)


def _field(feature: Feature) -> Any:
    if feature.choices:
        return (Literal[tuple(choice.value for choice in feature.choices)] | None, None)
    kind = int if feature.integer else float
    limits = Field(default=None, ge=feature.minimum, le=feature.maximum)
    return (kind | None, limits)


def _employee(schema: FeatureSchema) -> type[BaseModel]:
    fields = {feature.name: _field(feature) for feature in schema.features}
    made: type[BaseModel] = create_model(
        "Employee",
        __config__=ConfigDict(extra="ignore"),
        employee_id=(str | int, ""),
        **fields,
    )
    return made


FEATURES = [feature.name for feature in artifact.load(BUNDLED).schema.features]
Employee = _employee(artifact.load(BUNDLED).schema)


class Employees(BaseModel):
    employees: Annotated[list[Employee], Field(min_length=1, max_length=1000)]  # type: ignore[valid-type]


app = FastAPI()
_bearer = HTTPBearer()


def who(credentials: Annotated[HTTPAuthorizationCredentials, Depends(_bearer)]) -> str:
    try:
        claims = jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error
    return str(claims["sub"])


def session() -> Iterator[Session]:
    with SESSIONS() as one:
        yield one


def _assess(employee: Any, username: str) -> Prediction:
    inputs = employee.model_dump()
    reference = str(inputs.pop("employee_id"))
    frame = pd.DataFrame([inputs], columns=FEATURES)
    probability = float(PIPELINE.predict_proba(frame)[0, 1])
    return Prediction(
        username=username,
        employee_id=reference,
        inputs=inputs,
        probability=probability,
        prediction=int(probability >= THRESHOLD),
    )


def _answer(record: Prediction) -> dict[str, Any]:
    return {
        "prediction": record.prediction,
        "probability": record.probability,
        "threshold": THRESHOLD,
        "employee_id": record.employee_id,
        "prediction_id": str(record.id),
    }


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/predict/attrition", status_code=201)
def predict(
    employee: Employee,  # type: ignore[valid-type]
    username: Annotated[str, Depends(who)],
    database: Annotated[Session, Depends(session)],
) -> dict[str, Any]:
    record = _assess(employee, username)
    database.add(record)
    database.commit()
    return _answer(record)


@app.post("/predict/attrition/batch")
def predict_many(
    body: Employees,
    username: Annotated[str, Depends(who)],
    database: Annotated[Session, Depends(session)],
) -> dict[str, Any]:
    records = [_assess(employee, username) for employee in body.employees]
    database.add_all(records)
    database.commit()
    return {"results": [_answer(record) for record in records]}


@app.get("/predict/history")
def history(
    username: Annotated[str, Depends(who)],
    database: Annotated[Session, Depends(session)],
    employee_id: str = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> list[dict[str, Any]]:
    records = select(Prediction).order_by(Prediction.created_at.desc())
    if employee_id:
        records = records.where(Prediction.employee_id == employee_id)
    return [_answer(record) for record in database.scalars(records.limit(limit).offset(offset))]
