"""What the API says about a prediction.

Answers are plain dicts: a serializer with a field object per value would take longer than the
prediction. The serializers below describe those dicts in the API's documentation, and a test holds
each answer against its description.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from mlcore.engine.schema import FeatureSchema
from mlcore.engine.values import Value
from predictions.explanation import features_of, label_of, strongest_first
from predictions.models import Prediction, Source
from predictions.models.prediction import BandChoice

MAX_EMPLOYEES = 1000


def summary(prediction: Prediction, *, version: str) -> dict[str, Any]:
    """The result alone; `version` is the name of the model that gave it."""
    elevated = prediction.elevated
    return {
        "prediction_id": str(prediction.pk),
        "employee_id": prediction.employee_id,
        "prediction": int(elevated),
        "label": label(elevated=elevated),
        "probability": prediction.probability,
        "threshold": prediction.threshold,
        "risk_band": prediction.band,
        "base_rate": prediction.base_rate,
        "model_version": version,
        "created_at": instant(prediction.created_at),
    }


def label(*, elevated: bool) -> str:
    """The answer in the reader's language."""
    return _("Elevated risk of leaving") if elevated else _("No elevated risk of leaving")


def instant(at: datetime) -> str:
    """A moment, in UTC."""
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def is_reason(values: Sequence[Value], contribution: float) -> bool:
    """Whether a term is told: of what is blank, only what makes a difference, so that the sum
    always holds."""
    return bool(contribution) or any(value is not None for value in values)


def result(
    prediction: Prediction, *, schema: FeatureSchema, version: str, language: str
) -> dict[str, Any]:
    """The result and why, by the schema of the model that gave it."""
    inputs = prediction.inputs
    reasons = []
    for name, contribution in strongest_first(prediction, schema):
        features = features_of(name)
        values = [inputs[feature] for feature in features]
        if is_reason(values, contribution):
            reasons.append(
                {
                    "feature": name,
                    "features": features,
                    "label": label_of(schema, name, language),
                    "value": values[0] if len(values) == 1 else None,
                    "values": values,
                    "contribution": contribution,
                }
            )
    return {
        **summary(prediction, version=version),
        "log_odds": prediction.log_odds,
        "intercept": prediction.intercept,
        "floor": prediction.floor,
        "explanation": reasons,
        "missing": [feature.name for feature in schema.features if inputs[feature.name] is None],
    }


def origin(prediction: Prediction) -> dict[str, Any]:
    """Who asked, by which door: for whoever reads a history."""
    return {
        "source": prediction.source,
        "requested_by": prediction.requested_by.username,
        "request_id": prediction.request_id,
    }


# ------------------------------------------------------------------ descriptions


@extend_schema_field({"type": ["string", "number", "null"]})
class ValueField(serializers.Field):  # type: ignore[type-arg]
    """A clean value: a number, a choice's word, a step of a scale, or null for a blank."""


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/FieldProblem"},
        },
    }
)
class ErrorsField(serializers.Field):  # type: ignore[type-arg]
    """Problems by field."""


class ReasonSerializer(serializers.Serializer[Any]):
    feature = serializers.CharField(
        help_text="A feature's name; `a:b` for what the features a and b do together, beyond what "
        "each does alone."
    )
    features = serializers.ListField(
        child=serializers.CharField(), min_length=1, max_length=2, help_text="One name, or two."
    )
    label = serializers.CharField(  # type: ignore[assignment]
        help_text="What it is in the reader's language; for two features, both."
    )
    value = ValueField(help_text="Null for a blank, and for two features: see `values`.")
    values = serializers.ListField(
        child=ValueField(), min_length=1, max_length=2, help_text="By feature; null for a blank."
    )
    contribution = serializers.FloatField(
        help_text="Log-odds against the average employee; above zero raises the risk."
    )


class SummarySerializer(serializers.Serializer[Any]):
    prediction_id = serializers.UUIDField()
    employee_id = serializers.CharField(
        allow_blank=True, max_length=64, help_text="Your own reference; empty if none was given."
    )
    prediction = serializers.IntegerField(
        min_value=0, max_value=1, help_text="1 if the probability reaches the threshold, else 0."
    )
    label = serializers.CharField(  # type: ignore[assignment]
        help_text="`prediction` in the reader's language."
    )
    probability = serializers.FloatField(min_value=0, max_value=1)
    threshold = serializers.FloatField(min_value=0, max_value=1)
    risk_band = serializers.ChoiceField(choices=BandChoice.values)
    base_rate = serializers.FloatField(
        min_value=0, max_value=1, help_text="Share of leavers where the model was trained."
    )
    model_version = serializers.CharField()
    created_at = serializers.DateTimeField(help_text="In UTC.")


class ResultSerializer(SummarySerializer):
    log_odds = serializers.FloatField(
        help_text="`intercept` plus every contribution; "
        "probability = floor + (1 - floor) / (1 + exp(-log_odds))."
    )
    intercept = serializers.FloatField(help_text="Log-odds of the average employee.")
    floor = serializers.FloatField(
        min_value=0,
        max_value=1,
        help_text="The share that leaves whatever the conditions: no probability lies below it.",
    )
    explanation = ReasonSerializer(many=True, help_text="Strongest first.")
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="What was left blank, by feature."
    )


class HistorySerializer(SummarySerializer):
    source = serializers.ChoiceField(choices=Source.values)  # type: ignore[assignment]
    requested_by = serializers.CharField(help_text="A username.")
    request_id = serializers.CharField(allow_blank=True)


class HistoryDetailSerializer(ResultSerializer, HistorySerializer):
    pass


class AcceptedSerializer(ResultSerializer):
    index = serializers.IntegerField(help_text="Place in what was sent, from 0.")
    status = serializers.ChoiceField(choices=[201])


class RefusedSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Place in what was sent, from 0.")
    status = serializers.ChoiceField(choices=[422])
    errors = ErrorsField()  # type: ignore[assignment]


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="BatchEntry",
        serializers=[AcceptedSerializer, RefusedSerializer],
        resource_type_field_name=None,
        many=True,
    )
)
class EntriesField(serializers.Field):  # type: ignore[type-arg]
    """One answer per employee."""


class BatchResultSerializer(serializers.Serializer[Any]):
    accepted = serializers.IntegerField(help_text="How many were assessed and recorded.")
    refused = serializers.IntegerField(help_text="How many were not.")
    results = EntriesField(help_text="One per employee, in the order in which they were sent.")
