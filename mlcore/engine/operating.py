"""From a probability to what HR acts on: the threshold and the bands of risk.

Where the threshold stands is HR's to say, by what a missed leaver costs or by how many
conversations there is time for; what it leads to is read off the model's out-of-fold predictions.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

Band = Literal["low", "moderate", "high", "very_high"]
BANDS: tuple[Band, ...] = get_args(Band)

Operating = Mapping[str, Any]
"""The `operating` part of a card: `thresholds` that rise from 0, and for each of them how many
people have at least that risk (`listed`) and how many of these left (`leavers`)."""


def bands_from(threshold: float) -> tuple[float, float, float]:
    """Where moderate, high and very high begin when the list begins at `threshold`.

    Moderate begins at two fifths of it; very high at twice of it, or half-way to certainty where
    that is nearer. Raises `ValueError` when the three do not rise within 0 and 1.
    """
    bounds = (threshold * 0.4, threshold, min(2 * threshold, (1 + threshold) / 2))
    _rising(bounds)
    return bounds


def _rising(bounds: tuple[float, float, float]) -> None:
    low, threshold, high = bounds
    if not 0 < low < threshold < high < 1:
        raise ValueError("bounds must rise within 0 and 1")


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where the risk begins to call for a conversation, and the words for its levels.

    `bounds` are the probabilities at which moderate, high and very high begin. High begins at the
    threshold, so that the bands and the yes-or-no never contradict each other.
    """

    bounds: tuple[float, float, float]

    def __post_init__(self) -> None:
        _rising(self.bounds)

    @property
    def threshold(self) -> float:
        """Probability from which the risk counts as elevated."""
        return self.bounds[1]

    def band(self, probability: float) -> Band:
        """The level of risk; a bound belongs to the level that it begins."""
        return BANDS[bisect_right(self.bounds, probability)]

    @classmethod
    def at(cls, threshold: float) -> OperatingPoint:
        """The point with this threshold. Raises `ValueError` when it is none within 0 and 1."""
        return cls(bands_from(threshold))

    @classmethod
    def from_costs(cls, conversations_per_leaver: float) -> OperatingPoint:
        """The point at which missing a leaver costs as much as that many needless conversations.

        For calibrated probabilities the expected cost is least at 1 / (1 + n) (Elkan, 2001, "The
        foundations of cost-sensitive learning").
        """
        return cls.at(1 / (1 + conversations_per_leaver))

    def to_json(self) -> dict[str, Any]:
        return {"bounds": list(self.bounds)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> OperatingPoint:
        """Raises `ValueError`, `KeyError` or `TypeError` when `stored` is no operating point."""
        low, threshold, high = map(float, stored["bounds"])
        return cls((low, threshold, high))


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a threshold would have led to, on people whom the model had not seen.

    Counts are of people, averaged over the repeats of the cross-validation.
    """

    people: float
    leavers: float
    listed: float
    """People with at least the threshold's risk: the conversations to hold."""
    leavers_listed: float
    """Of these, who left."""

    @property
    def share(self) -> float:
        """How long the list is, as a share of the workforce."""
        return self.listed / self.people

    @property
    def leavers_held(self) -> float:
        """The share of all leavers that the list holds (recall)."""
        return self.leavers_listed / self.leavers if self.leavers else 0.0

    @property
    def stayed(self) -> float:
        """How many on the list would have stayed: needless conversations."""
        return self.listed - self.leavers_listed

    @property
    def missed(self) -> float:
        """How many left without being on the list."""
        return self.leavers - self.leavers_listed

    @property
    def precision(self) -> float:
        """The share of the list that left; 0 for an empty list."""
        return self.leavers_listed / self.listed if self.listed else 0.0


def outcome(operating: Operating, threshold: float) -> Outcome:
    """What a list that begins at `threshold` would have held."""
    thresholds = operating["thresholds"]
    return Outcome(
        people=operating["listed"][0],
        leavers=operating["leavers"][0],
        listed=count_at(thresholds, operating["listed"], threshold),
        leavers_listed=count_at(thresholds, operating["leavers"], threshold),
    )


def for_capacity(operating: Operating, share: float) -> float:
    """The lowest of the known thresholds that lists at most `share` (0 to 1) of the workforce.

    Raises `ValueError` when every threshold below 1 lists more.
    """
    most = share * operating["listed"][0]
    for threshold, listed in zip(operating["thresholds"], operating["listed"], strict=True):
        # A hair of slack: a share is often a quotient that was multiplied back.
        if 0 < threshold < 1 and listed <= most + 1e-9:
            return float(threshold)
    raise ValueError(f"no threshold lists as few as {share:.1%} of the people")


def count_at(thresholds: Sequence[float], counts: Sequence[float], threshold: float) -> float:
    """How many were counted from `threshold` on: exact at each of `thresholds`, else between.

    `counts[i]` belongs to `thresholds[i]`, which rise; beyond the last one the count is its own.
    """
    right = bisect_left(thresholds, threshold)
    if right == len(thresholds):
        return float(counts[-1])
    if right == 0 or thresholds[right] == threshold:
        return float(counts[right])
    left = right - 1
    way = (threshold - thresholds[left]) / (thresholds[right] - thresholds[left])
    return float(counts[left] + way * (counts[right] - counts[left]))
