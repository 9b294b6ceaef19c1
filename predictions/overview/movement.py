"""How the levels of risk moved with the last file, in words and in one picture.

Whoever went from one level to another with fewer than four others is not told of: their number is
"fewer than 5", and where it followed from the numbers beside it, these are rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from mlcore.engine.operating import BANDS, Band
from predictions.models.prediction import BandChoice
from predictions.overview import charts
from predictions.overview.counts import told
from predictions.small_groups import FEWEST, about, must_round

Move = tuple[Band, Band]
"""The level before, and the level now."""


@dataclass(frozen=True, kw_only=True)
class Movement:
    """The people of the last file, against what was known of them before it."""

    file: Mapping[str, Any]
    """`id` and `name` of the last file, and of the one before it."""
    before: Mapping[str, Any]
    moves: Mapping[Move, int]
    """Everyone in the last file who was known before it."""
    new: int
    """Not known before."""
    gone: int
    """In the file before, and not in this one."""
    judged_otherwise: int
    """People whom another model or another threshold judged before."""

    def of(self, way: int) -> dict[Move, int]:
        """The moves up (1), down (-1), or to the same level (0)."""
        return {move: people for move, people in self.moves.items() if _way(move) == way}

    @cached_property
    def totals(self) -> dict[int, int]:
        """People by way: up, down, the same."""
        return {way: sum(self.of(way).values()) for way in (1, -1, 0)}

    @cached_property
    def rounded(self) -> bool:
        """Whether only about how many went each way is said: together they are everyone."""
        return _must_round([*self.totals.values(), self.new])

    @cached_property
    def rounded_moves(self) -> frozenset[int]:
        """The ways of which only about how many made each move is said."""
        return frozenset(
            way for way in self.totals if self.rounded or _must_round(self.of(way).values())
        )

    @property
    def compared(self) -> int:
        return sum(self.moves.values())

    # ---------------------------------------------------------------- in words

    @property
    def up(self) -> str:
        return told(self.totals[1], rounded=self.rounded)

    @property
    def down(self) -> str:
        return told(self.totals[-1], rounded=self.rounded)

    @property
    def same(self) -> str:
        return told(self.totals[0], rounded=self.rounded)

    @property
    def not_known_before(self) -> str:
        return told(self.new, rounded=self.rounded)

    @property
    def no_longer_there(self) -> str:
        return told(self.gone)

    @property
    def few_judged_otherwise(self) -> bool:
        return self.judged_otherwise < FEWEST

    @property
    def bands(self) -> list[str]:
        """The levels' words, the highest first."""
        return [_word(band) for band in reversed(BANDS)]

    @property
    def table(self) -> list[tuple[str, list[str]]]:
        """By level before, how many people are now at each level; the highest first."""
        return [
            (_word(old), [self._told((old, new)) for new in reversed(BANDS)])
            for old in reversed(BANDS)
        ]

    def _told(self, *moves: Move) -> str:
        """How many made these moves; about how many, where one of them is not told exactly."""
        people = [self.moves.get(move, 0) for move in moves]
        vague = any(
            0 < count < FEWEST or _way(move) in self.rounded_moves
            for move, count in zip(moves, people, strict=True)
        )
        return told(sum(people), rounded=vague)

    @property
    def svg(self) -> str:
        return charts.flows(
            # As wide as it is told.
            {
                move: FEWEST / 2
                if people < FEWEST
                else about(people)
                if _way(move) in self.rounded_moves
                else people
                for move, people in self.moves.items()
                if people
            },
            words={band: _word(band) for band in BANDS},
            counts=(
                {old: self._told(*((old, new) for new in BANDS)) for old in BANDS},
                {new: self._told(*((old, new) for old in BANDS)) for new in BANDS},
            ),
            sides=(_("Before"), _("In this file")),
            label=_(
                "From the level of risk before the file to the level in it: {up} moved up, {down}"
                " moved down, {same} stayed."
            ).format(up=self.up, down=self.down, same=self.same),
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


def _way(move: Move) -> int:
    old, new = move
    steps = BANDS.index(new) - BANDS.index(old)
    return (steps > 0) - (steps < 0)


def _must_round(counts: Iterable[int]) -> bool:
    return must_round([people for people in counts if 0 < people < FEWEST])
