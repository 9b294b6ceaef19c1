"""Two models beside each other, from their cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _

from mlcore import registry
from mlcore.cards.asked import Changes, changes
from mlcore.cards.card import METRICS, short_list
from mlcore.comparison import Comparison as MeasuredTogether
from mlcore.comparison import Side
from mlcore.engine.judging.intervals import Estimate
from mlcore.engine.words import say
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
    """Empty where these rows cannot tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SameRows:
    """Two models on the same employees, in words."""

    lead: str
    sentences: list[str]
    cautions: list[str]
    lines: list[SameLine]
    decides: bool
    """Whether there are verdicts."""
    from_cards: tuple[bool, bool]
    """Of which side the figures are its card's, not of these rows."""


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
    lead = {
        "better": _("On these employees, the challenger’s percentages are better."),
        "worse": _("On these employees, the challenger’s percentages are worse."),
        "": _("On these employees, chance alone could explain the difference."),
    }[_verdict(found, "log_loss")]
    if not found.decides:
        lead = _(
            "Which of the two is better cannot be told on these rows, because {reasons}."
        ).format(reasons=_(", and because ").join(_why_undecided(found)))
    verdicts = {"better": _("better"), "worse": _("worse"), "": _("may be chance")}
    return SameRows(
        lead=lead,
        sentences=[
            ngettext(
                "{rows} employee that both models accept, {leavers} of whom left.",
                "{rows} employees that both models accept, {leavers} of whom left.",
                found.rows,
            ).format(rows=whole(found.rows), leavers=whole(found.leavers)),
            *(
                _("{who} lists {listed} of them; {leavers} of these left.").format(
                    who=who, listed=whole(side.listed), leavers=whole(side.leavers_listed)
                )
                for who, side in (
                    (_("The model at work"), found.champion),
                    (_("The challenger"), found.challenger),
                )
            ),
            " ".join(
                (
                    ngettext(
                        "{onto} employee would come onto the list ({left} of them left).",
                        "{onto} employees would come onto the list ({left} of them left).",
                        found.moved_onto,
                    ).format(onto=whole(found.moved_onto), left=whole(found.leavers_onto)),
                    ngettext(
                        "{off} employee would go off it ({left} of them left).",
                        "{off} employees would go off it ({left} of them left).",
                        found.moved_off,
                    ).format(off=whole(found.moved_off), left=whole(found.leavers_off)),
                )
            ),
        ],
        cautions=list(_cautions(found)),
        lines=[
            SameLine(
                label=str(label),
                champion=_figure(found.champion, name),
                challenger=_figure(found.challenger, name),
                verdict=verdicts[_verdict(found, name)] if found.decides else "",
            )
            for name, (label, _meaning, _more) in METRICS.items()
        ],
        decides=found.decides,
        from_cards=(_knew(found.champion), _knew(found.challenger)),
    )


def _figure(side: Side, name: str) -> str:
    """A metric on these rows; of a model that knows them, on employees that it had not seen."""
    if _knew(side):
        return _estimated(side.out_of_fold[name]) if name in side.out_of_fold else "–"
    return _estimated(side.metrics[name])


def _knew(side: Side) -> bool:
    return side.knows_the_rows and bool(side.out_of_fold)


def _why_undecided(found: MeasuredTogether) -> Iterator[str]:
    known = found.champion.knows_the_rows, found.challenger.knows_the_rows
    if all(known):
        yield _("both were trained on them, or probably were")
    elif known[0]:
        yield _("the model at work was trained on them, or probably was")
    elif known[1]:
        yield _("the challenger was trained on them, or probably was")
    if found.champion.missing and found.challenger.missing:
        yield _("the file lacks inputs of both")
    elif found.champion.missing:
        yield _("the file lacks inputs of the model at work")
    elif found.challenger.missing:
        yield _("the file lacks inputs of the challenger")


def _cautions(found: MeasuredTogether) -> Iterator[str]:
    sides = (_("The model at work"), found.champion), (_("The challenger"), found.challenger)
    for who, side in sides:
        if _knew(side):
            yield _(
                "{who} was trained on these rows, or probably was. Its figures in the table are"
                " those of its card, measured on employees that it had not seen; how many leavers"
                " its list holds here is not, and looks better than it is."
            ).format(who=who)
        elif side.knows_the_rows:
            yield _(
                "{who} was trained on these rows, or probably was: here it looks better than it is."
            ).format(who=who)
    language = get_language() or "en"
    for who, side in sides:
        if side.missing:
            names = [say(label, language, name) for name, label in side.missing.items()]
            yield _("{who} misses inputs that this file does not hold: {names}.").format(
                who=who, names=pgettext("between reasons", ", ").join(names)
            )
    if found.refused or found.no_answer:
        yield _(
            "Rows set aside: {refused} because a value could not be read, and {blank} because they"
            " do not say who left."
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
