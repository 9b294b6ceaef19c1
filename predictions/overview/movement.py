"""How the levels of risk moved with the last file, in words and in one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from mlcore.engine.operating import BANDS, Band
from mlcore.templatetags.figures import whole
from predictions.models.prediction import BandChoice
from predictions.overview import charts


@dataclass(frozen=True, kw_only=True, slots=True)
class Movement:
    """The people of the last file, against what was known of them before it."""

    file: Mapping[str, Any]
    """`id` and `name` of the last file, and of the one before it."""
    before: Mapping[str, Any]
    moves: Mapping[tuple[Band, Band], int]
    new: int
    """Not known before."""
    gone: int
    """In the file before, and not in this one."""
    judged_otherwise: int
    """People whom another model or another threshold judged before."""

    def _people(self, way: int) -> int:
        """Those who went up (1), went down (-1) or stayed where they were (0)."""
        return sum(
            people
            for (old, new), people in self.moves.items()
            if _sign(BANDS.index(new) - BANDS.index(old)) == way
        )

    @property
    def up(self) -> int:
        return self._people(1)

    @property
    def down(self) -> int:
        return self._people(-1)

    @property
    def same(self) -> int:
        return self._people(0)

    @property
    def compared(self) -> int:
        return sum(self.moves.values())

    @property
    def bands(self) -> list[str]:
        """The levels' words, the highest first."""
        return [_word(band) for band in reversed(BANDS)]

    @property
    def table(self) -> list[tuple[str, list[int]]]:
        """By level before, how many people are now at each level; the highest first."""
        return [
            (_word(old), [self.moves.get((old, new), 0) for new in reversed(BANDS)])
            for old in reversed(BANDS)
        ]

    @property
    def svg(self) -> str:
        return charts.flows(
            self.moves,
            words={band: _word(band) for band in BANDS},
            sides=(_("Before"), _("In this file")),
            write=whole,
            label=_(
                "From the level of risk before the file to the level in it: {up} moved up, {down}"
                " moved down, {same} stayed."
            ).format(up=whole(self.up), down=whole(self.down), same=whole(self.same)),
        )


def movement(content: Mapping[str, Any]) -> Movement | None:
    """What an account says of the last file; None where there are no two to compare."""
    told = content["movement"]
    if told is None:
        return None
    return Movement(
        file=told["file"],
        before=told["before"],
        moves={(old, new): people for old, new, people in told["moves"] if old},
        new=sum(people for old, _new, people in told["moves"] if not old),
        gone=told["gone"],
        judged_otherwise=told["judged_otherwise"],
    )


def _word(band: Band) -> str:
    return str(BandChoice(band).label)


def _sign(steps: int) -> int:
    return (steps > 0) - (steps < 0)
