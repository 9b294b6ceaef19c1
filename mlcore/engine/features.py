"""One thing that a model asks about an employee: what is accepted, and the words for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from mlcore.engine.values import READERS, Reader, Value
from mlcore.engine.words import Words, number_text, say

Kind = Literal["number", "scale", "choice"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One answer to a choice, or one step of a scale."""

    value: str | int
    """The data's own word; for a scale, the step's number."""
    label: Words
    aliases: tuple[str, ...] = ()
    """Other words by which the answer is recognised."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One thing that is known about an employee."""

    name: str
    """snake_case of the column."""
    column: str
    """The header in the file that the model was trained on."""
    kind: Kind
    label: Words
    section: str = ""
    help: Words = field(default_factory=dict)
    unit: Words = field(default_factory=dict)
    """`"%"`, or `"year|years"` where one has a form of its own."""
    integer: bool = True
    """Whole numbers only; matters for kind `number`."""
    minimum: float = 0
    maximum: float = 0
    """Limits of what is accepted, for kind `number`."""
    seen: tuple[float, float] | None = None
    """Smallest and largest value in the training data; beyond it a shape is flat."""
    typical: Value = None
    """Median of the training data; for a choice, its most frequent value."""
    choices: tuple[Choice, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other headers by which a file's column is recognised."""
    actionable: bool = False
    """Something that an employer can change."""
    marks: tuple[str, ...] = ()
    """What may stand beside a number and adds nothing to it: `%`, `€`, `EUR`, `years`. Others are
    refused: a salary in dollars is none in euros."""
    blank_words: tuple[str, ...] = ()
    """What the training file wrote where nothing was known: `N/A`, `-`."""

    def __post_init__(self) -> None:
        if self.kind == "number":
            if not (math.isfinite(self.minimum) and math.isfinite(self.maximum)):
                raise ValueError(f"{self.name}: limits must be finite")
            if self.choices or self.minimum > self.maximum:
                raise ValueError(f"{self.name}: a number has limits that rise, and no choices")
        elif self.kind not in READERS:
            raise ValueError(f"{self.name}: unknown kind {self.kind!r}")
        elif not self.choices or len({str(c.value) for c in self.choices}) < len(self.choices):
            raise ValueError(f"{self.name}: choices must differ, and there must be some")

    @cached_property
    def read(self) -> Reader:
        """The reader of this feature's raw values."""
        return READERS[self.kind](self)

    def choice_label(self, value: Value, language: str) -> str:
        """The words for a choice's value; the value itself if it is not one of the choices."""
        for choice in self.choices:
            if choice.value == value:
                return say(choice.label, language, str(value))
        return str(value)

    def units(self, language: str) -> str:
        """The unit beside a label: of several."""
        return say(self.unit, language).rpartition("|")[2]

    def unit_of(self, value: float, language: str) -> str:
        """The unit of so many: one year, two years; zéro an, deux ans."""
        alone = abs(value) < 2 if language[:2] == "fr" else abs(value) == 1
        return say(self.unit, language).partition("|")[0] if alone else self.units(language)

    def value_text(self, value: Value, language: str) -> str:
        """A clean value as a person reads it, with its unit; `""` for a blank."""
        if value is None:
            return ""
        if self.kind == "number" and isinstance(value, (int, float)):
            unit = self.unit_of(value, language)
            text = number_text(value, language)
            if unit == "%" and language[:2] == "en":
                return f"{text}%"
            return f"{text}\u00a0{unit}" if unit else text
        return self.choice_label(value, language)

    def beyond_seen(self, value: Value) -> bool:
        """Whether a number lies outside what the model was trained on."""
        if self.seen is None or not isinstance(value, (int, float)):
            return False
        return not self.seen[0] <= value <= self.seen[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A group of features that are asked together."""

    name: str
    label: Words
