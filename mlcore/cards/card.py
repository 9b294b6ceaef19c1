"""A model's card, read for people: the answers first, in words, and the proof as pictures.

Nothing is computed here but what the card and the artifact hold; a part that a card lacks is left
out of the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from mlcore.cards import curves as card_curves
from mlcore.cards.curves import Picture
from mlcore.cards.shapes import LearnedView, read_shapes
from mlcore.engine import operating
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.judging import fairness
from mlcore.engine.judging.fairness import AttributeRates, GroupRates
from mlcore.engine.operating import OperatingPoint, Outcome
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.words import Words, say
from mlcore.templatetags.figures import counted, decimal, of_hundred, percent, whole

SHORT_LIST = 0.2
"""The share of the workforce for which the page says how many leavers a list holds."""
FEW_LEAVERS = 100
POOR_CALIBRATION = 0.05

METRICS = {
    # name: what it is called, what it says, whether more is better
    "roc_auc": (
        gettext_lazy("Ranking (ROC AUC)"),
        gettext_lazy(
            "How often someone who left has a higher risk than someone who stayed: 0.5 is chance, 1"
            " is always."
        ),
        True,
    ),
    "average_precision": (
        gettext_lazy("Precision of the list (average precision)"),
        gettext_lazy(
            "How many on the list left, averaged over every length of the list. Without a model it"
            " is the share who leave."
        ),
        True,
    ),
    "calibration_error": (
        gettext_lazy("Honesty of the percentages (calibration error)"),
        gettext_lazy("How far the risks are from what happened, on average: 0 is exact."),
        False,
    ),
    "brier": (
        gettext_lazy("Accuracy of the percentages (Brier score)"),
        gettext_lazy("Mean squared distance between risk and outcome: 0 is perfect."),
        False,
    ),
    "log_loss": (
        gettext_lazy("Surprise (log loss)"),
        gettext_lazy("How surprised the model is by what happened: 0 is never."),
        False,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One metric, beside what one has without this model."""

    name: str
    label: str
    meaning: str
    mean: float
    low: float | None
    high: float | None
    baselines: list[tuple[str, float]]
    """Label and value: knowing only the base rate; plain logistic regression."""
    more_is_better: bool
    largest: float
    """Where its bars end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutInput:
    """A feature that the selection left out, with what that cost."""

    label: str
    log_loss: float
    """By how much the log loss would have been lower with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """One audit attribute's groups at the current threshold."""

    label: str
    rates: AttributeRates
    rows: list[tuple[str, GroupRates]]
    sentence: str
    worrying: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPage:
    """All that the page of a model says, in one language."""

    title: str
    source: str
    card: Mapping[str, Any]
    base_rate: float
    lead: str
    answers: list[str]
    doubts: list[str]
    """What speaks against using the model, at the top where it is read."""
    measures: list[Measure]
    pictures: list[Picture]
    inputs: list[str]
    audit: list[str]
    left_out: list[tuple[str, str]]
    cost: list[LeftOutInput]
    selection: Picture | None
    groups: list[Groups]
    not_for: list[str]
    method: str
    protocol: str
    learned: LearnedView | None
    threshold: float
    outcome: Outcome | None

    @property
    def evaluation(self) -> Mapping[str, Any]:
        """The card's own account of how it was measured."""
        return self.card.get("evaluation") or {}


def read(
    card: Mapping[str, Any],
    *,
    schema: FeatureSchema,
    model: GlassBoxModel | None,
    point: OperatingPoint,
    language: str,
) -> CardPage:
    """The page of a model; `model` is None where its files cannot be read."""
    evaluation = card.get("evaluation") or {}
    stored = evaluation.get("operating") or {}
    outcome = operating.outcome(stored, point.threshold) if stored else None
    names = {feature.name: say(feature.label, language) for feature in schema.everything}
    base_rate = card.get("base_rate") or (model.base_rate if model else 0.0)
    groups = [_groups(rates, language) for rates in fairness.at_threshold(card, point.threshold)]
    answers = list(_answers(card, point.threshold, outcome))
    return CardPage(
        title=say(card.get("title") or {}, language),
        source=say(card.get("source") or {}, language),
        card=card,
        base_rate=base_rate,
        lead=answers[0] if answers else "",
        answers=[*answers[1:], *_population(base_rate)],
        doubts=list(_doubts(card, groups)),
        measures=list(_measures(card)),
        pictures=card_curves.pictures(evaluation, base_rate),
        inputs=[names.get(name, name) for name in card.get("inputs") or ()],
        audit=[names.get(name, name) for name in card.get("audit_attributes") or ()],
        left_out=[
            (column, say(why, language)) for column, why in (card.get("left_out") or {}).items()
        ],
        cost=_cost(card, language),
        selection=card_curves.selection(card.get("selection") or {}, names, language),
        groups=groups,
        not_for=[say(words, language) for words in card.get("not_for") or ()],
        method=_worded(card.get("method"), language),
        protocol=_worded(evaluation.get("protocol"), language),
        learned=read_shapes(schema, model, card, language) if model else None,
        threshold=point.threshold,
        outcome=outcome,
    )


def _worded(text: Words | str | None, language: str) -> str:
    """What a card says in both languages, and older cards in English alone."""
    return text if isinstance(text, str) else say(text or {}, language)


def _answers(card: Mapping[str, Any], threshold: float, outcome: Outcome | None) -> Iterator[str]:
    """The answers in words, the most useful one first; each needs its part of the card."""
    evaluation = card.get("evaluation") or {}
    metrics = evaluation.get("metrics") or {}
    if short := short_list(evaluation.get("operating") or {}):
        yield _(
            "On employees that it had not seen: of 100 who left, the list of the {share} with the"
            " highest risk holds {held}. A list drawn by lot would hold {chance}."
        ).format(
            share=percent(short.share),
            held=of_hundred(short.leavers_held),
            chance=of_hundred(short.share),
        )
    if ranking := metrics.get("roc_auc"):
        between = ""
        if "low" in ranking:
            between = _(" (between {low} and {high})").format(
                low=of_hundred(ranking["low"]), high=of_hundred(ranking["high"])
            )
        yield _(
            "Put someone who left beside someone who stayed: in {n} of 100 such pairs{between}, the"
            " one who left has the higher risk. Guessing would give 50."
        ).format(n=of_hundred(ranking["mean"]), between=between)
    if error := metrics.get("calibration_error"):
        points = round(error["mean"] * 100, 1)
        yield ngettext(
            "Its percentages can be taken at their word within about {points} of 100 people, on"
            " average.",
            "Its percentages can be taken at their word within about {points} of 100 people, on"
            " average.",
            counted(points),
        ).format(points=decimal(points, 1))
    if outcome and outcome.listed:
        yield _(
            "At the current threshold of {threshold}, the list holds {share} of the workforce and"
            " {held} of 100 leavers; of 100 people on it, {left} left and {stayed} stayed."
        ).format(
            threshold=percent(threshold),
            share=percent(outcome.share),
            held=of_hundred(outcome.leavers_held),
            left=of_hundred(outcome.precision),
            stayed=100 - of_hundred(outcome.precision),
        )


def _population(base_rate: float) -> Iterator[str]:
    if base_rate:
        yield _("Across everyone it learned from, {n} of 100 left.").format(n=of_hundred(base_rate))


def short_list(stored: Mapping[str, Any]) -> Outcome | None:
    """What the list of a fifth of the workforce holds; None where there is none so short."""
    if not stored:
        return None
    try:
        found = operating.outcome(stored, operating.for_capacity(stored, SHORT_LIST))
    except ValueError:
        return None
    return found if found.listed else None


def _doubts(card: Mapping[str, Any], groups: list[Groups]) -> Iterator[str]:
    """What speaks against relying on the model, each as far as the card shows it."""
    evaluation = card.get("evaluation") or {}
    metrics = evaluation.get("metrics") or {}
    baselines = evaluation.get("baselines") or {}
    leavers = card.get("leavers") or 0
    if 0 < leavers < FEW_LEAVERS:
        yield ngettext(
            "It learned from {n} leaver only: every figure on this page is uncertain, and the"
            " intervals say by how much.",
            "It learned from {n} leavers only: every figure on this page is uncertain, and the"
            " intervals say by how much.",
            leavers,
        ).format(n=whole(leavers))
    if metrics.get("roc_auc", {}).get("low", 1.0) <= 0.5:
        yield _("It may rank people no better than chance does.")
    loss = metrics.get("log_loss", {}).get("mean")
    plain = baselines.get("logistic_regression", {}).get("log_loss")
    everyone = baselines.get("base_rate", {}).get("log_loss")
    if loss is not None and everyone is not None and loss >= everyone:
        yield _("Telling everyone the same risk would be as accurate as its percentages.")
    elif loss is not None and plain is not None and loss > plain:
        yield _("Plain logistic regression gives slightly better percentages on this data.")
    if metrics.get("calibration_error", {}).get("mean", 0.0) > POOR_CALIBRATION:
        yield _("Its percentages are not to be taken at their word: they rank, no more.")
    if named := [group.label for group in groups if group.worrying]:
        yield _("Groups are listed at very different rates by {attributes}: see below.").format(
            attributes=pgettext("between reasons", ", ").join(
                _("“{name}”").format(name=name) for name in named
            )
        )


def _measures(card: Mapping[str, Any]) -> Iterator[Measure]:
    evaluation = card.get("evaluation") or {}
    metrics, baselines = evaluation.get("metrics") or {}, evaluation.get("baselines") or {}
    rivals = (
        (_("Plain logistic regression"), baselines.get("logistic_regression") or {}),
        (_("The same risk for everyone"), baselines.get("base_rate") or {}),
    )
    for name, (label, meaning, more_is_better) in METRICS.items():
        found = metrics.get(name)
        if not found:
            continue
        others = [(rival, values[name]) for rival, values in rivals if name in values]
        values = [found["mean"], found.get("high") or 0.0, *(value for _rival, value in others)]
        yield Measure(
            name=name,
            label=str(label),
            meaning=str(meaning),
            mean=found["mean"],
            low=found.get("low"),
            high=found.get("high"),
            baselines=others,
            more_is_better=more_is_better,
            largest=1.0 if more_is_better else max(values) * 1.05,
        )


def _cost(card: Mapping[str, Any], language: str) -> list[LeftOutInput]:
    stored = (card.get("selection") or {}).get("cost") or {}
    costs = [
        LeftOutInput(label=say(item.get("label") or {}, language, name), log_loss=item["log_loss"])
        for name, item in stored.items()
    ]
    return sorted(costs, key=lambda cost: -cost.log_loss)


def _groups(rates: AttributeRates, language: str) -> Groups:
    label = say(rates.label, language, rates.name)
    rows = [(say(group.label, language, str(group.value)), group) for group in rates.groups]
    return Groups(
        label=label,
        rates=rates,
        rows=rows,
        sentence=_four_fifths(label, rows),
        worrying=any(group.surely_below_four_fifths for _name, group in rows),
    )


def _four_fifths(label: str, rows: list[tuple[str, GroupRates]]) -> str:
    """The four-fifths rule in words: who is listed much less often than whom."""
    if not rows:
        return _("Its groups are too small to compare: their figures would tell about persons.")
    reference = next(((name, group) for name, group in rows if group.is_reference), None)
    if reference is None or not reference[1].listed.value:
        return _("Nobody is on the list: there is nothing to compare.")
    most = _("Of 100 people in “{group}”, the list holds {n}: the most.").format(
        group=reference[0], n=of_hundred(reference[1].listed.value)
    )
    below = [(name, group) for name, group in rows if group.below_four_fifths]
    if not below:
        return f"{most} " + _(
            "No group is listed less than four fifths as often as that: by the four-fifths rule,"
            " nothing calls for a closer look."
        )
    named = pgettext("between reasons", ", ").join(
        _("“{group}” ({n} of 100)").format(group=name, n=of_hundred(group.listed.value))
        for name, group in below
    )
    said = _("Listed less than four fifths as often: {groups}.").format(groups=named)
    if any(group.surely_below_four_fifths for _name, group in below):
        doubt = _("Chance alone hardly explains all of it: ask why before the list is used.")
    else:
        doubt = _("With so few people it may be chance: the intervals reach four fifths.")
    return f"{most} {said} {_left_too(reference, below)} {doubt}"


def _left_too(reference: tuple[str, GroupRates], below: list[tuple[str, GroupRates]]) -> str:
    """How often these groups left in fact: what a difference between lists is held against."""
    rates = sorted(of_hundred(group.observed.value) for _name, group in below)
    name, group = reference
    if rates[0] == rates[-1]:
        words = _("Of 100 of them, {low} did leave; of 100 in “{group}”, {most}.")
    else:
        words = _("Of 100 of them, {low} to {high} did leave; of 100 in “{group}”, {most}.")
    return words.format(
        low=rates[0], high=rates[-1], group=name, most=of_hundred(group.observed.value)
    )
