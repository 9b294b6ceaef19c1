"""A stored prediction in words: what raised the risk, what lowered it, and what was not known."""

from __future__ import annotations

from dataclasses import dataclass

from mlcore import registry
from mlcore.engine.schema import Feature, FeatureSchema
from mlcore.engine.values import Value
from mlcore.engine.words import say
from predictions.models import Prediction


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One feature's part in one prediction."""

    feature: str
    label: str
    value: Value
    value_text: str
    """The value as a person reads it; empty for a blank."""
    contribution: float
    """Log-odds against the average employee: above zero raises the risk."""
    beyond_seen: bool
    """Whether the value lies outside what the model was trained on."""

    @property
    def raises(self) -> bool:
        return self.contribution > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """All of a prediction's reasons, strongest first, in one language."""

    reasons: list[Reason]
    missing: list[Reason]
    """What was left blank."""

    @property
    def raising(self) -> list[Reason]:
        return [reason for reason in self.reasons if reason.contribution > 0]

    @property
    def lowering(self) -> list[Reason]:
        return [reason for reason in self.reasons if reason.contribution < 0]

    @property
    def beyond_seen(self) -> list[Reason]:
        return [reason for reason in self.reasons if reason.beyond_seen]


def explain(
    prediction: Prediction, language: str, *, schema: FeatureSchema | None = None
) -> Explanation:
    """Read a stored prediction, by the schema of the model that made it."""
    schema = schema or registry.schema_of(prediction.model_version)

    def reason(feature: Feature) -> Reason:
        value = prediction.inputs.get(feature.name)
        return Reason(
            feature=feature.name,
            label=say(feature.label, language),
            value=value,
            value_text=feature.value_text(value, language),
            contribution=prediction.contributions[feature.name],
            beyond_seen=feature.beyond_seen(value),
        )

    everything = [reason(feature) for feature in schema.features]
    everything.sort(key=lambda item: -abs(item.contribution))
    return Explanation(
        reasons=[item for item in everything if item.value is not None],
        missing=[item for item in everything if item.value is None],
    )
