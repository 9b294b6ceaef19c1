"""What a model learned, read for people: each input's shape, each pair's map, the floor.

A shape is shown as the risks to which it moves someone whose risk is otherwise the base rate: what
raises lies above that line, what lowers below it. Its log-odds are in the table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from mlcore.cards import charts
from mlcore.engine.features import Feature
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Axis, Curve, Pair, Shape, Table
from mlcore.engine.values import Value
from mlcore.engine.words import number_text, say
from mlcore.templatetags.figures import of_hundred, percent, signed

_SAMPLES = 80  # points of a drawn curve, besides its own knots
_HEATS = 3  # steps of colour on each side of none


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeRow:
    """What one value does."""

    label: str
    risk: float
    """Of someone who is otherwise at the base rate, 0 to 1."""
    log_odds: float
    people: float | None = None
    """How many the model learned from; None when the card does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeView:
    """One input's shape."""

    name: str
    label: str
    help: str
    rows: list[ShapeRow]
    """The answers; for a number, a few of its values."""
    summary: str
    importance: float
    """Mean size of its contribution over the training data, in log-odds."""
    picture: str = ""
    """SVG of a number's curve; a choice's rows are its picture."""
    blank: ShapeRow | None = None
    """A blank's own effect, where the model learned one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What two values do together, beyond what each does alone."""

    points: str
    """By how many of 100 people the risk moves."""
    heat: str
    """The class that colours it: `heat-m3` … `heat-0` … `heat-p3`."""
    log_odds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairView:
    """A pair's map."""

    name: str
    first: str
    second: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedView:
    """All of a model's shapes, strongest first."""

    shapes: list[ShapeView]
    pairs: list[PairView]
    base_rate: float
    """From where every picture starts: the risk of someone for whom nothing speaks."""
    largest: float
    """Where every picture's risk axis ends."""
    strongest: float
    """Largest importance."""


def read_shapes(
    schema: FeatureSchema, model: GlassBoxModel, card: Mapping[str, Any], language: str
) -> LearnedView:
    """A model's shapes and pairs in one language."""
    density = card.get("density") or {}
    by_name = schema.by_name
    top = max(
        (_risk(model, f) for shape in model.shapes.values() for f in _heights(shape)), default=0.1
    )
    ticks = charts.nice_ticks(0.0, max(top, model.base_rate, 0.02) * 1.04)
    largest = ticks[-1] + (ticks[1] - ticks[0] if len(ticks) > 1 else 0.1)
    ticks = charts.nice_ticks(0.0, min(largest, 1.0))
    views = [
        _shape_view(by_name[name], shape, model, density.get(name) or {}, ticks, language)
        for name, shape in model.shapes.items()
    ]
    views.sort(key=lambda view: -view.importance)
    return LearnedView(
        shapes=views,
        pairs=[_pair_view(pair, schema, model, language) for pair in model.pairs],
        base_rate=model.base_rate,
        largest=ticks[-1],
        strongest=max((view.importance for view in views), default=1.0) or 1.0,
    )


def _risk(model: GlassBoxModel, log_odds: float) -> float:
    """The risk that so many log-odds lead to, from the base rate on.

    The average employee is no such start: where risks differ much, most people's lie far below the
    base rate, and next to the floor nothing seems to move them.
    """
    share = (model.base_rate - model.floor) / (1 - model.floor)
    start = math.log(share / (1 - share)) if share > 0 else model.intercept
    return model.probability(start + log_odds)


def _heights(shape: Shape) -> Iterator[float]:
    yield from shape.values if isinstance(shape, Curve) else shape.values.values()
    yield shape.missing


def _shape_view(
    feature: Feature,
    shape: Shape,
    model: GlassBoxModel,
    density: Mapping[str, Any],
    ticks: tuple[float, ...],
    language: str,
) -> ShapeView:
    counts: dict[Any, float] = dict(density.get("answers") or ())
    if isinstance(shape, Table):
        rows = [
            _row(feature.choice_label(answer, language), effect, model, counts.get(answer))
            for answer, effect in shape.values.items()
        ]
        weights = [(row.log_odds, row.people or 0.0) for row in rows]
        picture = ""
        extremes = rows
        if feature.kind != "scale":
            rows = sorted(rows, key=lambda row: -row.risk)
    else:
        low, high = _range(feature, shape)
        rows = [
            _row(feature.value_text(_tidy(x), language), shape.at(x), model)
            for x in _ticks(feature, low, high, 8)
        ]
        extremes = [
            _row(feature.value_text(_tidy(x, feature.integer), language), shape.at(x), model)
            for x in _places(shape, low, high)
        ]
        edges, heights = density.get("edges") or (), density.get("counts") or ()
        weights = [
            (shape.at((a + b) / 2), count)
            for a, b, count in zip(edges, edges[1:], heights, strict=False)
        ]
        picture = _curve(feature, shape, model, density, ticks, language)
    blank = (
        _row(_("Not known"), shape.missing, model, counts.get(None, density.get("blank")))
        if shape.missing
        else None
    )
    return ShapeView(
        name=feature.name,
        label=say(feature.label, language, feature.name),
        help=say(feature.help, language),
        rows=rows,
        summary=_extremes(extremes),
        importance=_importance(weights, list(_heights(shape))),
        picture=picture,
        blank=blank,
    )


def _row(
    label: str, log_odds: float, model: GlassBoxModel, people: float | None = None
) -> ShapeRow:
    return ShapeRow(label=label, risk=_risk(model, log_odds), log_odds=log_odds, people=people)


def _importance(weights: Sequence[tuple[float, float]], heights: Sequence[float]) -> float:
    """Mean size over the training data; without densities, half the shape's height."""
    total = sum(count for _, count in weights)
    if not total:
        return (max(heights) - min(heights)) / 2
    return sum(abs(effect) * count for effect, count in weights) / total


def _extremes(rows: Sequence[ShapeRow]) -> str:
    highest = max(rows, key=lambda row: row.risk)
    lowest = min(rows, key=lambda row: row.risk)
    if of_hundred(highest.risk) == of_hundred(lowest.risk):
        return _("Hardly any difference: about {n} of 100 everywhere.").format(
            n=of_hundred(highest.risk)
        )
    return _("Highest: {high} ({n} of 100). Lowest: {low} ({m} of 100).").format(
        high=highest.label,
        n=of_hundred(highest.risk),
        low=lowest.label,
        m=of_hundred(lowest.risk),
    )


# ------------------------------------------------------------------ a number's curve


def _range(feature: Feature, shape: Curve) -> tuple[float, float]:
    low, high = feature.seen or (shape.knots[0], shape.knots[-1])
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(feature: Feature, low: float, high: float, most: int) -> tuple[float, ...]:
    ticks = charts.nice_ticks(low, high, most)
    if not feature.integer:
        return ticks
    for count in (most, most + 1, most + 2):
        ticks = charts.nice_ticks(low, high, count)
        if all(x == int(x) for x in ticks):
            return ticks
    return tuple(x for x in ticks if x == int(x))


def _places(shape: Curve, low: float, high: float) -> list[float]:
    even = [low + (high - low) * step / _SAMPLES for step in range(_SAMPLES + 1)]
    knots = [knot for knot in shape.knots if low <= knot <= high]
    # Where there are more knots than a picture can show, evenly spaced places say as much.
    return sorted({*even, *knots}) if len(knots) <= _SAMPLES else even


def _tidy(x: float, integer: bool = False) -> float:
    """A value as it may be said: no more digits than it takes."""
    return float(round(x)) if integer else float(f"{x:.6g}")


def _curve(
    feature: Feature,
    shape: Curve,
    model: GlassBoxModel,
    density: Mapping[str, Any],
    ticks: tuple[float, ...],
    language: str,
) -> str:
    low, high = _range(feature, shape)
    label = say(feature.label, language, feature.name)
    unit = feature.units(language)
    across = charts.Axis(
        title=f"{label} ({unit})" if unit and len(label) + len(unit) < 42 else _cut(label, 46),
        low=low,
        high=high,
        ticks=_ticks(feature, low, high, 4),
        write=lambda value: number_text(_tidy(value), language),
    )
    up = charts.Axis(title="", low=0.0, high=ticks[-1], ticks=ticks, write=percent)
    plot = charts.Plot(across, up, strip=bool(density.get("counts")))
    plot.line([(low, model.base_rate), (high, model.base_rate)], "reference")
    plot.line([(x, _risk(model, shape.at(x))) for x in _places(shape, low, high)])
    plot.densities(density.get("edges") or (), density.get("counts") or ())
    places = _places(shape, low, high)
    start, end = (
        f"{feature.value_text(_tidy(x, feature.integer), language)}"
        f" {percent(_risk(model, shape.at(x)))}"
        for x in (places[0], places[-1])
    )
    return plot.svg(
        _("Curve of the risk of leaving over “{label}”, from {start} to {end}.").format(
            label=label, start=start, end=end
        )
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


# ------------------------------------------------------------------ a pair's map


def _pair_view(pair: Pair, schema: FeatureSchema, model: GlassBoxModel, language: str) -> PairView:
    first, second = (schema.by_name[name] for name in pair.features)
    across, down = pair.axes[1], pair.axes[0]
    kept_rows = [r for r in range(down.places) if r < down.places - 1 or any(pair.values[r])]
    kept_columns = [
        c
        for c in range(across.places)
        if c < across.places - 1 or any(row[c] for row in pair.values)
    ]
    alone = [
        [
            model.shapes[feature.name].at(_middle(axis, place, feature))
            for place in range(axis.places)
        ]
        for feature, axis in zip((first, second), pair.axes, strict=True)
    ]
    moved = {
        (r, c): _risk(model, alone[0][r] + alone[1][c] + pair.values[r][c])
        - _risk(model, alone[0][r] + alone[1][c])
        for r in kept_rows
        for c in kept_columns
    }
    most = max(map(abs, moved.values()), default=0.0)
    rows = [
        (
            _place_label(down, r, first, language),
            [
                Cell(
                    points=_points(moved[r, c]),
                    heat=_heat(moved[r, c], most),
                    log_odds=pair.values[r][c],
                )
                for c in kept_columns
            ],
        )
        for r in kept_rows
    ]
    row, column = max(moved, key=lambda place: abs(moved[place]))
    name = say(first.label, language, first.name), say(second.label, language, second.name)
    return PairView(
        name=pair.name,
        first=name[0],
        second=name[1],
        columns=[_place_label(across, c, second, language) for c in kept_columns],
        rows=rows,
        summary=_(
            "Strongest where {first} is “{row}” and {second} is “{column}”: together they move"
            " the risk by {points} of 100, beyond what each does alone."
        ).format(
            first=name[0],
            row=_place_label(down, row, first, language),
            second=name[1],
            column=_place_label(across, column, second, language),
            points=_points(moved[row, column]),
        ),
    )


def _points(moved: float) -> str:
    points = moved * 100
    return "0" if round(points, 1) == 0 else signed(points, 0 if abs(points) >= 1 else 1)


def _heat(moved: float, most: float) -> str:
    step = math.ceil(_HEATS * abs(moved) / most - 1e-9) if most else 0
    if not step or abs(moved) < 0.0005:
        return "heat-0"
    return f"heat-{'m' if moved < 0 else 'p'}{min(step, _HEATS)}"


def _middle(axis: Axis, place: int, feature: Feature) -> Value:
    """A value that lies in a place of an axis."""
    if place == axis.places - 1:
        return None
    if axis.answers:
        return axis.answers[place]
    low, high = feature.seen or (axis.cuts[0], axis.cuts[-1])
    start = axis.cuts[place - 1] if place else min(low, axis.cuts[0])
    end = axis.cuts[place] if place < len(axis.cuts) else max(high, axis.cuts[-1])
    return (start + end) / 2


def _place_label(axis: Axis, place: int, feature: Feature, language: str) -> str:
    if place == axis.places - 1:
        return _("Not known")
    if axis.answers:
        return feature.choice_label(axis.answers[place], language)
    start = axis.cuts[place - 1] if place else None
    end = axis.cuts[place] if place < len(axis.cuts) else None
    if feature.integer:
        # A whole number equal to a cut lies above it.
        start = None if start is None else float(math.ceil(start))
        end = None if end is None else float(math.ceil(end) - 1)
        if end is not None and end in (start, feature.seen and feature.seen[0]):
            return number_text(end, language)
    low, high = (number_text(_tidy(x), language) if x is not None else "" for x in (start, end))
    if not low:
        words = _("up to {high}") if feature.integer else _("below {high}")
    elif not high:
        words = _("{low} or more")
    else:
        words = _("{low} to {high}")
    return words.format(low=low, high=high)
