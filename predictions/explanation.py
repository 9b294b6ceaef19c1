"""A stored prediction in words: what raised the risk, what lowered it, and what was not known."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from mlcore import registry
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.values import Value
from mlcore.engine.words import say
from predictions.models import Prediction

# Magnitudes in log-odds from which an effect is said to be strong, plain, or slight: near a risk of
# one in six they are about 12, 4 and 0.7 percentage points.
_STRONG, _SLIGHT, _NONE = 0.7, 0.25, 0.05
_STRONGEST = 8  # reasons that a page shows at once


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
    actionable: bool
    """Whether it is something that an employer can change."""
    beyond_seen: bool
    """Whether the value lies outside what the model was trained on."""

    @property
    def raises(self) -> bool:
        return self.contribution > 0

    @property
    def effect(self) -> str:
        """What the value does to the risk, in the active language."""
        magnitude = abs(self.contribution)
        if magnitude >= _STRONG:
            return _("raises the risk a lot") if self.raises else _("lowers the risk a lot")
        if magnitude >= _SLIGHT:
            return _("raises the risk") if self.raises else _("lowers the risk")
        if magnitude >= _NONE:
            return _("raises the risk a little") if self.raises else _("lowers the risk a little")
        return _("hardly matters here")


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """All of a prediction's reasons, strongest first, in one language."""

    reasons: list[Reason]
    missing: list[Reason]
    """What was left blank."""
    audit: list[tuple[str, str]]
    """Label and value of each audit attribute that was given."""

    @property
    def strongest(self) -> list[Reason]:
        return self.reasons[:_STRONGEST]

    @property
    def others(self) -> list[Reason]:
        return self.reasons[_STRONGEST:]

    @property
    def raising(self) -> list[Reason]:
        return [reason for reason in self.reasons if reason.contribution > 0]

    @property
    def levers(self) -> list[Reason]:
        """What raises the risk more than a little and is in the employer's hands."""
        return [r for r in self.raising if r.actionable and r.contribution >= _SLIGHT]

    @property
    def beyond_seen(self) -> list[Reason]:
        return [reason for reason in self.reasons if reason.beyond_seen]


def strongest_first(prediction: Prediction, schema: FeatureSchema) -> list[tuple[str, float]]:
    """What each feature contributed, by its size; equals in the schema's order."""
    contributions = prediction.contributions
    pairs = [(feature.name, contributions[feature.name]) for feature in schema.features]
    pairs.sort(key=_size, reverse=True)
    return pairs


def _size(pair: tuple[str, float]) -> float:
    return abs(pair[1])


def explain(
    prediction: Prediction, language: str, *, schema: FeatureSchema | None = None
) -> Explanation:
    """Read a stored prediction, by the schema of the model that made it."""
    schema = schema or registry.schema_of(prediction.model_version)

    def reason(name: str, contribution: float) -> Reason:
        feature = schema.by_name[name]
        value = prediction.inputs.get(name)
        return Reason(
            feature=name,
            label=say(feature.label, language),
            value=value,
            value_text=feature.value_text(value, language),
            contribution=contribution,
            actionable=feature.actionable,
            beyond_seen=feature.beyond_seen(value),
        )

    everything = [reason(*pair) for pair in strongest_first(prediction, schema)]
    return Explanation(
        reasons=[item for item in everything if item.value is not None],
        missing=[item for item in everything if item.value is None],
        audit=[
            (say(feature.label, language), feature.value_text(value, language))
            for feature in schema.audit
            if (value := prediction.audit_attributes.get(feature.name)) is not None
        ],
    )
