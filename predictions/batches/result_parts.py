"""What the page of a file's results is made of: plain values, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass

from mlcore.engine.operating import Band
from predictions.batches.ranking import ANSWER
from predictions.explanation import Reason
from predictions.models import Batch, Prediction
from predictions.small_groups import ShownGroup


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """How many people are at a level."""

    band: Band
    label: str
    people: int
    share: float
    """Of all, 0 to 1."""
    begins: float
    """The risk from which it is this level."""
    before: float | None
    """The share in the file before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """A value that people can be filtered by."""

    value: str
    label: str
    people: int
    chosen: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Facet:
    """A dimension that people can be filtered by, with the number beside each value."""

    key: str
    label: str
    options: list[Option]
    """Those that most people have, in their own order."""
    more: int
    """Values that are not among them."""

    @property
    def name(self) -> str:
        """The field of an answer, as the form adds one."""
        return self.key.removeprefix(ANSWER)

    @property
    def chosen(self) -> bool:
        return any(option.chosen for option in self.options)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chip:
    """A filter that is in force, and the address of the list without it."""

    label: str
    value: str
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """An order of the list, and the address of the list in it."""

    label: str
    address: str
    chosen: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The groups of one dimension, the largest share at high risk first."""

    key: str
    label: str
    groups: list[ShownGroup]
    hidden: int
    """Groups that are too small to be shown."""
    rounded: bool
    """Whether the others are rounded, so that these cannot be worked out."""
    more: int
    """Groups beyond those that one picture holds."""
    share: float
    """Of everyone compared, at high or very high risk."""

    @property
    def longest_bar(self) -> float:
        """The longest bar of the picture, or its line."""
        return max([group.share for group in self.groups] + [self.share])


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A row of the list."""

    prediction: Prediction
    reasons: list[Reason]
    groups: list[tuple[str, str]]
    """Header and text."""
    file: Batch | None
    """That of corrected rows in which this one was brought again; None for the list's own."""
