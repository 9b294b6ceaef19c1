"""From fitted learners to tables: shapes centred on the training employees, calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcore.engine.features import Feature
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.learning.calibration import Link
from mlcore.engine.learning.designs import column_codes
from mlcore.engine.learning.learners import Additive, Seen
from mlcore.engine.shapes import Curve, Pair, Shape, Table
from mlcore.engine.values import Value

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_KNOTS = 2048  # of one number
SMOOTH_KNOTS = 1024  # quantiles at which a number with more values is read off, beside its steps
ALL_KNOTS = 120_000  # of all numbers: some 6 MB as a file
LONGEST_RANGE = 512  # whole numbers, each of which is a knot whether it occurs or not
_DECIMALS = 12  # what is left of the last bits that differ between processors


def compile_model(seen: Seen, left: Ints, fitted: Additive, link: Link) -> GlassBoxModel:
    """The learners as tables: at every knot, every answer and every blank they agree.

    A blank of a feature that was never blank in training contributes 0, as the average does; and so
    does an answer that nobody gave.
    """
    shapes: dict[str, Shape] = {}
    intercept = link.shift + link.scale * fitted.intercept
    for place, feature in enumerate(seen.schema.features):
        column = seen.matrix[:, place]
        centre = float(link.scale * fitted.main(seen, place, column).mean())
        grid = knots(seen, place)
        at = column_codes(feature, grid)
        values = link.scale * fitted.main(seen, place, at) - centre
        if feature.kind == "choice":
            values[~np.isin(at, column)] = 0.0
        blank = float(link.scale * fitted.main(seen, place, np.array([np.nan]))[0]) - centre
        shapes[feature.name] = _shape(feature, grid, values, blank if np.isnan(column).any() else 0)
        intercept += centre
    return GlassBoxModel(
        intercept=round(intercept, _DECIMALS),
        shapes=shapes,
        base_rate=float(left.mean()),
        pairs=tuple(
            Pair(
                features=(
                    seen.schema.features[table.found.first].name,
                    seen.schema.features[table.found.second].name,
                ),
                axes=(table.axes[0].axis, table.axes[1].axis),
                values=tuple(
                    tuple(round(float(value), _DECIMALS) for value in row)
                    for row in link.scale * table.values
                ),
            )
            for table in fitted.tables
        ),
        floor=round(link.floor, _DECIMALS),
    )


def knots(seen: Seen, place: int) -> list[Any]:
    """Where a shape is read off: every answer, or every number that occurs.

    A number with more than `MOST_KNOTS` values is read off at its quantiles, and on both sides of
    every step. Where there are very many numbers, each has fewer knots.
    """
    numbers = sum(feature.kind == "number" for feature in seen.schema.features)
    most = min(MOST_KNOTS, ALL_KNOTS // max(numbers, 1))
    feature = seen.schema.features[place]
    if feature.choices:
        return [choice.value for choice in feature.choices]
    column = seen.matrix[:, place]
    known = np.unique(column[~np.isnan(column)])
    if not len(known):
        return [float(feature.minimum)]
    low, high = float(known[0]), float(known[-1])
    if feature.integer and high - low < LONGEST_RANGE:
        return [float(value) for value in range(int(low), int(high) + 1)]
    if len(known) > most:
        grid = seen.grids[place]
        steps = [seen.bins[place].cuts, np.array(grid.axis.cuts if grid else ())]
        above = np.searchsorted(known, np.concatenate(steps))
        even = min(SMOOTH_KNOTS, max(most - 2 * len(above), 2))
        smooth = np.linspace(0, len(known) - 1, even).astype(np.int64)
        chosen = np.concatenate([smooth, above, np.maximum(above - 1, 0)])
        known = known[np.unique(np.minimum(chosen, len(known) - 1))]
    return [float(value) for value in known]


def _shape(feature: Feature, grid: Sequence[Value], values: Floats, blank: float) -> Shape:
    rounded = [round(float(value), _DECIMALS) for value in values]
    missing = round(float(blank), _DECIMALS)
    if feature.choices:
        return Table(dict(zip(grid, rounded, strict=True)), missing)  # type: ignore[arg-type]
    return Curve(tuple(float(v) for v in grid if v is not None), tuple(rounded), missing)
