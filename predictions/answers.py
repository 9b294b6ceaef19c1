"""What the API answers about many employees at once, made from columns.

Each answer says what `serializers.result` says of the same record; a test holds the two together.
What a value contributes is the same for everyone who gave it, so a reason is written once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Floats
from mlcore.engine.values import Value
from predictions import serializers
from predictions.explanation import features_of, label_of, terms
from predictions.services import Recorded

_Reason = orjson.Fragment | None
"""As JSON; None where it makes no difference and nothing is known."""


def of_many(
    recorded: Recorded, *, schema: FeatureSchema, version: str, language: str
) -> Iterator[dict[str, Any]]:
    """An answer for each employee, in the order of the record; for `orjson` to write."""
    frame, scores, shared = recorded.frame, recorded.scores, recorded.shared
    threshold = shared["threshold"]
    labels = [serializers.label(elevated=elevated) for elevated in (False, True)]
    created_at = serializers.instant(shared["created_at"])
    names = terms(schema, scores.contributions.keys())
    reasons = [
        _reasons(name, schema, language, frame.inputs, scores.contributions[name]) for name in names
    ]
    for number, employee_id, probability, band, log_odds, order, own, missing in zip(
        recorded.ids,
        frame.employee_ids,
        scores.probability.tolist(),
        recorded.bands,
        scores.log_odds.tolist(),
        _strongest_first([scores.contributions[name] for name in names]),
        zip(*reasons, strict=True),
        _missing(frame.inputs, len(frame)),
        strict=True,
    ):
        elevated = probability >= threshold
        yield {
            "prediction_id": _dashed(number),
            "employee_id": employee_id,
            "prediction": int(elevated),
            "label": labels[elevated],
            "probability": probability,
            "threshold": threshold,
            "risk_band": band,
            "base_rate": shared["base_rate"],
            "model_version": version,
            "created_at": created_at,
            "log_odds": log_odds,
            "intercept": shared["intercept"],
            "floor": shared["floor"],
            "explanation": [reason for term in order if (reason := own[term])],
            "missing": missing,
        }


def _dashed(number: str) -> str:
    """As `str(UUID(number))`, without making one."""
    return f"{number[:8]}-{number[8:12]}-{number[12:16]}-{number[16:20]}-{number[20:]}"


def _strongest_first(contributions: Sequence[Floats]) -> list[list[int]]:
    """For each employee, the places of the terms by size; equals stay in their order."""
    order: list[list[int]] = np.argsort(-np.abs(contributions), axis=0, kind="stable").T.tolist()
    return order


def _reasons(
    name: str,
    schema: FeatureSchema,
    language: str,
    inputs: Mapping[str, Sequence[Value]],
    contributions: Floats,
) -> list[_Reason]:
    """What one term is to each employee."""
    features = features_of(name)
    begin = {"feature": name, "features": features, "label": label_of(schema, name, language)}
    given = list(zip(*(inputs[feature] for feature in features), strict=True))
    contributed = dict(zip(given, contributions.tolist(), strict=True))
    written = {values: _reason(begin, values, each) for values, each in contributed.items()}
    return list(map(written.__getitem__, given))


def _reason(begin: Mapping[str, Any], values: tuple[Value, ...], contribution: float) -> _Reason:
    if not serializers.is_reason(values, contribution):
        return None
    alone = values[0] if len(values) == 1 else None
    return orjson.Fragment(
        orjson.dumps({**begin, "value": alone, "values": values, "contribution": contribution})
    )


def _missing(inputs: Mapping[str, Sequence[Value]], count: int) -> list[list[str]]:
    """For each employee the features that were left blank."""
    missing: list[list[str]] = [[] for _ in range(count)]
    for name, values in inputs.items():
        if None in values:
            for blank in (place for place, value in enumerate(values) if value is None):
                missing[blank].append(name)
    return missing
