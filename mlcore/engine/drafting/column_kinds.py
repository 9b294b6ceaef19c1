"""What kind of thing a column holds, and the feature that would be asked for it.

Every feature made here accepts each value of the column that it was made of: it is tried on all of
them before it is given out.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import pairwise

from mlcore.engine.drafting import answer_words, header_words
from mlcore.engine.drafting.answer_words import MARKS, MONEY, UNKNOWN, Ladder, ladder_of, yes_or_no
from mlcore.engine.drafting.column_profiles import Key, Numbers, Profile, blank_words
from mlcore.engine.drafting.draft import ColumnKind
from mlcore.engine.drafting.header_words import phrase
from mlcore.engine.features import Choice, Feature, Kind
from mlcore.engine.values import InvalidValueError, fold, read_identifier
from mlcore.engine.words import Words

MOST_ANSWERS = 60
"""A text of more different answers is free text."""
MOST_STEPS = 11
"""A scale from 0 to 10 is the longest that people use."""
LONGEST_ANSWER = 100  # characters
MOSTLY_BLANK = 0.95  # of the rows

_NEARLY_UNIQUE = 0.9  # of the filled rows
_FEW_ROWS = 20  # below, that all differ says little


def kind_of(column: Profile) -> ColumnKind:
    """What a column holds, by its values and its header."""
    if not column.filled or column.blanks > MOSTLY_BLANK * column.rows:
        return "blank"
    if column.distinct == 1 and not column.blanks:
        return "constant"
    header = phrase(column.header)
    if column.foreign or column.is_date or _serial_dates(column, header):
        return "date" if not column.foreign or _dates_by_cell(column) else "text"
    if column.is_duration and column.numbers is None:
        return "text"
    if names_a_person(column):
        return "identifier"
    if (numbers := column.numbers) is not None:
        return _number_kind(column, numbers, header)
    if not column.printable or max(map(len, column.words)) > LONGEST_ANSWER:
        return "text"
    answers = len(column.words)
    unique = answers >= _NEARLY_UNIQUE * column.filled
    if answers > MOST_ANSWERS or (column.filled >= _FEW_ROWS and answers > 0.5 * column.filled):
        named = unique or stands_for_another(column)
        return "identifier" if named and _codes(column) else "text"
    return "scale" if _ladder(column) else "choice"


def possible_kinds(column: Profile) -> tuple[Kind, ...]:
    """The kinds of input that a column could be, whatever seems best."""
    if column.foreign or not column.filled or (column.distinct == 1 and not column.blanks):
        return ()
    kinds: list[Kind] = []
    numbers = column.numbers
    if numbers is not None:
        kinds.append("number")
    if _steps(numbers) or (numbers is None and _ladder(column)):
        kinds.append("scale")
    if len(column.words) <= MOST_ANSWERS and column.printable:
        kinds.append("choice")
    return tuple(kinds)


def names_a_person(column: Profile) -> bool:
    """Whether a column holds references, names or addresses of people, one for each or nearly."""
    header = phrase(column.header)
    numbers = column.numbers
    many = column.distinct > 0.5 * column.filled
    if stands_for_another(column):
        return False
    if header_words.PERSONAL_ALWAYS.search(header):
        return True
    if header_words.PERSONAL.search(header) and (many or column.distinct > MOST_ANSWERS):
        return numbers is None or column.distinct > MOST_ANSWERS
    if numbers is not None and (not numbers.integer or numbers.mark is not None):
        return False
    if header_words.IDENTIFIER.search(header) and (
        many or (numbers is not None and column.distinct > MOST_ANSWERS)
    ):
        return True
    # An employee may stand in several rows, one for each year.
    if header_words.OWN_REFERENCE.search(header) and column.distinct > _FEW_ROWS:
        return True
    if numbers is None or column.filled < _FEW_ROWS or column.distinct < column.rows:
        return False
    # Whole numbers that all differ, rise down the file and lie close together count its rows;
    # salaries by which a file is sorted do not.
    values = list(numbers.values.values())
    return (
        not header_words.DURATION_OR_COUNT.search(header)
        and len(values) == column.rows
        and values[-1] - values[0] < 10 * len(values)
        and all(a < b for a, b in pairwise(values))
    )


def stands_for_another(column: Profile) -> bool:
    """Whether a column refers to a manager, a place or an account rather than to the employee."""
    header = phrase(column.header)
    if header_words.REFERENCE.search(header):
        return True
    return (
        column.distinct < column.filled
        and bool(header_words.CODE.search(header) or header_words.CATEGORY.fullmatch(header))
        and not header_words.OWN_REFERENCE.search(header)
        and not header_words.PERSONAL_ALWAYS.search(header)
        and not _bare_code(header)
    )


def _bare_code(header: str) -> bool:
    return header in (" id ", " code ", " reference ", " ref ")


def identifies(column: Profile) -> bool:
    """Whether every value can stand as the employee's reference."""
    if column.foreign or column.booleans or column.nans:
        return False
    try:
        for key in column.counts:
            read_identifier(key)
    except InvalidValueError:
        return False
    return True


def _number_kind(column: Profile, numbers: Numbers, header: str) -> ColumnKind:
    values = set(numbers.values.values())
    if not numbers.integer or numbers.mark is not None:
        return "number"
    if len(values) == 1:
        return "choice"  # The other answer is the blank.
    counted = header_words.DURATION_OR_COUNT.search(header)
    if values in ({0, 1}, {1, 2}) and not header_words.SCALE.search(header):
        return "number" if counted and values == {1, 2} else "choice"
    steps = _steps(numbers)
    names_something = header_words.CODE.search(header) or header_words.REFERENCE.search(header)
    if names_something or (header_words.CATEGORY.fullmatch(header) and not steps):
        return "choice" if len(values) <= MOST_ANSWERS else "identifier"
    named = header_words.SCALE.search(header)
    if steps and named and (not counted or "level" in header or "niveau" in header):
        return "scale"
    if counted:
        return "number"
    if steps and numbers.low == 1 and len(values) == numbers.high in (3, 4, 5, 7):
        return "scale"
    if header_words.CATEGORY.search(header) and len(values) <= MOST_ANSWERS and not steps:
        return "choice"
    return "number"


def _steps(numbers: Numbers | None) -> tuple[int, ...]:
    """The steps of a scale that holds these numbers: from 0 or 1 to the highest; or none."""
    if numbers is None or not numbers.integer or numbers.mark is not None:
        return ()
    low, high = int(numbers.low), int(numbers.high)
    if low < 0 or high >= MOST_STEPS or high < 2:
        return ()
    return tuple(range(min(low, 1), high + 1))


def _serial_dates(column: Profile, header: str) -> bool:
    """Days since 1900, as spreadsheets keep dates."""
    numbers = column.numbers
    if numbers is None or not header_words.DATE.search(header):
        return False
    return numbers.low >= 10_000 and numbers.high <= 80_000


def _dates_by_cell(column: Profile) -> bool:
    texts = [text for text in column.words if text.casefold() not in UNKNOWN]
    return bool(texts) and all(answer_words.DATE.fullmatch(text) for text in texts[:20])


def _codes(column: Profile) -> bool:
    """Whether texts are codes or addresses rather than sentences."""
    texts = list(column.words)[:200]
    return sum(1 for text in texts if " " not in text and len(text) <= 64) > 0.9 * len(texts)


def _ladder(column: Profile) -> Ladder | None:
    return ladder_of(_answers(column)) if len(column.words) <= 2 * MOST_STEPS else None


def _answers(column: Profile) -> list[str]:
    return [text for text in column.words if text.casefold() not in UNKNOWN]


# ---------------------------------------------------------------- features


def feature_of(column: Profile, kind: Kind, *, taken: Collection[str]) -> Feature | None:
    """The feature of a column as a `kind`; None if it cannot be one. `taken`: names in use."""
    feature = _MAKERS[kind](
        Feature(
            name=header_words.feature_name(column.header, taken),
            column=column.header,
            # A number until its maker says otherwise: choices are not known yet.
            kind="number",
            label=header_words.label(column.header),
            section=header_words.section(column.header),
            actionable=bool(
                header_words.ACTIONABLE.search(phrase(column.header))
                and not header_words.NOT_ACTIONABLE.search(phrase(column.header))
            ),
        ),
        column,
    )
    if feature is None:
        return None
    if feature.integer and _is_amount(column, kind):
        # Next month's file may have cents; but only if this one then reads as it did.
        with_cents = replace(feature, integer=False)
        feature = with_cents if accepts(with_cents, column) else feature
    return feature if accepts(feature, column) else None


def accepts(feature: Feature, column: Profile) -> bool:
    """Whether every cell of a column is a value, or a blank, to a feature."""
    read = feature.read
    numbers = column.numbers
    keys: Iterable[Key] = column.counts
    if (
        feature.kind == "number"
        and numbers is not None
        and numbers.mark is None
        and numbers.integer == feature.integer
        and feature.minimum <= numbers.low <= numbers.high <= feature.maximum
    ):
        # They have been read by a reader like this one, but for its limits.
        keys = column.counts.keys() - numbers.values.keys()
    try:
        for key in keys:
            read(key)
    except InvalidValueError:
        return False
    return not column.foreign


def _is_amount(column: Profile, kind: Kind) -> bool:
    """Whether whole numbers are amounts, which another file may give to the cent."""
    numbers = column.numbers
    if numbers is None or kind != "number":
        return False
    if numbers.mark is not None:
        return numbers.mark in MONEY
    header = phrase(column.header)
    return max(-numbers.low, numbers.high) > 1000 and not _in_years(numbers, header)


def _in_years(numbers: Numbers, header: str) -> bool:
    """Whether numbers are years of the calendar."""
    return (
        numbers.integer
        and numbers.low >= 1900
        and numbers.high <= 2100
        and bool(header_words.CALENDAR.search(header))
        and not header_words.NOT_CALENDAR.search(header)
    )


def _number(begun: Feature, column: Profile) -> Feature | None:
    numbers = column.numbers
    if numbers is None:
        return None
    header = phrase(column.header)
    percent = numbers.mark == 0 or (
        numbers.mark is None and bool(header_words.PERCENT.search(header)) and numbers.high > 1
    )
    unit: Words = {}
    marks: tuple[str, ...] = ()
    if numbers.mark is not None:
        unit, marks = MARKS[numbers.mark]
    elif percent:
        unit, marks = MARKS[0]
    low, high = _limits(numbers, header, percent=percent)
    return replace(
        begun,
        integer=numbers.integer,
        minimum=low,
        maximum=high,
        unit=unit,
        marks=marks,
        blank_words=numbers.blank_words,
    )


def _limits(numbers: Numbers, header: str, *, percent: bool) -> tuple[float, float]:
    """What to accept: all that was seen, and around it what is as plausible."""
    low, high = numbers.low, numbers.high
    if _in_years(numbers, header):
        return 1900, 2100
    if " age " in header and low >= 10 and high <= 100:
        return min(14, low), 100
    if percent and low >= 0 and high <= 100:
        return 0, 100
    if header_words.DURATION_OR_COUNT.search(header) and " years " in header and low >= 0:
        return 0, max(60, outward(high))
    return (-outward(2 * -low) if low < 0 else 0), outward(2 * high) if high > 0 else 0.0 + (
        1 if low >= 0 else 0
    )


def outward(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, … that is not below a positive `value`."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    for step in (1, 2, 5, 10, 20):
        if step * power >= value:
            limit = step * power
            return int(limit) if limit >= 1 else limit
    return value


def _scale(begun: Feature, column: Profile) -> Feature | None:
    if column.numbers is None:
        return _worded_scale(begun, column)
    steps = _steps(column.numbers)
    if not steps:
        return None
    return replace(
        begun,
        kind="scale",
        choices=tuple(
            Choice(value=step, label={"en": str(step), "fr": str(step)}) for step in steps
        ),
        blank_words=column.numbers.blank_words,
    )


def _worded_scale(begun: Feature, column: Profile) -> Feature | None:
    ladder = _ladder(column)
    if ladder is None:
        return None
    rungs = sorted((ladder[fold(text)][0], text) for text in _answers(column))
    choices = []
    for step, (_, text) in enumerate(rungs, start=1):
        _, english, french = ladder[fold(text)]
        choices.append(Choice(value=step, label={"en": english, "fr": french}, aliases=(text,)))
    return replace(
        begun,
        kind="scale",
        choices=tuple(choices),
        blank_words=blank_words(list(column.words)),
    )


def _choice(begun: Feature, column: Profile) -> Feature | None:
    texts = _answers(column)
    if not texts or not column.printable or len(column.words) > MOST_ANSWERS:
        return None
    together: dict[str, list[str]] = {}
    for text, _ in column.common:
        if text.casefold() not in UNKNOWN:
            # One answer, however it is spaced and whatever its case. Signs count: A+ is not A.
            together.setdefault(" ".join(text.replace("_", " ").casefold().split()), []).append(
                text
            )
    groups = sorted(together.values(), key=lambda group: _order(group[0]))
    means = [yes_or_no(group[0]) for group in groups]
    # 1 and 2 are not yes and something else: both answers mean yes or no, and not the same.
    binary = len(groups) == 2 and None not in means and means[0] != means[1]
    alone = len(groups) == 1 and groups[0][0].casefold() in {"x", "1", "oui", "yes"}
    protected = header_words.PROTECTED.search(phrase(column.header))
    choices = []
    for group, meaning in zip(groups, means, strict=True):
        value, *others = group
        label: Words = {"en": tidy(value), "fr": tidy(value)}
        aliases = list(others)
        if (binary or alone) and meaning and not (protected and value.isdigit()):
            label = meaning
            more = (
                answer_words.YES_ALIASES
                if meaning is answer_words.YES
                else (answer_words.NO_ALIASES)
            )
            aliases += [alias for alias in more if alias != value]
        choices.append(Choice(value=value, label=label, aliases=tuple(aliases)))
    return replace(
        begun, kind="choice", choices=tuple(choices), blank_words=blank_words(list(column.words))
    )


def _order(text: str) -> tuple[float, str]:
    """Numbers by size, then words by letter."""
    try:
        return float(text.replace(",", ".")), text
    except ValueError:
        return math.inf, text.casefold()


def tidy(text: str) -> str:
    """An answer as a person would write it: `"Travel_Rarely"` → `"Travel rarely"`."""
    if "_" not in text:
        return text
    words = text.replace("_", " ").split()
    return " ".join([*words[:1], *(w.lower() if w.istitle() else w for w in words[1:])]) or text


_MAKERS = {"number": _number, "scale": _scale, "choice": _choice}
