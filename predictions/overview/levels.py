"""How many people there are at each level of risk, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlcore.engine.operating import BANDS, Band
from predictions.models.prediction import BandChoice
from predictions.overview.tally import HIGH

_FEWEST_FOR_SHARES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """The people at one level."""

    band: Band
    label: str
    people: int
    share: float
    """Of everyone who is counted, 0 to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Levels:
    """Everyone, the highest level first."""

    rows: list[Level]
    people: int
    high: int
    """At high or very high risk."""
    nameless: int
    """Assessments without a reference: nobody can say whom they are of."""
    base_rate: float | None
    """The share of leavers in the active model's history; None without a model."""

    @property
    def share(self) -> float:
        """The share at high or very high risk, 0 to 1."""
        return self.high / self.people if self.people else 0.0

    @property
    def enough(self) -> bool:
        """Whether there are so many that a share of a hundred says more than the count."""
        return self.people >= _FEWEST_FOR_SHARES

    @property
    def largest(self) -> float:
        return max((row.share for row in self.rows), default=0.0)


def levels(content: Mapping[str, Any]) -> Levels:
    """What an account says of everyone."""
    counts, people = content["levels"], content["people"]
    return Levels(
        rows=[
            Level(
                band=band,
                label=str(BandChoice(band).label),
                people=counts[band],
                share=counts[band] / people if people else 0.0,
            )
            for band in reversed(BANDS)
        ],
        people=people,
        high=sum(counts[band] for band in HIGH),
        nameless=content["nameless"],
        base_rate=content["base_rate"],
    )
