"""Counting the latest prediction of each employee, a portion at a time, in memory that is bounded.

What is counted are codes and names; the words for them are found when a page is read.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mlcore.engine.drafting.column_roles import is_protected
from mlcore.engine.features import Feature
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.operating import BANDS
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Curve, Floats, numbers
from mlcore.engine.values import Value

HIGH = BANDS[2:]
"""The bands from which a conversation is advised."""
NOTICEABLE = 0.25
"""Log-odds from which an effect is more than slight, as a result's page says it."""

_MOST_HEADERS = 40
_MOST_VALUES = 200  # a header with more different texts tells people apart, not groups

Row = Sequence[Any]
Counted = Counter[tuple[Value, bool]]
"""People by value and by whether their risk is high."""


class Levels:
    """How many people there are in each band, and their mean risk."""

    def __init__(self) -> None:
        self.people: Counter[str] = Counter()
        self._risk = 0.0

    def add(self, rows: Sequence[Row]) -> None:
        self.people.update(band for _, band, *_ in rows)
        self._risk += sum(probability for _, _, probability, *_ in rows)

    def include(self, others: Levels) -> None:
        """Count those who were counted apart."""
        self.people.update(others.people)
        self._risk += others._risk

    def to_json(self) -> dict[str, Any]:
        everyone = self.people.total()
        return {
            "people": everyone,
            "levels": {band: self.people[band] for band in BANDS},
            "mean_risk": self._risk / everyone if everyone else None,
        }


class Groups:
    """People by the groups that their files told: their department, their site.

    Never by a header that names something protected, nor by one with so many different texts that
    it tells people apart.
    """

    def __init__(self) -> None:
        self._by_header: dict[str, Counted] = {}
        self._left_out: set[str] = set()

    def add(self, rows: Sequence[Row]) -> None:
        found: Counter[tuple[str, str, bool]] = Counter()
        for _, band, _, _, groups, *_ in rows:
            if groups != "{}":
                high = band in HIGH
                found.update((name, text, high) for name, text in json.loads(groups).items())
        for (header, text, high), people in found.items():
            self._count(header, {(text or None, high): people})

    def _count(self, header: str, people: Mapping[tuple[Value, bool], int]) -> None:
        if header in self._left_out:
            return
        counted = self._by_header.get(header)
        if counted is None:
            if is_protected(header) or len(self._by_header) >= _MOST_HEADERS:
                self._left_out.add(header)
                return
            counted = self._by_header[header] = Counter()
        counted.update(people)
        if len(counted) > 2 * _MOST_VALUES:
            del self._by_header[header]
            self._left_out.add(header)

    def include(self, others: Groups) -> None:
        """Count those who were counted apart."""
        for header in others._left_out:
            self._by_header.pop(header, None)
        self._left_out |= others._left_out
        for header, people in others._by_header.items():
            self._count(header, people)

    def to_json(self, levels: Counter[str]) -> list[dict[str, Any]]:
        """The headers that most people have first."""
        headers = sorted(self._by_header.items(), key=lambda one: (-one[1].total(), one[0]))
        return [
            {"kind": "group", "name": header, "values": _values(_complete(counted, levels))}
            for header, counted in headers
        ]


class Answers:
    """People by their answers to the choices and scales of the active model's schema.

    An answer given to another model counts where that model asked the same: the same name, with the
    same answers to choose from.
    """

    def __init__(self, active: FeatureSchema, of_model: Mapping[int, FeatureSchema]) -> None:
        asked = [
            feature
            for feature in active.features
            if feature.choices and not (is_protected(feature.name) or is_protected(feature.column))
        ]
        self._counted: dict[str, Counted] = {feature.name: Counter() for feature in asked}
        self._same = {
            model: [feature.name for feature in asked if _asks_the_same(schema, feature)]
            for model, schema in of_model.items()
        }

    def add(self, model: int, inputs: Sequence[Mapping[str, Value]], high: Sequence[bool]) -> None:
        for name in self._same.get(model, ()):
            column = [given.get(name) for given in inputs]
            self._counted[name].update(zip(column, high, strict=True))

    def include(self, others: Answers) -> None:
        """Count those who were counted apart, for the same active model."""
        for name, people in others._counted.items():
            self._counted[name].update(people)

    def to_json(self, levels: Counter[str]) -> list[dict[str, Any]]:
        """In the schema's order."""
        return [
            {"kind": "input", "name": name, "values": _values(_complete(counted, levels))}
            for name, counted in self._counted.items()
        ]


class Effects:
    """What the model's terms do to the risk of those whom it assessed last.

    The contributions are computed from the recorded inputs by the model that recorded them, which
    gives those that are stored.
    """

    def __init__(self, model: GlassBoxModel, schema: FeatureSchema) -> None:
        self.people = 0
        self._terms = {name: _Term() for name in model.terms}
        self._shapes = {
            name: _Numbers(shape) if isinstance(shape, Curve) else _Choices()
            for name, shape in model.shapes.items()
        }
        self._model = model
        self._schema = schema

    def add(self, inputs: Sequence[Mapping[str, Value]]) -> None:
        self.people += len(inputs)
        columns: dict[str, Any] = {}
        adds: dict[str, Floats] = {}
        for name, shape in self._model.shapes.items():
            column: Any = [given.get(name) for given in inputs]
            columns[name] = column = numbers(column) if isinstance(shape, Curve) else column
            adds[name] = shape.over(column)
        for pair in self._model.pairs:
            first, second = pair.features
            adds[pair.name] = pair.over(columns[first], columns[second])
        log_odds = np.full(len(inputs), self._model.intercept)
        for contributions in adds.values():
            log_odds += contributions
        risk = self._risk(log_odds)
        for name, contributions in adds.items():
            self._terms[name].add(contributions)
            if name in self._shapes:
                without = self._risk(log_odds - contributions)
                self._shapes[name].add(columns[name], contributions, risk - without)

    def include(self, others: Effects) -> None:
        """Count those who were counted apart, by the same model."""
        self.people += others.people
        for name, term in others._terms.items():
            self._terms[name].include(term)
        for name, shape in others._shapes.items():
            # Of one model: both are of one kind.
            self._shapes[name].include(shape)  # type: ignore[arg-type]

    def _risk(self, log_odds: Floats) -> Floats:
        """The probabilities of leaving, 0 to 1."""
        floor = self._model.floor
        risk: Floats = floor + (1 - floor) * np.exp(-np.logaddexp(0, -log_odds))
        return risk

    def to_json(self) -> dict[str, Any]:
        """By term: the mean of what raises and of what lowers, how many people it does so to, and
        the answer or the range that adds most to the risk of everyone: whose it is, and how much
        higher their mean risk is than if they gave the average answer."""
        found = []
        for name, term in self._terms.items():
            told = term.to_json(self.people)
            if name in self._shapes and (most := self._shapes[name].most(self._schema, name)):
                told["most"] = most
            found.append({"name": name, **told})
        return {"people": self.people, "terms": found}


class _Term:
    """One term's contributions, added up."""

    def __init__(self) -> None:
        self.up = self.down = 0.0
        self.raised = self.lowered = 0

    def add(self, contributions: Floats) -> None:
        self.up += float(np.maximum(contributions, 0).sum())
        self.down += float(np.minimum(contributions, 0).sum())
        self.raised += int((contributions >= NOTICEABLE).sum())
        self.lowered += int((contributions <= -NOTICEABLE).sum())

    def include(self, others: _Term) -> None:
        self.up += others.up
        self.down += others.down
        self.raised += others.raised
        self.lowered += others.lowered

    def to_json(self, people: int) -> dict[str, Any]:
        return {
            "up": self.up / people if people else 0.0,
            "down": self.down / people if people else 0.0,
            "raised": self.raised,
            "lowered": self.lowered,
        }


class _Choices:
    """Of a choice, how many people gave each answer, and what it adds."""

    def __init__(self) -> None:
        self._adds: dict[Value, float] = {}
        self._people: Counter[Value] = Counter()
        self._risk: defaultdict[Value, float] = defaultdict(float)

    def add(self, column: Sequence[Value], contributions: Floats, risk: Floats) -> None:
        """`contributions` are in log-odds, `risk` what they add to the probability."""
        codes = {value: code for code, value in enumerate(dict.fromkeys(column))}
        places = np.fromiter(map(codes.__getitem__, column), np.intp, len(column))
        people, risks = np.bincount(places), np.bincount(places, weights=risk)
        for value, code in codes.items():
            self._people[value] += int(people[code])
            self._risk[value] += float(risks[code])
        self._adds.update(zip(column, contributions.tolist(), strict=True))

    def include(self, others: _Choices) -> None:
        self._adds.update(others._adds)
        self._people.update(others._people)
        for value, risk in others._risk.items():
            self._risk[value] += risk

    def most(self, schema: FeatureSchema, name: str) -> dict[str, Any] | None:
        raising = [value for value, adds in self._adds.items() if adds >= NOTICEABLE]
        if not raising:
            return None
        value = max(raising, key=lambda value: self._people[value] * self._adds[value])
        people = self._people[value]
        return {
            "value": value,
            "people": people,
            "adds": self._adds[value],
            "risk": self._risk[value] / people,
        }


class _Numbers:
    """Of a number, how many people lie in each range in which it raises the risk."""

    def __init__(self, curve: Curve) -> None:
        self._ranges = raising_ranges(curve)
        self._starts = np.array([low for low, _ in self._ranges])
        self._people = np.zeros(len(self._ranges), dtype=np.int64)
        self._adds = np.zeros(len(self._ranges))
        self._risk = np.zeros(len(self._ranges))

    def add(self, column: Floats, contributions: Floats, risk: Floats) -> None:
        """`contributions` are in log-odds, `risk` what they add to the probability."""
        raised = (contributions >= NOTICEABLE) & ~np.isnan(column)
        if not (raised.any() and self._ranges):
            return
        places = np.maximum(self._starts.searchsorted(column[raised], side="right") - 1, 0)
        count = len(self._ranges)
        self._people += np.bincount(places, minlength=count)
        self._adds += np.bincount(places, weights=contributions[raised], minlength=count)
        self._risk += np.bincount(places, weights=risk[raised], minlength=count)

    def include(self, others: _Numbers) -> None:
        self._people += others._people
        self._adds += others._adds
        self._risk += others._risk

    def most(self, schema: FeatureSchema, name: str) -> dict[str, Any] | None:
        if not self._people.any():
            return None
        place = int(self._adds.argmax())
        people = int(self._people[place])
        low, high = (_finite(end) for end in self._ranges[place])
        if schema.by_name[name].integer:
            low = None if low is None else int(np.ceil(low))
            high = None if high is None else int(np.floor(high))
        return {
            "range": [low, high],
            "people": people,
            "adds": float(self._adds[place]) / people,
            "risk": float(self._risk[place]) / people,
        }


def raising_ranges(curve: Curve, least: float = NOTICEABLE) -> list[tuple[float, float]]:
    """Where a curve adds at least so much: ranges that rise, from -inf to inf at most.

    Found exactly, between the knots: a value lies in one of them where `curve.at` says so, but for
    the last bit at their ends.
    """
    found: list[tuple[float, float]] = []
    start = float("-inf") if curve.values[0] >= least else None
    pairs = zip(curve.knots, curve.values, strict=True)
    x0, y0 = next(pairs)
    for x1, y1 in pairs:
        if (y0 >= least) != (y1 >= least):
            crossing = x0 + (x1 - x0) * ((least - y0) / (y1 - y0))
            if start is None:
                start = crossing
            else:
                found.append((start, crossing))
                start = None
        x0, y0 = x1, y1
    if start is not None:
        found.append((start, float("inf")))
    return found


def _finite(end: float) -> float | None:
    return end if np.isfinite(end) else None


def _asks_the_same(schema: FeatureSchema, feature: Feature) -> bool:
    other = schema.by_name.get(feature.name)
    return (
        other is not None
        and other in schema.features
        and other.kind == feature.kind
        and {choice.value for choice in other.choices} == {c.value for c in feature.choices}
    )


def _complete(counted: Counted, levels: Counter[str]) -> Counted:
    """With everyone of whom nothing is known: the values then divide the whole workforce."""
    complete = counted.copy()
    for high in (False, True):
        known = sum(people for (_, is_high), people in counted.items() if is_high is high)
        everyone = sum(people for band, people in levels.items() if (band in HIGH) is high)
        complete[None, high] += everyone - known
    return complete


def _values(counted: Counted) -> list[list[Any]]:
    """[value, people, people at high risk] of each value that anyone has."""
    values: dict[Value, list[int]] = {}
    for (value, high), people in counted.items():
        both = values.setdefault(value, [0, 0])
        both[0] += people
        both[1] += people if high else 0
    return [[value, *both] for value, both in values.items() if both[0]]


def parsed(rows: Iterable[Row]) -> list[dict[str, Value]]:
    """The inputs of rows, from the text that is stored."""
    return [json.loads(inputs) for _, _, _, inputs, *_ in rows]
