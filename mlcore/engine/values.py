"""One raw value in, one clean value or one `InvalidValueError` out; a reader per kind of feature.

These readers are the only place where a value is judged, whatever the door it came through:
a form's text, a JSON number, a spreadsheet's cell.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

import numpy as np

from mlcore.engine.words import Problem, Words

if TYPE_CHECKING:
    from mlcore.engine.features import Feature

Value = float | int | str | None
"""A clean value; `None` is a blank."""

Reader = Callable[[object], Value]
"""Reads one raw value; raises `InvalidValueError`."""

IDENTIFIER_LENGTH = 64  # characters

_LONGEST_WORD = 200  # characters; a longer text is no answer to anything

_SPACE = " \u00a0\u202f\u2009'\u2019"
# 5993   5993.5   5993,5
_PLAIN = re.compile(r"[+-]?[0-9]{1,300}(?:[.,][0-9]{0,300})?\Z")
# 5,993   1,234,567
_COMMAS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3}){1,90}\Z")
# 5.993
_POINT = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}\Z")
# 5 993   1'234'567,5   5,993.5   5.993,5: what stands between thousands is not the decimal sign
_GROUPED = re.compile(
    r"(?P<whole>[+-]?[1-9][0-9]{0,2}(?:"
    r"(?:[ \u00a0\u202f\u2009'\u2019][0-9]{3}){1,90}"
    r"|(?:,[0-9]{3}){1,90}(?=\.)"
    r"|(?:\.[0-9]{3}){1,90}(?=,)"
    r"|(?:\.[0-9]{3}){2,90}"
    r"))(?:[.,](?P<decimals>[0-9]{0,300}))?\Z"
)
_SEPARATOR = re.compile(r"[^0-9+-]")
# € 2 500   -$2,500   11 %
_MARKED = re.compile(
    r"(?P<sign>[+-]?)(?P<before>[^0-9+-]{0,20})(?P<inner>[+-]?)"
    r"(?P<digits>[0-9](?:.*[0-9])?)(?P<after>[^0-9]{0,20})\Z",
    re.DOTALL,
)

# Control and format characters, what no font draws, and the halves of a broken pair that no
# database can store.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class InvalidValueError(ValueError):
    """A value that cannot be accepted, with the problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def fold(text: str) -> str:
    """What is left of a word when case, accents, spaces and punctuation are set aside.

    `"Research & Development"`, `"research_development"` → `"researchdevelopment"`.
    """
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if character.isalnum()).casefold()


def shown(raw: object) -> str:
    """`raw` as it can be quoted in a sentence: printable and short, however large it is."""
    if isinstance(raw, str):
        text = raw[:60]
    elif isinstance(raw, int) and raw.bit_length() > 128:
        # All its digits would cost the square of their number.
        text = f"{'-' if raw < 0 else ''}1e{int(math.log10(abs(raw)))}"
    elif isinstance(raw, dict):
        text = "{…}" if raw else "{}"
    elif isinstance(raw, (list, tuple, set)):
        text = "[…]" if raw else "[]"
    else:
        text = str(raw)[:60]
    text = "".join(c if unicodedata.category(c) not in _UNPRINTABLE else "\ufffd" for c in text)
    return text if len(text) <= 40 else text[:39] + "…"


def plain(raw: object) -> object:
    """A scalar of numpy's, or a subclass of `str`, as Python's own value; else `raw` itself."""
    if isinstance(raw, str):
        return str(raw)
    if isinstance(raw, (np.bool_, np.integer, np.floating)) and not isinstance(raw, np.timedelta64):
        return raw.item()
    return raw


def word(raw: object) -> str:
    """A value as the word it would be in a file, trimmed: 4.0 → `"4"`, True → `"true"`.

    `""` for a blank, and for what is no word: a list, an object, a date.
    """
    raw = plain(raw)
    if isinstance(raw, str):
        text = raw.strip()
        return text if len(text) <= _LONGEST_WORD else shown(text)
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 1e15:
        raw = int(raw)
    return shown(raw) if isinstance(raw, (int, float)) else ""


def number_reader(feature: Feature) -> Reader:
    """Reads a number: digits, one decimal point or comma, separated thousands, and beside them one
    of the feature's marks.

    The result is an `int` for a whole-number feature, otherwise a `float`.
    """
    low, high, integer = feature.minimum, feature.maximum, feature.integer
    smallest = feature.seen[0] if feature.seen else -math.inf
    example = low if feature.typical is None else feature.typical
    marks = {mark.casefold() for mark in feature.marks if mark}
    if "%" in feature.unit.values():
        marks.add("%")
    blank_words = {text.casefold() for text in feature.blank_words}

    def no_number(raw: object) -> InvalidValueError:
        return InvalidValueError(Problem("not_a_number", {"given": shown(raw), "example": example}))

    def thousands_are_meant(text: str) -> bool:
        # Nobody earned less than six: 5,993 is then no amount with three decimals.
        thousands = int(text.replace(",", "").replace(".", ""))
        return thousands / 1000 < smallest and low <= thousands <= high

    def parse(text: str) -> float | int:
        if _COMMAS.match(text):
            if not integer and text.count(",") == 1 and not thousands_are_meant(text):
                raise InvalidValueError(Problem("ambiguous_number", {"given": shown(text)}))
            return int(text.replace(",", ""))
        # A program's own point is a decimal one, but where that makes no sense, a person's is not.
        if not integer and _POINT.match(text) and thousands_are_meant(text):
            raise InvalidValueError(Problem("ambiguous_number", {"given": shown(text)}))
        if _PLAIN.match(text):
            text = text.replace(",", ".")
        elif grouped := _GROUPED.match(text):
            text = _SEPARATOR.sub("", grouped["whole"])
            if decimals := grouped["decimals"]:
                text = f"{text}.{decimals}"
        elif bare := unmarked(text, marks):
            try:
                return parse(bare)
            except InvalidValueError as error:
                if error.problem.code != "not_a_number":
                    raise
                raise no_number(text) from None
        else:
            raise no_number(text)
        return float(text) if "." in text else int(text)

    def read(raw: object) -> Value:
        if raw is None:
            return None
        if type(raw) is not int and type(raw) is not float:
            raw = plain(raw)
        if isinstance(raw, str):
            text = raw.strip()
            if not text or (blank_words and text.casefold() in blank_words):
                return None
            number = parse(text)
        elif isinstance(raw, (int, float)) and not isinstance(raw, bool):
            number = raw
        else:
            raise no_number(raw)
        if isinstance(number, float) and not math.isfinite(number):
            if math.isnan(number) and "nan" in blank_words:
                return None
            raise no_number(raw)
        if integer and number != (whole := int(number)):
            raise InvalidValueError(Problem("not_whole", {"given": shown(raw)}))
        if not low <= number <= high:
            raise InvalidValueError(
                Problem("out_of_range", {"given": shown(raw), "minimum": low, "maximum": high})
            )
        # Adding 0 makes of -0.0 the only zero that there is.
        return whole if integer else float(number) + 0.0

    return read


def unmarked(text: str, marks: Collection[str]) -> str:
    """The digits of `text` without the mark before or after them; `""` if there is no such mark.

    `"€ 2 500"`, `"2500EUR"`, `"11 %"`; `marks` are case-folded. A sign stands before the mark or
    the digits, and what is left begins and ends with a digit, so that no second mark is taken off.
    """
    if not marks or len(text) > _LONGEST_WORD or not (found := _MARKED.match(text)):
        return ""
    before, after = (
        found["before"].strip(_SPACE).casefold(),
        found["after"].strip(_SPACE).casefold(),
    )
    if (before or after) not in marks or (before and after) or (found["sign"] and found["inner"]):
        return ""
    return found["sign"] + found["inner"] + found["digits"]


def choice_reader(feature: Feature) -> Reader:
    """Reads a choice or a step of a scale: the data's own word, or any of its words."""
    exact: dict[int | str, int | str] = {}
    folded: dict[str, int | str] = {}
    for choice in feature.choices:
        exact[choice.value] = exact[str(choice.value)] = choice.value
    for choice in feature.choices:
        for known_word in (str(choice.value), *choice.label.values(), *choice.aliases):
            if known_word.strip():
                exact.setdefault(known_word, choice.value)
            # Digits are taken as they stand: folded, -3 would be 3.
            if (key := fold(known_word)) and not key.isdigit():
                folded.setdefault(key, choice.value)
    blank_words = {text.casefold() for text in feature.blank_words}
    names: tuple[Words, ...] = tuple(choice.label for choice in feature.choices)

    def read(raw: object) -> Value:
        if raw is None:
            return None
        # Not isinstance: True is an int, and equal to 1.
        if (type(raw) is str or type(raw) is int) and raw in exact:
            return exact[raw]
        text = word(raw)
        if not text and isinstance(raw, str):
            return None
        found = exact.get(text)
        if found is None and _PLAIN.match(text):
            # A spreadsheet writes the step 4 as 4.0 or 4,0.
            found = exact.get(word(float(text.replace(",", "."))))
        elif found is None:
            found = folded.get(fold(text))
        if found is None and text.casefold() in blank_words:
            return None
        if found is None:
            raise InvalidValueError(
                Problem("not_a_choice", {"given": shown(raw), "choices": names})
            )
        return found

    return read


def read_identifier(raw: object) -> str:
    """The employee's reference: text of at most 64 printable characters, `""` for a blank.

    Raises `InvalidValueError`.
    """
    if raw is None:
        return ""
    raw = plain(raw)
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)  # spreadsheets keep every number as a float
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = str(raw) if raw.bit_length() < 1000 else "9" * 300
    if not isinstance(raw, str):
        raise InvalidValueError(Problem("not_text"))
    text = raw.strip()
    if len(text) > IDENTIFIER_LENGTH:
        raise InvalidValueError(
            Problem("too_long", {"maximum": IDENTIFIER_LENGTH, "length": len(text)})
        )
    if not text.isascii() or not text.isprintable():
        for character in text:
            if unicodedata.category(character) in _UNPRINTABLE:
                raise InvalidValueError(Problem("unprintable"))
    return text


READERS: dict[str, Callable[[Feature], Reader]] = {
    "number": number_reader,
    "scale": choice_reader,
    "choice": choice_reader,
}
"""The reader of each kind of feature."""


def known(values: Iterable[Value]) -> bool:
    """Whether any value is more than a blank."""
    return any(value is not None for value in values)
