"""A stored prediction in words: what raised the risk, what lowered it, and what was not known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from mlcore import registry
from mlcore.engine.features import Feature
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.values import Value
from mlcore.engine.words import say
from predictions.models import Prediction

# Magnitudes in log-odds from which an effect is said to be strong, plain, or slight: near a risk of
# one in six they are about 12, 4 and 0.7 percentage points.
_STRONG, _SLIGHT, _NONE = STRONG_FROM = (0.7, 0.25, 0.05)
_STRONGEST = 8  # reasons that a page shows at once

_TOGETHER = " × "  # between the two names of a pair, and between their two values


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """The part of one feature in one prediction, or of two together beyond what each does alone."""

    features: tuple[str, ...]
    """One name, or the two of a pair."""
    label: str
    values: tuple[Value, ...]
    """By feature; `None` is a blank."""
    value_text: str
    """The value as a person reads it; that it is not known, for a blank."""
    contribution: float
    """Log-odds against the average employee: above zero raises the risk."""
    actionable: bool
    """Whether an employer can change it, or one of the two; what is not known, nobody can."""
    beyond_seen: bool
    """Whether the value lies outside what the model was trained on; a pair's features tell."""

    @property
    def raises(self) -> bool:
        return self.contribution > 0

    @property
    def is_pair(self) -> bool:
        return len(self.features) > 1

    @property
    def is_blank(self) -> bool:
        """Whether nothing of it is known."""
        return all(value is None for value in self.values)

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

    @property
    def sentence(self) -> str:
        """The reason on one line, in the active language."""
        return _("{label}: {value}, {effect}").format(
            label=self.label, value=self.value_text, effect=self.effect
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """All of a prediction's reasons, strongest first, in one language."""

    everything: list[Reason]
    """Every term of the sum but the intercept."""
    audit: list[tuple[str, str]]
    """Label and value of each audit attribute that was given."""

    @property
    def reasons(self) -> list[Reason]:
        """What is known, and what a model learned to read from its not being known."""
        return [reason for reason in self.everything if reason.contribution or not reason.is_blank]

    @property
    def missing(self) -> list[Reason]:
        """What was left blank."""
        return [reason for reason in self.everything if reason.is_blank and not reason.is_pair]

    @property
    def silent_blanks(self) -> list[Reason]:
        """Blanks that count as the average employee's."""
        return [reason for reason in self.missing if not reason.contribution]

    @property
    def telling_blanks(self) -> list[Reason]:
        """Blanks that count for something, as they did among those the model learned from."""
        return [reason for reason in self.missing if reason.contribution]

    @property
    def telling_blanks_text(self) -> str:
        return ", ".join(reason.label for reason in self.telling_blanks)

    @property
    def has_pairs(self) -> bool:
        return any(reason.is_pair for reason in self.everything)

    @property
    def strongest(self) -> list[Reason]:
        return self.reasons[:_STRONGEST]

    @property
    def others(self) -> list[Reason]:
        return self.reasons[_STRONGEST:]

    @property
    def largest(self) -> float:
        """The magnitude of the strongest, to which the bars are drawn; in log-odds."""
        return max((abs(reason.contribution) for reason in self.everything), default=0.0)

    @property
    def raising(self) -> list[Reason]:
        """What makes a difference upwards, however little."""
        return [reason for reason in self.reasons if reason.contribution >= _NONE]

    @property
    def levers(self) -> list[Reason]:
        """What raises the risk more than a little and is in the employer's hands.

        A pair is left out where a feature of it is a lever already: it would be named twice.
        """
        strong = [r for r in self.raising if r.actionable and r.contribution >= _SLIGHT]
        alone = {name for r in strong if not r.is_pair for name in r.features}
        return [r for r in strong if not (r.is_pair and alone.intersection(r.features))]

    @property
    def beyond_seen(self) -> list[Reason]:
        return [reason for reason in self.reasons if reason.beyond_seen]


def features_of(name: str) -> tuple[str, ...]:
    """The features that a contribution is of: one, or the two of a pair (`"a:b"`)."""
    return tuple(name.split(":"))


def terms(schema: FeatureSchema, names: Collection[str]) -> list[str]:
    """The names of contributions in the schema's order, the pairs after the features.

    PostgreSQL gives back the names of a JSON object in an order of its own.
    """
    features = [feature.name for feature in schema.features if feature.name in names]
    if len(features) == len(names):
        return features
    order = {feature.name: place for place, feature in enumerate(schema.features)}
    pairs = [name for name in names if name not in order]
    pairs.sort(key=lambda name: [order[feature] for feature in features_of(name)])
    return features + pairs


def label_of(schema: FeatureSchema, name: str, language: str) -> str:
    """What a contribution is of, in words: a feature's label, or both of a pair."""
    if alone := schema.by_name.get(name):
        return say(alone.label, language, name)
    return _TOGETHER.join(
        say(schema.by_name[feature].label, language, feature) for feature in features_of(name)
    )


def strongest_first(prediction: Prediction, schema: FeatureSchema) -> list[tuple[str, float]]:
    """What each feature and each pair contributed, by its size; equals in the schema's order."""
    return _by_size(prediction.contributions, schema)


def _by_size(contributions: Mapping[str, float], schema: FeatureSchema) -> list[tuple[str, float]]:
    found = [(name, contributions[name]) for name in terms(schema, contributions.keys())]
    found.sort(key=_size, reverse=True)
    return found


def _size(term: tuple[str, float]) -> float:
    return abs(term[1])


def strongest(
    inputs: Mapping[str, Value],
    contributions: Mapping[str, float],
    *,
    schema: FeatureSchema,
    language: str,
    count: int,
) -> list[Reason]:
    """The `count` strongest reasons, or as many as there are: for a list of many people."""
    found = _by_size(contributions, schema)[:count]
    return [_reason(inputs, schema, *term, language) for term in found if term[1]]


def explain(
    prediction: Prediction, language: str, *, schema: FeatureSchema | None = None
) -> Explanation:
    """Read a stored prediction, by the schema of the model that made it."""
    schema = schema or registry.schema_of(prediction.model_version)
    return Explanation(
        everything=[
            _reason(prediction.inputs, schema, *term, language)
            for term in strongest_first(prediction, schema)
        ],
        audit=[
            (say(feature.label, language), feature.value_text(value, language))
            for feature in schema.audit
            if (value := prediction.audit_attributes.get(feature.name)) is not None
        ],
    )


def _reason(
    inputs: Mapping[str, Value],
    schema: FeatureSchema,
    name: str,
    contribution: float,
    language: str,
) -> Reason:
    features = [schema.by_name[feature] for feature in features_of(name)]
    values = tuple(inputs.get(feature.name) for feature in features)
    known = list(zip(features, values, strict=True))
    return Reason(
        features=tuple(feature.name for feature in features),
        label=label_of(schema, name, language),
        values=values,
        value_text=_TOGETHER.join(_in_words(*each, language) for each in known),
        contribution=contribution,
        actionable=any(feature.actionable and value is not None for feature, value in known),
        beyond_seen=len(known) == 1 and features[0].beyond_seen(values[0]),
    )


def _in_words(feature: Feature, value: Value, language: str) -> str:
    return _("Not known") if value is None else feature.value_text(value, language)


def said_in_file(
    prediction: Prediction, language: str, *, audit: bool = False
) -> list[tuple[str, str]]:
    """The words of its file that a person told the meaning of, each with its question.

    With `audit`, also those that were said to a question which is kept for fairness checks alone.
    """
    schema = registry.schema_of(prediction.model_version)
    known = {feature.name: feature for feature in (schema.everything if audit else schema.features)}
    return [
        (say(known[name].label, language, name), word)
        for name, word in (prediction.given or {}).items()
        if name in known
    ]


def meanings_in_words(
    meanings: Mapping[str, Mapping[str, str]], schema: FeatureSchema, language: str
) -> list[tuple[str, str, str]]:
    """What a person said of a file's words (`Batch.answers`): the question, the word, and the
    answer that it means, `""` for not known.
    """
    told = []
    for name, words in meanings.items():
        if feature := schema.by_name.get(name):
            answers = {str(c.value): say(c.label, language, str(c.value)) for c in feature.choices}
            label = say(feature.label, language, name)
            told += [(label, word, answers.get(value, "")) for word, value in words.items()]
    return told


def meaning_sentence(label: str, word: str, meaning: str) -> str:
    """One of `meanings_in_words` as a sentence, in the active language."""
    return _("{label}: “{word}” is {meaning}").format(
        label=label, word=word, meaning=meaning or _("Not known")
    )
