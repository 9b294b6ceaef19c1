"""A card's curves as pictures: how well a model ranks, how honest its percentages are, how many
inputs it needs. Each stands with the table of its numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from mlcore.cards.charts import Axis, Plot, nice_ticks
from mlcore.engine.operating import Operating, Outcome
from mlcore.engine.words import say
from mlcore.templatetags.figures import decimal, of_hundred, percent, whole

_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_ROWS = 10  # of a curve's table; the JSON has every point


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture with its title, what it says, and its numbers."""

    name: str
    title: str
    text: str
    svg: str
    headers: list[str]
    rows: list[list[str]]


def _share_axis(title: str, high: float = 1.0) -> Axis:
    ticks = _SHARES if high == 1.0 else nice_ticks(0.0, high)
    return Axis(title=title, low=0.0, high=high, ticks=tuple(ticks), write=percent)


def pictures(evaluation: Mapping[str, Any], base_rate: float) -> list[Picture]:
    """The curves that the evaluation holds."""
    curves = evaluation.get("curves") or {}
    made = []
    if curves.get("calibration"):
        made.append(
            _calibration(curves["calibration"], curves.get("distribution") or {}, base_rate)
        )
    if curves.get("roc"):
        made.append(_roc(curves["roc"]))
    if curves.get("precision_recall"):
        made.append(_precision_recall(curves["precision_recall"], base_rate))
    return made


def _roc(points: Sequence[Mapping[str, float]]) -> Picture:
    plot = Plot(_share_axis(_("Of those who stayed, on the list")), _share_axis(""), height=300)
    _with_interval(plot, points).line([(0, 0), (1, 1)], "reference")
    plot.words(0.62, 0.56, _("by lot"), dy=14)
    plot.words(0.0, 1.0, _("Of those who left, on the list"), dy=-4)
    tenth = _nearest(points, 0.1)
    return Picture(
        name="roc",
        title=_("The longer the list, the more leavers it holds"),
        text=_(
            "A list with {x} of those who stayed on it holds {y} of those who left. The dashed line"
            " is a list drawn by lot. (ROC curve)"
        ).format(x=percent(tenth["x"]), y=percent(tenth["y"])),
        svg=plot.svg(_("ROC curve: leavers found against people who stayed.")),
        headers=[
            _("Of those who stayed, on the list"),
            _("Of those who left, on the list"),
            _("95% interval"),
        ],
        rows=list(_curve_rows(points)),
    )


def _precision_recall(points: Sequence[Mapping[str, float]], base_rate: float) -> Picture:
    plot = Plot(_share_axis(_("Of those who left, on the list")), _share_axis(""), height=300)
    _with_interval(plot, points).line([(0, base_rate), (1, base_rate)], "reference")
    plot.words(0.02, base_rate, _("by lot"), dy=-5)
    plot.words(0.0, 1.0, _("Of those on the list, left"), dy=-4)
    half = _nearest(points, 0.5)
    return Picture(
        name="precision-recall",
        title=_("A longer list finds more leavers, and holds more who would have stayed"),
        text=_(
            "The list that holds {x} of the leavers: {n} of 100 people on it left. The dashed line"
            " is a list drawn by lot. (Precision and recall)"
        ).format(x=percent(half["x"]), n=of_hundred(half["y"])),
        svg=plot.svg(_("Precision-recall curve: how many on the list left, by leavers found.")),
        headers=[
            _("Of those who left, on the list"),
            _("Of those on the list, left"),
            _("95% interval"),
        ],
        rows=list(_curve_rows(points)),
    )


def _calibration(
    points: Sequence[Mapping[str, float]], distribution: Mapping[str, Any], base_rate: float
) -> Picture:
    top = max(max(p["predicted"], p.get("high", p["observed"])) for p in points)
    high = min(1.0, (nice_ticks(0.0, top)[-1:] or (1.0,))[0])
    high = next((share for share in (0.1, 0.25, 0.5, 0.75, 1.0) if share >= max(high, top)), 1.0)
    edges = distribution.get("edges") or ()
    counts = [
        a + b
        for a, b in zip(
            distribution.get("stayed") or (), distribution.get("left") or (), strict=False
        )
    ]
    plot = Plot(
        _share_axis(_("Risk that the model gave"), high),
        _share_axis("", high),
        height=330,
        strip=bool(counts),
    )
    plot.line([(0, 0), (high, high)], "reference")
    plot.words(high * 0.99, high, _("exact"), place="end", dy=16)
    for point in points:
        plot.whisker(point["predicted"], point.get("low", 0.0), point.get("high", 0.0))
    plot.line([(p["predicted"], p["observed"]) for p in points])
    for point in points:
        plot.dot(point["predicted"], point["observed"])
    plot.words(0.0, high, _("Share who left"), dy=-4)
    shown = [(a, b, c) for a, b, c in zip(edges, edges[1:], counts, strict=False) if a < high]
    if shown:
        plot.densities([shown[0][0], *(b for _a, b, _c in shown)], [c for _a, _b, c in shown])
    riskiest = points[-1]
    return Picture(
        name="calibration",
        title=_("What the model says, and what happened"),
        text=_(
            "Of the people with the highest risks ({said} on average), {happened} left. The nearer"
            " the points are to the dashed line, the more its percentages mean what they say; the"
            " bars below show how many people have each risk."
        ).format(said=percent(riskiest["predicted"]), happened=percent(riskiest["observed"])),
        svg=plot.svg(_("Calibration: predicted risk against the share who left, in groups.")),
        headers=[
            _("Risk that the model gave"),
            _("Share who left"),
            _("95% interval"),
            pgettext("counted", "People"),
        ],
        rows=[
            [
                percent(p["predicted"], 1),
                percent(p["observed"], 1),
                _interval(p),
                whole(p["people"]) if "people" in p else "",
            ]
            for p in points
        ],
    )


def selection(stored: Mapping[str, Any], names: Mapping[str, str], language: str) -> Picture | None:
    """How the log loss rose as inputs were taken away; None when nothing was selected.

    `names` says the labels of what the model asks for; of the others, the selection holds them.
    """
    cost = stored.get("cost") or {}
    labels = {name: say(left.get("label") or {}, language, name) for name, left in cost.items()}
    labels |= names
    path = sorted(stored.get("path") or (), key=lambda step: step["inputs"])
    if len(path) < 2:
        return None
    low = min(step["log_loss"] - step["se"] for step in path)
    high = max(step["log_loss"] + step["se"] for step in path)
    ticks = nice_ticks(low, high, 4)
    inputs = [step["inputs"] for step in path]
    plot = Plot(
        Axis(
            title=_("Number of inputs"),
            low=min(inputs) - 0.5,
            high=max(inputs) + 0.5,
            ticks=tuple(t for t in nice_ticks(min(inputs), max(inputs), 6) if t == int(t)),
            write=whole,
        ),
        Axis(title="", low=low, high=high, ticks=ticks, write=lambda v: decimal(v, 2)),
        height=260,
    )
    for step in path:
        plot.whisker(step["inputs"], step["log_loss"] - step["se"], step["log_loss"] + step["se"])
    plot.line([(step["inputs"], step["log_loss"]) for step in path])
    kept = stored.get("kept")
    for step in path:
        chosen = step["inputs"] == kept
        plot.dot(
            step["inputs"],
            step["log_loss"],
            "dot chosen" if chosen else "dot",
            5.5 if chosen else 3,
        )
    plot.words(min(inputs) - 0.5, high, _("Log loss (less is better)"), dy=-4)
    return Picture(
        name="selection",
        title=_("How many inputs it takes"),
        text=_(
            "The fewest inputs that are as good as the best number of them, as far as can be told"
            " (one standard error): {n} are asked for, out of {most}."
        ).format(n=whole(kept or min(inputs)), most=whole(max(inputs))),
        svg=plot.svg(_("Log loss by number of inputs.")),
        headers=[_("Inputs"), _("Taken away"), _("Log loss"), _("Standard error")],
        rows=[
            [
                whole(step["inputs"]),
                labels.get(step.get("removed") or "", step.get("removed") or "–"),
                decimal(step["log_loss"], 4),
                decimal(step["se"], 4),
            ]
            for step in reversed(path)
        ],
    )


def list_curve(stored: Operating, chosen: Outcome) -> str:
    """How many leavers a list holds by its length, with the chosen list marked: SVG."""
    people, leavers = stored["listed"][0] or 1, stored["leavers"][0] or 1
    points = [
        (listed / people, held / leavers)
        for listed, held in zip(stored["listed"], stored["leavers"], strict=True)
    ]
    plot = Plot(_share_axis(_("Share of the workforce on the list")), _share_axis(""), height=300)
    plot.line([(0, 0), (1, 1)], "reference").words(0.62, 0.56, _("by lot"), dy=14)
    plot.line(sorted(points))
    across, up = chosen.share, chosen.leavers_held
    plot.line([(across, 0.0), (across, up)], "guide").line([(0.0, up), (across, up)], "guide")
    plot.dot(across, up, "dot chosen", 6)
    plot.words(0.0, 1.0, _("Share of the leavers that it holds"), dy=-4)
    plot.words(across, up, _("this list"), place="start" if across < 0.7 else "end", dy=20)
    return plot.svg(
        _("A list of {share} of the workforce holds {held} of the leavers.").format(
            share=percent(across), held=percent(up)
        )
    )


def _with_interval(plot: Plot, points: Sequence[Mapping[str, float]]) -> Plot:
    if all("low" in point for point in points):
        plot.interval([(p["x"], p["low"]) for p in points], [(p["x"], p["high"]) for p in points])
    return plot.line([(point["x"], point["y"]) for point in points])


def _nearest(points: Sequence[Mapping[str, float]], x: float) -> Mapping[str, float]:
    return min(points, key=lambda point: abs(point["x"] - x))


def _curve_rows(points: Sequence[Mapping[str, float]]) -> Iterator[list[str]]:
    wanted = [_nearest(points, step / _ROWS) for step in range(_ROWS + 1)]
    seen = []
    for point in wanted:
        if point not in seen:
            seen.append(point)
            yield [percent(point["x"], 1), percent(point["y"], 1), _interval(point)]


def _interval(point: Mapping[str, float]) -> str:
    if "low" not in point:
        return "–"
    return _("{low} to {high}").format(low=percent(point["low"], 1), high=percent(point["high"], 1))
