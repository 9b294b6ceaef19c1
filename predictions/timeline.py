"""One employee over time: what each assessment said, and what changed between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from mlcore import registry
from mlcore.cards.asked import asks_differently
from mlcore.engine.features import Feature
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.words import say
from mlcore.models import Activation, ModelVersion
from mlcore.templatetags.figures import percent
from predictions.explanation import STRONG_FROM, Reason, features_of, label_of, strongest, terms
from predictions.judged_by import points_of
from predictions.models import Prediction

_LOUD, _PLAIN, _FAINT = STRONG_FROM
_MOST_TERMS = 6
_MOST_LINES = 5
_TOGETHER = " × "


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One assessment on the line."""

    prediction: Prediction
    point: OperatingPoint
    """By which it was judged."""
    main_reason: Reason | None
    """What raises its risk most; None when nothing does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelChange:
    """From here on another model judged."""

    number: int
    """1 is the first on the line."""
    at: datetime
    version: ModelVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """What one feature, or a pair, did between two assessments."""

    label: str
    before: str
    after: str
    """Both as a person reads them; equal for a pair of which the other part moved."""
    delta: float | None
    """Log-odds by which it raised the risk (above zero); None across two models."""

    @property
    def raises(self) -> bool:
        return (self.delta or 0.0) > 0

    @property
    def effect(self) -> str:
        """What the change did, in the active language."""
        size = abs(self.delta or 0.0)
        if size >= _LOUD:
            return _("raised it a lot") if self.raises else _("lowered it a lot")
        if size >= _PLAIN:
            return _("raised it") if self.raises else _("lowered it")
        if size >= _FAINT:
            return _("raised it a little") if self.raises else _("lowered it a little")
        return _("hardly mattered")


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What changed between two assessments of one employee."""

    sentences: list[str]
    terms: list[Term]
    """What moved, the strongest first."""
    more: int
    """How many moved beside those."""
    same_model: bool

    @property
    def largest(self) -> float:
        return max((abs(term.delta or 0.0) for term in self.terms), default=0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """Some assessments of one employee, the newest first."""

    entries: list[Entry]
    changes: list[ModelChange]
    """In the order of time."""


def dated(moment: datetime, beside: datetime | None) -> str:
    """A day as it is written, with its time where `beside` is of the same day."""
    here = timezone.localtime(moment)
    same_day = beside is not None and timezone.localtime(beside).date() == here.date()
    return date_format(here, "DATETIME_FORMAT" if same_day else "DATE_FORMAT")


def of_one_file(one: Prediction, other: Prediction) -> bool:
    """Whether two assessments are lines of one file: nothing lies between them in time."""
    return one.batch_id is not None and one.batch_id == other.batch_id


def repeated(predictions: Sequence[Prediction]) -> list[str]:
    """A sentence for each file that holds an employee more than once, of their assessments.

    Each must have its `batch`.
    """
    files: dict[int, list[Prediction]] = {}
    for prediction in predictions:
        if prediction.batch_id is not None:
            files.setdefault(prediction.batch_id, []).append(prediction)
    return [_repeated(rows) for rows in files.values() if len(rows) > 1]


def _repeated(rows: Sequence[Prediction]) -> str:
    lines = sorted(prediction.row or 0 for prediction in rows)
    text = ", ".join(map(str, lines[:_MOST_LINES])) + (", …" if lines[_MOST_LINES:] else "")
    sentence = (
        _("The file {file} holds this reference twice (lines {lines}): that is no development.")
        if len(lines) == 2
        else _(
            "The file {file} holds this reference several times (lines {lines}): that is no"
            " development."
        )
    )
    return sentence.format(file=rows[0].batch.name if rows[0].batch else "", lines=text)


def timeline_of(predictions: Sequence[Prediction], language: str) -> Timeline:
    """Assessments as `for_timeline` gives them, the newest first, read for a line and a table.

    Each is given its `model_version`. Three queries, however many there are.
    """
    versions = ModelVersion.objects.defer("card").in_bulk(
        {prediction.model_version_id for prediction in predictions}
    )
    for prediction in predictions:
        prediction.model_version = versions[prediction.model_version_id]
    entries = [
        Entry(
            prediction=prediction,
            point=point,
            main_reason=_main_reason(prediction, language),
        )
        for prediction, point in zip(predictions, points_of(predictions), strict=True)
    ]
    return Timeline(entries=entries, changes=_changes(predictions))


def _main_reason(prediction: Prediction, language: str) -> Reason | None:
    raising = {name: part for name, part in prediction.contributions.items() if part >= _FAINT}
    schema = registry.schema_of(prediction.model_version)
    found = strongest(prediction.inputs, raising, schema=schema, language=language, count=1)
    return next(iter(found), None)


def _changes(newest_first: Sequence[Prediction]) -> list[ModelChange]:
    """Where the model was replaced: at its activation, where one lies between two assessments."""
    oldest_first = list(reversed(newest_first))
    replaced = [
        (before, after)
        for before, after in pairwise(oldest_first)
        if before.model_version_id != after.model_version_id
    ]
    if not replaced:
        return []
    activations = list(
        Activation.objects.filter(
            model_version__in={after.model_version_id for _before, after in replaced},
            activated_at__gt=replaced[0][0].created_at,
            activated_at__lte=replaced[-1][1].created_at,
        ).values_list("model_version_id", "activated_at")
    )
    found = []
    for number, (before, after) in enumerate(replaced, start=1):
        moments = [
            moment
            for version, moment in activations
            if version == after.model_version_id and before.created_at < moment <= after.created_at
        ]
        found.append(
            ModelChange(
                number=number,
                at=max(moments, default=after.created_at),
                version=after.model_version,
            )
        )
    return found


# ------------------------------------------------------------------ what changed


def difference_of(before: Prediction, after: Prediction, language: str) -> Difference:
    """What changed from one assessment to the next, in words.

    Both must have their `model_version`. Two models weigh from different averages: across them
    the answers are compared, not what they did.
    """
    same_model = before.model_sha256 == after.model_sha256
    moved = (_terms if same_model else _answers)(before, after, language)
    return Difference(
        sentences=list(_sentences(before, after, same_model=same_model, moved=bool(moved))),
        terms=moved[:_MOST_TERMS],
        more=max(len(moved) - _MOST_TERMS, 0),
        same_model=same_model,
    )


def _sentences(
    before: Prediction, after: Prediction, *, same_model: bool, moved: bool
) -> list[str]:
    day = dated(before.created_at, after.created_at)
    risks = percent(before.probability), percent(after.probability)
    if risks[0] == risks[1]:
        found = [_("Since {date} the risk has stayed at {risk}.").format(date=day, risk=risks[0])]
    else:
        sentence = (
            _("Since {date} the risk has risen from {before} to {after}.")
            if after.probability > before.probability
            else _("Since {date} the risk has fallen from {before} to {after}.")
        )
        found = [sentence.format(date=day, before=risks[0], after=risks[1])]
    if before.threshold != after.threshold:
        found.append(
            _(
                "The threshold from which a conversation is advised was {before} and is {after}."
            ).format(before=percent(before.threshold), after=percent(after.threshold))
        )
    if not same_model:
        found.append(
            _(
                "Another model judged: {after} instead of {before}. Part of the difference may be"
                " the models’."
            ).format(after=after.model_version.version, before=before.model_version.version)
        )
    if not moved:
        found.append(_("No answer that the model asks for has changed."))
    return found


def _terms(before: Prediction, after: Prediction, language: str) -> list[Term]:
    """By one model: each contribution that moved, by how far it did."""
    schema = registry.schema_of(after.model_version)
    found = []
    for name in terms(schema, after.contributions):
        features = [schema.by_name[feature] for feature in features_of(name)]
        values = [_in_words(features, each, language) for each in (before, after)]
        delta = after.contributions[name] - before.contributions.get(name, 0.0)
        if delta or values[0] != values[1]:
            label = label_of(schema, name, language)
            found.append(Term(label=label, before=values[0], after=values[1], delta=delta))
    found.sort(key=lambda term: -abs(term.delta or 0.0))
    return found


def _in_words(features: Sequence[Feature], prediction: Prediction, language: str) -> str:
    values = [(feature, prediction.inputs.get(feature.name)) for feature in features]
    return _TOGETHER.join(
        feature.value_text(value, language) or _("Not known") for feature, value in values
    )


def _answers(before: Prediction, after: Prediction, language: str) -> list[Term]:
    """Between two models: the answers that moved, of what both ask for in the same way."""
    old, new = (_inputs(registry.schema_of(each.model_version)) for each in (before, after))
    return [
        Term(
            label=say(feature.label, language, name),
            before=_in_words([old[name]], before, language),
            after=_in_words([feature], after, language),
            delta=None,
        )
        for name, feature in new.items()
        if name in old
        and before.inputs.get(name) != after.inputs.get(name)
        and not asks_differently(old[name], feature)
    ]


def _inputs(schema: FeatureSchema) -> dict[str, Feature]:
    return {feature.name: feature for feature in schema.features}
