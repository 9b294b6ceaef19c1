"""What could change a risk: a stored prediction's values moved, and its own model asked again.

Nothing here is recorded. Only what the model's schema marks as an employer's to change is moved,
and what comes out is what the model has seen together: not what will follow from a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _

from mlcore import registry
from mlcore.engine.features import Feature
from mlcore.engine.operating import Band
from mlcore.engine.schema import CleanRow, FeatureSchema, SchemaError
from mlcore.engine.values import Value
from mlcore.engine.words import number_text, say
from mlcore.registry import ActiveModel, ModelUnavailableError
from predictions.explanation import STRONG_FROM
from predictions.judged_by import points_of
from predictions.models import Prediction

# A change of less than this, of 0 to 1, cannot be told from none: half a person of a hundred.
_LEAST = 0.005
# Where a risk is near its end no change is seen in it. By how much one lowers the log-odds tells it
# from others; less than this hardly matters.
_LEAST_LOG_ODDS = STRONG_FROM[-1]
_MOST_CHANGES = 10
_MOST_TOGETHER = 3
_MOST_LESSER = 2
# By how much a pay rises, as a share of what it is.
_RISES = (0.05, 0.10, 0.20)
# How far another number moves, in steps of its own.
_STEPS = (1, 2, 4)
# Whole numbers over so short a way go by ones; others by about a twentieth of the way.
_BY_ONES = 40
_WAYS = 20
# An amount like this is a pay, where nothing says what it is counted in.
_LIKE_A_PAY = 1_000.0
_CURRENCIES = frozenset((
    "€", "eur", "euro", "euros", "$", "usd", "us$", "dollar", "dollars", "£", "gbp", "pounds",
    "chf", "fr.", "cad", "ca$", "$ca", "c$", "¥", "jpy", "円",
))  # fmt: skip


class NotTriableError(Exception):
    """Nothing can be tried on a prediction; the message is a sentence for people."""


@dataclass(frozen=True)
class Ground:
    """A stored prediction with the model that made it, judged as it was then."""

    prediction: Prediction
    using: ActiveModel
    row: CleanRow

    @property
    def schema(self) -> FeatureSchema:
        return self.using.schema

    @cached_property
    def levers(self) -> tuple[Feature, ...]:
        """What an employer can change, in the schema's order."""
        return tuple(feature for feature in self.schema.features if feature.actionable)

    def moved(self, values: Mapping[str, object]) -> CleanRow:
        """The row with other values for some features. Raises `SchemaError`."""
        return self.schema.clean({**self.row.inputs, **values})


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One value that was changed."""

    name: str
    label: str
    before: str
    """The recorded value as a person reads it."""
    after: str
    beyond_seen: bool
    """Whether it lies outside what the model was trained on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A risk as it would have been judged with other values."""

    probability: float
    band: Band
    moves: list[Move]
    """Empty when every value is the recorded one."""

    @property
    def beyond_seen(self) -> list[Move]:
        return [move for move in self.moves if move.beyond_seen]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesser:
    """A smaller change of the same feature, which lowers the risk less."""

    text: str
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """The change of one feature that lowers the risk most."""

    name: str
    value: Value
    label: str
    before: str
    after: str
    by: str
    """By how much, where that is not plain: `+10%`."""
    probability: float
    band: Band
    effect: float
    """By how much it moves the log-odds: below zero."""
    hardly_visible: bool
    """Whether the risk, so near its end, moves by less than can be told from nothing."""
    lesser: list[Lesser]


@dataclass(frozen=True, kw_only=True, slots=True)
class Together:
    """A few changes at once, where one alone leaves a risk at its threshold or above."""

    changes: list[Change]
    """In the order in which they lower the risk most; 2 or 3."""
    probability: float
    band: Band


def ground_of(prediction: Prediction) -> Ground:
    """What trying takes. Raises `NotTriableError` when the model cannot be asked any more."""
    version = prediction.model_version
    [point] = points_of([prediction])
    try:
        using = registry.pinned(version, point)
    except ModelUnavailableError as error:
        raise NotTriableError(
            _(
                "The model that made this assessment cannot be used any more: its files are not"
                " what was recorded. The assessment itself stays as it is."
            )
        ) from error
    try:
        row = using.schema.clean(prediction.inputs)
    except SchemaError as error:
        raise NotTriableError(
            _(
                "The values of this assessment are no longer what its model asks for, so nothing"
                " can be tried on them. Assess the employee again to try changes."
            )
        ) from error
    return Ground(prediction, using, row)


def tried(ground: Ground, row: CleanRow, language: str) -> Trial:
    """The risk of a row that `ground.moved` gave."""
    probability = ground.using.model.score(row).probability
    moves = [
        Move(
            name=feature.name,
            label=say(feature.label, language, feature.name),
            before=_without_unit(feature, ground.row.inputs[feature.name], language),
            after=feature.value_text(row.inputs[feature.name], language),
            beyond_seen=feature.beyond_seen(row.inputs[feature.name]),
        )
        for feature in ground.levers
        if row.inputs[feature.name] != ground.row.inputs[feature.name]
    ]
    return Trial(
        probability=probability,
        band=ground.using.operating_point.band(probability),
        moves=moves,
    )


def _without_unit(feature: Feature, value: Value, language: str) -> str:
    """A value beside another one, which has the unit."""
    if value is None:
        return _("Not known")
    if isinstance(value, (int, float)) and feature.kind == "number":
        return number_text(value, language)
    return feature.value_text(value, language)


# ------------------------------------------------------------------ the changes that help most


def best_changes(ground: Ground, language: str) -> list[Change]:
    """For each lever its best single change, the one that lowers the risk most first.

    What is not known is left out: nobody can change it. So is what hardly matters.
    """
    found = []
    for feature in ground.levers:
        candidates = list(_lowering(ground, feature))
        if candidates:
            found.append((feature, candidates))
    found.sort(key=lambda each: each[1][0][1])
    return [_change(ground, *each, language) for each in found[:_MOST_CHANGES]]


def best_together(ground: Ground, changes: Sequence[Change]) -> Together | None:
    """Of the best single changes those that lower the risk most at once, one after the other.

    They end where the risk falls below the threshold. None where a single change gets there, and
    where no second one helps.
    """
    threshold = ground.prediction.threshold
    chosen: list[Change] = []
    log_odds = ground.prediction.log_odds
    while len(chosen) < _MOST_TOGETHER and ground.using.model.probability(log_odds) >= threshold:
        made = {change.name: change.value for change in chosen}
        options = [
            (_log_odds(ground, {**made, change.name: change.value}), place)
            for place, change in enumerate(changes)
            if change.name not in made
        ]
        best, place = min(options, default=(log_odds, 0))
        if log_odds - best < _LEAST_LOG_ODDS:
            break
        log_odds = best
        chosen.append(changes[place])
    if len(chosen) < 2:
        return None
    row = ground.moved({each.name: each.value for each in chosen})
    probability = ground.using.model.score(row).probability
    band = ground.using.operating_point.band(probability)
    return Together(changes=chosen, probability=probability, band=band)


Candidate = tuple[Value, float]
"""A value, and the log-odds that it leads to."""


def _lowering(ground: Ground, feature: Feature) -> Iterator[Candidate]:
    """The reachable values of a feature that lower the risk, the best first."""
    now = ground.row.inputs[feature.name]
    if now is None:
        return
    for distance in _REACHABLE[feature.kind](feature, now):
        better = [
            (value, log_odds)
            for value in distance
            if _matters(ground, log_odds := _log_odds(ground, {feature.name: value}))
        ]
        if better:
            yield from sorted(better, key=lambda candidate: candidate[1])
            return


def _matters(ground: Ground, log_odds: float) -> bool:
    """Whether a risk as low as this can be told from the prediction's.

    One that is above its threshold is told by log-odds as well: several changes may lower it.
    """
    now = ground.prediction
    if now.probability - ground.using.model.probability(log_odds) >= _LEAST:
        return True
    return now.elevated and now.log_odds - log_odds >= _LEAST_LOG_ODDS


def _log_odds(ground: Ground, values: Mapping[str, Value]) -> float:
    """The log-odds with other values of some features.

    By the terms that they have a part in, for a model may have a thousand others.
    """
    model, before = ground.using.model, ground.row.inputs
    pairs = [pair for pair in model.pairs if not values.keys().isdisjoint(pair.features)]

    def part(inputs: Mapping[str, Value]) -> float:
        return sum(model.shapes[name].at(inputs[name]) for name in values) + sum(
            pair.at(*(inputs[each] for each in pair.features)) for pair in pairs
        )

    return ground.prediction.log_odds - part(before) + part({**before, **values})


def _change(ground: Ground, feature: Feature, candidates: list[Candidate], language: str) -> Change:
    (value, log_odds), *others = candidates
    # What is shown goes the way of every prediction, so that trying it gives the same to the bit.
    trial = tried(ground, ground.moved({feature.name: value}), language)
    risks = [(lesser, ground.using.model.probability(at)) for lesser, at in others[:_MOST_LESSER]]
    return Change(
        name=feature.name,
        value=value,
        label=say(feature.label, language, feature.name),
        before=_without_unit(feature, ground.row.inputs[feature.name], language),
        after=feature.value_text(value, language),
        by=_by(feature, ground.row.inputs[feature.name], value),
        probability=trial.probability,
        band=trial.band,
        effect=log_odds - ground.prediction.log_odds,
        hardly_visible=ground.prediction.probability - trial.probability < _LEAST,
        lesser=[
            Lesser(text=_without_unit(feature, lesser, language), probability=risk)
            for lesser, risk in risks
            if round(risk * 100) != round(trial.probability * 100)
        ],
    )


def _by(feature: Feature, now: Value, value: Value) -> str:
    """A rise of pay in percent; where else a number went shows by itself."""
    if not _is_pay(feature) or not isinstance(now, (int, float)) or now <= 0:
        return ""
    if not isinstance(value, (int, float)):
        return ""
    rise = round((value / now - 1) * 100)
    return _("+{percent}%").format(percent=rise)


# ------------------------------------------------------------------ what can be reached


def _other_answers(feature: Feature, now: Value) -> Iterable[list[Value]]:
    """Every other answer: they have no order."""
    return [[choice.value for choice in feature.choices if choice.value != now]]


def _nearest_steps(feature: Feature, now: Value) -> Iterable[list[Value]]:
    """The steps of a scale from the nearest on: nobody goes from the lowest to the highest."""
    steps: list[Value] = [choice.value for choice in feature.choices]
    place = steps.index(now)
    for distance in range(1, len(steps)):
        yield [
            steps[there]
            for there in (place - distance, place + distance)
            if 0 <= there < len(steps)
        ]


def _amounts(feature: Feature, now: Value) -> Iterable[list[Value]]:
    """A few amounts around the present one, within what the model has seen.

    A pay only rises: who wants someone to stay takes nothing away.
    """
    if not isinstance(now, (int, float)):
        return
    low, high = feature.seen or (feature.minimum, feature.maximum)
    if _is_pay(feature) and now > 0:
        amounts = [_rounded(now * (1 + rise)) for rise in _RISES]
    else:
        step = _step(feature, low, high)
        amounts = [now + sign * step * times for times in _STEPS for sign in (-1, 1)]
        if low <= now <= high:  # a little beyond what was seen is at the end of it
            amounts = [min(max(amount, low), high) for amount in amounts]
    reached = [round(amount) if feature.integer else float(amount) for amount in amounts]
    yield [
        amount
        for amount in dict.fromkeys(reached)
        if low <= amount <= high and abs(amount - now) > 1e-9 * abs(now)
    ]


_REACHABLE = {"choice": _other_answers, "scale": _nearest_steps, "number": _amounts}


def _is_pay(feature: Feature) -> bool:
    """Whether a number is an amount of money: by what it is counted in, or by its size alone."""
    words = {word.casefold() for text in feature.unit.values() for word in text.split()}
    words |= {mark.casefold() for mark in feature.marks}
    if words & _CURRENCIES:
        return True
    typical = feature.typical
    return not words and isinstance(typical, (int, float)) and typical >= _LIKE_A_PAY


def _rounded(amount: float) -> float:
    """Three digits of it: 6,592.3 is 6,590."""
    return float(f"{amount:.3g}")


def _step(feature: Feature, low: float, high: float) -> float:
    """What such a number moves by: 1, or about a twentieth of the way as 1, 2 or 5 of some unit."""
    way = high - low
    if feature.integer and way <= _BY_ONES:
        return 1.0
    if way <= 0:
        return 1.0
    unit = 10.0 ** int(f"{way / _WAYS:e}".partition("e")[2])
    step = unit * max(times for times in (1, 2, 5) if unit * times <= way / _WAYS * 1.000001)
    return max(step, 1.0) if feature.integer else step


def slider(feature: Feature, now: Value) -> tuple[float, float, float] | None:
    """From where to where and by which step a number is slid; None where nothing says how far.

    It spans what the model has seen, and the present value.
    """
    if feature.kind != "number" or feature.seen is None:
        return None
    low, high = feature.seen
    if isinstance(now, (int, float)):
        low, high = min(low, float(now)), max(high, float(now))
    if not low < high:
        return None
    step = _step(feature, low, high)
    fine = step / 10 if not feature.integer or step >= 10 else 1.0
    return low, high, fine
