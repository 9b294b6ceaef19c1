"""Two models beside each other, from their cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from mlcore import registry
from mlcore.cards.asked import Changes, changes
from mlcore.cards.card import METRICS, short_list
from mlcore.comparison import Comparison as MeasuredTogether
from mlcore.engine.judging.intervals import Estimate
from mlcore.models import ModelVersion
from mlcore.templatetags.figures import decimal, of_hundred, percent, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure of two models, as text."""

    label: str
    champion: str
    challenger: str
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SameLine:
    """One metric of two models on the same rows."""

    label: str
    champion: str
    challenger: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SameRows:
    """Two models on the same employees, in words."""

    lead: str
    sentences: list[str]
    cautions: list[str]
    lines: list[SameLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models side by side."""

    champion: ModelVersion
    challenger: ModelVersion
    titles: tuple[str, str]
    lines: list[Line]
    changes: Changes
    same_data: bool
    """Whether both were trained, and measured, on the same rows."""


def side_by_side(champion: ModelVersion, challenger: ModelVersion, language: str) -> Comparison:
    """What the two cards say, figure by figure."""
    cards = champion.card, challenger.card
    hashes = {card.get("data_sha256") for card in cards}
    return Comparison(
        champion=champion,
        challenger=challenger,
        titles=(champion.title(language), challenger.title(language)),
        lines=list(_lines(*cards)),
        changes=changes(registry.schema_of(champion), registry.schema_of(challenger), language),
        same_data=len(hashes) == 1 and None not in hashes,
    )


def _lines(champion: Mapping[str, Any], challenger: Mapping[str, Any]) -> Iterator[Line]:
    cards = champion, challenger

    def line(label: str, say_it: Any, meaning: str = "") -> Line:
        first, second = (say_it(card) for card in cards)
        return Line(label=label, champion=first, challenger=second, help=meaning)

    yield line(
        _("Leavers in a list of the 20% with the highest risk, of 100"),
        _held,
        _("On employees that the model had not seen."),
    )
    for name, (label, meaning, _more) in METRICS.items():
        if any(_metric(card, name) for card in cards):
            yield line(str(label), lambda card, name=name: _measured(card, name), str(meaning))
    yield line(_("People it learned from"), lambda card: _number(card.get("rows")))
    yield line(_("Of whom left"), lambda card: _number(card.get("leavers")))
    yield line(
        _("Share who left"),
        lambda card: (
            percent(card["leavers"] / card["rows"], 1)
            if card.get("rows") and "leavers" in card
            else "–"
        ),
    )
    yield line(_("Inputs"), lambda card: _number(len(card.get("inputs") or ())))
    yield line(_("Pairs of inputs"), lambda card: _number(len(card.get("pairs") or ())))


def _metric(card: Mapping[str, Any], name: str) -> Mapping[str, float]:
    found = ((card.get("evaluation") or {}).get("metrics") or {}).get(name) or {}
    return dict(found)


def _measured(card: Mapping[str, Any], name: str) -> str:
    found = _metric(card, name)
    if not found:
        return "–"
    if "low" not in found:
        return decimal(found["mean"])
    return _("{mean} ({low} to {high})").format(
        mean=decimal(found["mean"]), low=decimal(found["low"]), high=decimal(found["high"])
    )


def _held(card: Mapping[str, Any]) -> str:
    short = short_list((card.get("evaluation") or {}).get("operating") or {})
    return _number(of_hundred(short.leavers_held)) if short else "–"


def _number(value: float | None) -> str:
    return "–" if value is None else whole(value)


def same_rows(found: MeasuredTogether) -> SameRows:
    """What a comparison on the same rows says, the answer first."""
    verdict = _verdict(found, "log_loss")
    lead = {
        "better": _("On these employees, the challenger’s percentages are better."),
        "worse": _("On these employees, the challenger’s percentages are worse."),
        "": _("On these employees, chance alone could explain the difference."),
    }[verdict]
    return SameRows(
        lead=lead,
        sentences=[
            _("{rows} employees that both models accept, {leavers} of whom left.").format(
                rows=whole(found.rows), leavers=whole(found.leavers)
            ),
            *(
                _("{who} lists {listed} of them; {leavers} of these left.").format(
                    who=who, listed=whole(side.listed), leavers=whole(side.leavers_listed)
                )
                for who, side in (
                    (_("The model at work"), found.champion),
                    (_("The challenger"), found.challenger),
                )
            ),
            _(
                "{onto} employees would come onto the list ({onto_left} of them left), and {off}"
                " would go off it ({off_left} of them left)."
            ).format(
                onto=whole(found.moved_onto),
                onto_left=whole(found.leavers_onto),
                off=whole(found.moved_off),
                off_left=whole(found.leavers_off),
            ),
        ],
        cautions=list(_cautions(found)),
        lines=[
            SameLine(
                label=str(label),
                champion=_estimated(found.champion.metrics[name]),
                challenger=_estimated(found.challenger.metrics[name]),
                verdict={"better": _("better"), "worse": _("worse"), "": _("may be chance")}[
                    _verdict(found, name)
                ],
            )
            for name, (label, _meaning, _more) in METRICS.items()
        ],
    )


def _cautions(found: MeasuredTogether) -> Iterator[str]:
    known = [
        who
        for who, side in (
            (_("The model at work"), found.champion),
            (_("The challenger"), found.challenger),
        )
        if side.knows_the_rows
    ]
    for who in known:
        yield _(
            "{who} was trained on these rows, or probably was: here it looks better than it is."
        ).format(who=who)
    for who, side in (
        (_("The model at work"), found.champion),
        (_("The challenger"), found.challenger),
    ):
        if side.missing:
            yield _("{who} misses inputs that this file does not hold: {names}.").format(
                who=who, names=pgettext("between reasons", ", ").join(side.missing)
            )
    if found.refused or found.no_answer:
        yield _(
            "{refused} rows were set aside because a value could not be read, and {blank} because"
            " they do not say who left."
        ).format(refused=whole(found.refused), blank=whole(found.no_answer))


def _verdict(found: MeasuredTogether, name: str) -> str:
    if not found.surely_differs(name):
        return ""
    more_is_better = METRICS[name][2]
    return "better" if (found.differences[name].value > 0) == more_is_better else "worse"


def _estimated(estimate: Estimate) -> str:
    return _("{mean} ({low} to {high})").format(
        mean=decimal(estimate.value), low=decimal(estimate.low), high=decimal(estimate.high)
    )
