"""A column by its different values: how often each, which are numbers, which mean nothing."""

from __future__ import annotations

import heapq
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlcore.engine.drafting.answer_words import (
    DATE,
    DURATION,
    MARKS,
    TWO_UNITS,
    UNKNOWN,
    UNKNOWN_NUMBERS,
)
from mlcore.engine.features import Feature
from mlcore.engine.values import InvalidValueError, plain, shown, word

LARGEST_NUMBER = 1e12
"""Longer digits are a code: a card's number, not an amount."""
MOST_ODD_WORDS = 3
"""Different words that a column of numbers may hold besides those that mean nothing known."""
ODD_SHARE = 0.02  # of the filled rows

_PROBE = 60  # values that tell whether it is worth to read them all as numbers
_ALL_MARKS = tuple(mark for _, marks in MARKS for mark in marks)
_GROUP = {mark.casefold(): place for place, (_, marks) in enumerate(MARKS) for mark in marks}

Key = Any
"""A value by which cells are counted: a text, an int or a float."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column's values as numbers."""

    values: dict[Key, float]
    """By key; keys that mean a blank are left out."""
    integer: bool
    blank_words: tuple[str, ...]
    """Words in the column that are no numbers, and few or meaningless enough to be blanks."""
    mark: int | None
    """Which of `MARKS` stands beside the numbers."""

    @property
    def low(self) -> float:
        return min(self.values.values())

    @property
    def high(self) -> float:
        return max(self.values.values())


@dataclass(frozen=True)
class Profile:
    """A column and what its cells are."""

    header: str
    cells: list[Key]
    """One per row; `""` for a blank."""
    counts: dict[Key, int]
    """Rows by value, in the order of the file, blanks left out."""
    foreign: bool
    """Whether some cell is neither text nor number: a date, a list."""
    booleans: bool
    """Whether some cell is true or false, counted as that word."""
    nans: bool
    """Whether some cell is a float that is no number, counted as `"nan"`."""

    @property
    def rows(self) -> int:
        return len(self.cells)

    @cached_property
    def filled(self) -> int:
        return sum(self.counts.values())

    @property
    def blanks(self) -> int:
        return self.rows - self.filled

    @property
    def distinct(self) -> int:
        return len(self.counts)

    @cached_property
    def words(self) -> dict[str, int]:
        """Rows by value as the word it would be in a file, trimmed."""
        words: Counter[str] = Counter()
        for key, rows in self.counts.items():
            words[as_word(key)] += rows
        return dict(words)

    @cached_property
    def common(self) -> list[tuple[str, int]]:
        """Words by falling number of rows; the first hundred of them."""
        return heapq.nlargest(100, self.words.items(), key=lambda item: item[1])

    def examples(self) -> tuple[str, ...]:
        """Three values as a page can show them: the most frequent, or the first."""
        return tuple(shown(text) for text, _ in self.common[:3])

    @cached_property
    def is_date(self) -> bool:
        """Whether nearly all values are dates or times."""
        texts = [k for k in self.words if k.casefold() not in UNKNOWN]
        if not texts or (not DATE.fullmatch(texts[0]) and not DATE.fullmatch(texts[-1])):
            return False
        return sum(1 for text in texts if DATE.fullmatch(text)) >= 0.9 * len(texts)

    @cached_property
    def is_duration(self) -> bool:
        """Whether nearly all values are durations of two units, or each of its own unit."""
        texts = [k for k in self.words if k.casefold() not in UNKNOWN]
        if not texts or not DURATION.fullmatch(texts[0]) or not DURATION.fullmatch(texts[-1]):
            return False
        units = [found["unit"].casefold() for t in texts if (found := DURATION.fullmatch(t))]
        if len(units) < 0.9 * len(texts):
            return False
        return len({unit[:1] for unit in units}) > 1 or any(
            TWO_UNITS.fullmatch(text) for text in texts
        )

    @cached_property
    def printable(self) -> bool:
        """Whether every value can be shown and stored: no control characters, nothing too long."""
        return all(
            text.isprintable() or all(unicodedata.category(c)[0] != "C" for c in text)
            for text in self.words
        ) and all(len(text) <= 200 for text in self.words)

    @cached_property
    def numbers(self) -> Numbers | None:
        """The column as numbers; None where it holds others than numbers."""
        return None if self.foreign or self.booleans or not self.counts else _numbers(self)


def profile(header: str, cells: Sequence[object]) -> Profile:
    """Count a column's cells."""
    types = set(map(type, cells))
    foreign = booleans = nans = False
    keys: list[Key]
    if types <= {str, int, float, type(None)}:
        keys = list(cells)
        if type(None) in types:
            keys = ["" if key is None else key for key in keys]
        if float in types:
            nans = any(key != key for key in keys)
            keys = ["nan" if key != key else key for key in keys] if nans else keys
    else:
        keys = []
        for cell in cells:
            key = plain(cell)
            if isinstance(key, bool):
                booleans, key = True, word(key)
            elif key is None:
                key = ""
            elif isinstance(key, float) and key != key:
                nans, key = True, "nan"
            elif not isinstance(key, (str, int, float)):
                foreign, key = True, shown(key) or "?"
            keys.append(key)
    counts = Counter(keys)
    for key in [key for key in counts if isinstance(key, str) and not key.strip()]:
        del counts[key]
    return Profile(header, keys, dict(counts), foreign, booleans, nans)


def as_word(key: Key) -> str:
    """A value as a file would write it, trimmed, whole."""
    return key.strip() if isinstance(key, str) else word(key)


def blank_words(texts: Sequence[str]) -> tuple[str, ...]:
    """Those of `texts` that mean that nothing is known."""
    return tuple(sorted({t.casefold(): t for t in texts if t.casefold() in UNKNOWN}.values()))


def _numbers(column: Profile) -> Numbers | None:
    keys = list(column.counts)
    probe = keys[:: max(1, len(keys) // _PROBE)]
    if sum(_begins(key) for key in probe) < 0.5 * len(probe) and not _known_blanks(keys, probe):
        return None
    values, refused, ambiguous = _read(keys, integer=True)
    integer = True
    if any(code == "not_whole" for code in refused.values()):
        integer = False
        values, refused, ambiguous = _read(keys, integer=False)
    if ambiguous or not values or any(code == "out_of_range" for code in refused.values()):
        return None
    odd: dict[str, int] = Counter()
    blank: dict[str, str] = {}
    for key in refused:
        text = as_word(key)
        if isinstance(key, str) and text.casefold() in UNKNOWN_NUMBERS:
            blank.setdefault(text.casefold(), text)
        elif isinstance(key, str) and len(text) <= 40 and text.isprintable():
            blank.setdefault(text.casefold(), text)
            odd[text.casefold()] += column.counts[key]
        else:
            return None
    if len(odd) > MOST_ODD_WORDS or sum(odd.values()) > ODD_SHARE * column.filled:
        return None
    marks = {mark_of(key) for key in values if isinstance(key, str)} - {None}
    if len(marks) > 1:
        return None
    return Numbers(
        values=values,
        integer=integer,
        blank_words=tuple(sorted(blank.values())),
        mark=marks.pop() if marks else None,
    )


def _begins(key: Key) -> bool:
    return not isinstance(key, str) or any(c.isdigit() for c in key[:40])


def _known_blanks(keys: list[Key], probe: list[Key]) -> bool:
    return (
        len(keys) < _PROBE
        and any(_begins(key) for key in keys)
        and all(_begins(key) or as_word(key).casefold() in UNKNOWN_NUMBERS for key in probe)
    )


def _read(keys: list[Key], *, integer: bool) -> tuple[dict[Key, float], dict[Key, str], bool]:
    """Numbers by key, what was wrong with the others, and whether any can be read in two ways."""
    read = Feature(
        name="x",
        column="x",
        kind="number",
        label={},
        integer=integer,
        minimum=-LARGEST_NUMBER,
        maximum=LARGEST_NUMBER,
        marks=_ALL_MARKS,
    ).read
    values: dict[Key, float] = {}
    refused: dict[Key, str] = {}
    allowed = max(60, len(keys) // 10)
    for key in keys:
        try:
            values[key] = read(key)  # type: ignore[assignment]
        except InvalidValueError as error:
            refused[key] = error.problem.code
            # One decimal asks for another reading.
            if error.problem.code == "not_whole":
                break
            # Text: there is no need to see all of it.
            if len(refused) > allowed:
                return {}, refused, False
    return values, refused, "ambiguous_number" in refused.values()


def mark_of(text: str) -> int | None:
    """Which of `MARKS` stands beside the digits of a text; None for another, or none."""
    if text[0].isdigit() and text[-1].isdigit():
        return None
    first, last = text.strip().lstrip("+-")[:1], text.strip()[-1:]
    if first.isdigit() and (last.isdigit() or last in ".,"):
        return None
    letters = "".join(c for c in text if not c.isdigit()).strip(" \u00a0\u202f\u2009'’+-.,")
    return _GROUP.get(letters.casefold(), _GROUP.get(f"{letters}.".casefold()))
