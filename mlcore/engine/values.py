"""One raw value in, one clean value or one `InvalidValueError` out; a reader per kind of feature.

These readers are the only place where a value is judged, whatever the door it came through:
a form's text, a JSON number, a spreadsheet's cell.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mlcore.engine.words import Problem, Words

if TYPE_CHECKING:
    from mlcore.engine.schema import Feature

Value = float | int | str | None
"""A clean value; `None` is a blank."""

Reader = Callable[[object], Value]
"""Reads one raw value; raises `InvalidValueError`."""

IDENTIFIER_LENGTH = 64  # characters

_SPACES = re.compile(r"[\s\u00a0\u202f\u2009']")
_PLAIN = re.compile(r"[+-]?[0-9]{1,300}(?:[.,][0-9]{0,300})?\Z")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+\Z")
_GROUPED_BY_SPACE = re.compile(
    r"[+-]?[0-9]{1,3}(?:[ \u00a0\u202f\u2009'][0-9]{3})+(?:[.,][0-9]*)?\Z"
)
# Control characters, and the halves of a broken pair that no database can store.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Co", "Cn"})


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
    """`raw` as it can be quoted in a sentence: printable and short."""
    text = raw if isinstance(raw, str) else repr(raw) if isinstance(raw, float) else str(raw)
    text = "".join(
        c if unicodedata.category(c) not in _UNPRINTABLE else "\ufffd" for c in text[:60]
    )
    return text if len(text) <= 40 else text[:39] + "…"


def number_reader(feature: Feature) -> Reader:
    """Reads a number: digits, one decimal point or comma, spaces between thousands.

    The result is an `int` for a whole-number feature, otherwise a `float`.
    """
    low, high = feature.minimum, feature.maximum
    example = feature.typical if feature.typical is not None else low
    integer = feature.integer

    def read(raw: object) -> Value:
        kind = raw.__class__
        if kind is str:
            text = raw.strip()  # type: ignore[attr-defined]
            if not text:
                return None
            number = _parse(text)
        elif kind is int or kind is float:
            number = raw
        elif raw is None:
            return None
        else:
            # numpy's numbers are as good as Python's; True is not a number.
            number = _unwrap(raw)
        if integer:
            if number.__class__ is float:
                if not math.isfinite(number):
                    raise InvalidValueError(
                        Problem("not_a_number", {"given": shown(raw), "example": example})
                    )
                if number != int(number):
                    raise InvalidValueError(Problem("not_whole", {"given": shown(raw)}))
                number = int(number)
        else:
            try:
                number = float(number)
            except OverflowError:
                number = math.inf
            if not math.isfinite(number):
                raise InvalidValueError(
                    Problem("not_a_number", {"given": shown(raw), "example": example})
                )
        if low <= number <= high:
            return number + 0  # type: ignore[no-any-return]
        raise InvalidValueError(
            Problem("out_of_range", {"given": shown(raw), "minimum": low, "maximum": high})
        )

    def _parse(text: str) -> float | int:
        if _PLAIN.match(text):
            if "," in text and _GROUPED.match(text):
                if not integer:
                    raise InvalidValueError(Problem("ambiguous_number", {"given": shown(text)}))
                return int(text.replace(",", ""))
            text = text.replace(",", ".")
        elif _GROUPED.match(text):
            text = text.replace(",", "")
        elif _GROUPED_BY_SPACE.match(text):
            text = _SPACES.sub("", text).replace(",", ".")
        else:
            raise InvalidValueError(
                Problem("not_a_number", {"given": shown(text), "example": example})
            )
        return float(text) if "." in text else int(text)

    def _unwrap(raw: object) -> float | int:
        if not isinstance(raw, bool) and hasattr(raw, "item"):
            value = raw.item()
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return value
        raise InvalidValueError(Problem("not_a_number", {"given": shown(raw), "example": example}))

    return read


def choice_reader(feature: Feature) -> Reader:
    """Reads a choice or a step of a scale: the data's own word, or any of its words."""
    exact: dict[str, Value] = {}
    folded: dict[str, Value] = {}
    for choice in feature.choices:
        exact[str(choice.value)] = choice.value
        for word in (str(choice.value), *choice.label.values(), *choice.aliases):
            folded.setdefault(fold(word), choice.value)
    folded.pop("", None)
    names: tuple[Words, ...] = tuple(choice.label for choice in feature.choices)

    def read(raw: object) -> Value:
        if raw is None:
            return None
        if raw.__class__ is str:
            text: str = raw  # type: ignore[assignment]
            if text in exact:
                return exact[text]
            if not text.strip():
                return None
        else:
            text = _as_word(raw)
            if text in exact:
                return exact[text]
        key = fold(text) if len(text) <= 200 else ""
        if key in folded:
            return folded[key]
        raise InvalidValueError(Problem("not_a_choice", {"given": shown(raw), "choices": names}))

    return read


def _as_word(raw: object) -> str:
    """A JSON or spreadsheet value as the word it would be in a file: 4.0 → "4", True → "true"."""
    if hasattr(raw, "item"):
        raw = raw.item()
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    if isinstance(raw, (int, float)):
        return shown(raw)
    return ""


def read_identifier(raw: object) -> str:
    """The employee's reference: text of at most 64 printable characters, `""` for a blank.

    Raises `InvalidValueError`.
    """
    if raw is None:
        return ""
    if hasattr(raw, "item"):
        raw = raw.item()
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)  # spreadsheets keep every number as a float
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = str(raw) if abs(raw) < 10**IDENTIFIER_LENGTH else "9" * (IDENTIFIER_LENGTH + 1)
    if not isinstance(raw, str):
        raise InvalidValueError(Problem("not_text"))
    text = raw.strip()
    if len(text) > IDENTIFIER_LENGTH:
        raise InvalidValueError(
            Problem("too_long", {"maximum": IDENTIFIER_LENGTH, "length": len(text)})
        )
    if any(unicodedata.category(character) in _UNPRINTABLE for character in text):
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
