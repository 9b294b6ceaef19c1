"""From a probability to what HR acts on: the threshold and the bands of risk."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Band = Literal["low", "moderate", "high", "very_high"]
BANDS: tuple[Band, ...] = get_args(Band)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where the risk begins to call for a conversation, and the words for its levels.

    `bounds` are the probabilities at which moderate, high and very high begin. High begins at the
    threshold, so that the bands and the yes-or-no never contradict each other.
    """

    bounds: tuple[float, float, float]

    def __post_init__(self) -> None:
        low, threshold, high = self.bounds
        if not 0 < low < threshold < high < 1:
            raise ValueError("bounds must rise within 0 and 1")

    @property
    def threshold(self) -> float:
        """Probability from which the risk counts as elevated."""
        return self.bounds[1]

    def band(self, probability: float) -> Band:
        """The level of risk; a bound belongs to the level that it begins."""
        return BANDS[bisect_right(self.bounds, probability)]

    @classmethod
    def from_costs(cls, conversations_per_leaver: float) -> OperatingPoint:
        """The point at which missing a leaver costs as much as that many needless conversations.

        For calibrated probabilities the expected cost is least at 1 / (1 + n) (Elkan, 2001, "The
        foundations of cost-sensitive learning").
        """
        threshold = 1 / (1 + conversations_per_leaver)
        return cls((threshold * 0.4, threshold, min(2 * threshold, (1 + threshold) / 2)))

    def to_json(self) -> dict[str, Any]:
        return {"bounds": list(self.bounds)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> OperatingPoint:
        """Raises `ValueError`, `KeyError` or `TypeError` when `stored` is no operating point."""
        low, threshold, high = map(float, stored["bounds"])
        return cls((low, threshold, high))
