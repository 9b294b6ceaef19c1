"""Which column says who left, and which others give it away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mlcore.engine.drafting import header_words
from mlcore.engine.drafting.answer_words import (
    LEFT,
    STAYED,
    UNKNOWN,
    UNKNOWN_NUMBERS,
    YES,
    yes_or_no,
)
from mlcore.engine.drafting.column_profiles import Key, Profile, as_word
from mlcore.engine.drafting.header_words import phrase
from mlcore.engine.values import fold
from mlcore.engine.words import Words

PERFECT = 0.98
"""ROC AUC of one column alone from which it is too good to be true. The best single column of the
public IBM file reaches 0.69."""
FEWEST = 10
"""Leavers, and stayers, from which figures mean anything."""

_TELLING = 0.5  # of the leavers, when an answer is given by leavers alone
_ALONE = 0.98  # of those who give such an answer
_HARDLY_BLANK = 0.05  # of the rows
_MOST_ANSWERS = 60  # different numbers that are judged one by one
_BINS = 50  # of the others


@dataclass(frozen=True, slots=True)
class Answers:
    """A column that could say who left."""

    header: str
    score: int
    """How much speaks for it; 0 for nothing but its two answers."""
    leaver: str
    """The value that seems to mean leaving; empty if none does."""
    values: tuple[str, ...]
    """Its answers as the file writes them, at most ten."""


def answers_of(column: Profile) -> dict[str, tuple[str, int]]:
    """A column's answers as training compares them: folded, each with a word and its rows.

    Words such as `N/A` are no answer.
    """
    answers: dict[str, tuple[str, int]] = {}
    for text, rows in column.common:
        if text.casefold() not in UNKNOWN and (key := fold(text)):
            word, before = answers.get(key, (text, 0))
            answers[key] = (word, before + rows)
    return answers


def could_say_who_left(column: Profile) -> Answers | None:
    """What speaks for a column as the answer; None if it has not two of them."""
    if column.foreign or column.distinct > 50 or len(answers := answers_of(column)) != 2:
        return None
    values = tuple(word for word, _ in answers.values())
    leaver = leaver_of(column.header, values)
    header = phrase(column.header)
    told = any(fold(value) in LEFT | STAYED for value in values)
    about = bool(header_words.ABOUT_LEAVING.search(header))
    score = 0
    if header_words.PROTECTED.search(header) and not told:
        score = 0
    elif header_words.SURE_TARGET.search(header) and not about:
        score = 6 if leaver else 4
    elif header_words.STATUS.search(header) and told:
        score = 5
    elif header_words.STAYER.search(header) and leaver and not about:
        score = 4
    elif _named(header):
        score = 3 if leaver else 2
    elif told and leaver and _pair(values):
        score = 2
    return Answers(column.header, score, leaver, values)


SURE = 5
"""The score from which a column says who left, and nothing else."""
LIKELY = 3
"""The score from which it may well."""


def divides_alike(first: Profile, second: Profile) -> bool:
    """Whether two columns of two answers each divide the employees in the same way."""
    sides = [
        {
            key: fold(word)
            for key in column.counts
            if (word := as_word(key)).casefold() not in UNKNOWN
        }
        for column in (first, second)
    ]
    pairs = {
        (sides[0].get(one, ""), sides[1].get(other, ""))
        for one, other in zip(first.cells, second.cells, strict=True)
    }
    known = [pair for pair in pairs if all(pair)]
    return len({one for one, _ in known}) == len({other for _, other in known}) == len(known) == 2


def speaks_of_leaving(header: str) -> bool:
    """Whether a header names the answer, whatever its column holds."""
    words = phrase(header)
    return _named(words) or bool(header_words.STATUS.search(words))


# What makes of left a side, and of present a finding.
_OPPOSITES = {"right", "absent", "absente"}


def leaver_of(header: str, values: Sequence[str]) -> str:
    """The value of two that means leaving; empty if neither clearly does."""
    words = phrase(header)
    left = [value for value in values if fold(value) in LEFT]
    stayed = [value for value in values if fold(value) in STAYED]
    if {fold(value) for value in values} & _OPPOSITES:
        return ""
    if len(left) == 1 and len(values) == 2:
        return left[0]
    if len(stayed) == 1 and len(values) == 2 and not left:
        return next(value for value in values if value != stayed[0])
    meanings = {yes_or_no(value) is YES: value for value in values if yes_or_no(value)}
    if len(meanings) < 2:
        return ""
    return meanings[not (header_words.STAYER.search(words) and not _named(words))]


def _named(words: str) -> bool:
    return bool(header_words.TARGET.search(words)) and not header_words.ABOUT_LEAVING.search(words)


def _pair(values: Sequence[str]) -> bool:
    """Whether one of two answers means leaving, and the other staying."""
    first, second = (fold(value) for value in values)
    return (first in LEFT and second in STAYED) or (first in STAYED and second in LEFT)


# ---------------------------------------------------------------- leaks


@dataclass(frozen=True, slots=True)
class Leavers:
    """Who left, by row."""

    places: tuple[int, ...]
    """Rows of leavers."""
    known: tuple[int, ...]
    """Rows with an answer."""

    @property
    def enough(self) -> bool:
        """Whether there are enough of both to say what goes with leaving."""
        return len(self.places) >= FEWEST and len(self.known) - len(self.places) >= FEWEST


def leavers(column: Profile, leaver: str) -> Leavers:
    """Who left, by the column that says so and the value that means it."""
    means = {
        key: fold(word) for key in column.counts if (word := as_word(key)).casefold() not in UNKNOWN
    }
    wanted = fold(leaver)
    folded = [means.get(cell, "") for cell in column.cells]
    return Leavers(
        tuple(place for place, answer in enumerate(folded) if answer == wanted),
        tuple(place for place, answer in enumerate(folded) if answer),
    )


def leak_by_name(header: str) -> bool:
    """Whether a header speaks of what is known only once somebody left."""
    words = phrase(header)
    return bool(header_words.AFTERWARDS.search(words)) and not bool(
        header_words.NOT_AFTERWARDS.search(words)
    )


def notice_given(column: Profile) -> bool:
    """Whether a column holds the notice that some employees gave, not the one in each contract."""
    if not header_words.NOTICE.search(phrase(column.header)):
        return False
    unknown = sum(rows for text, rows in column.words.items() if text.casefold() in UNKNOWN)
    return column.blanks + unknown > _HARDLY_BLANK * column.rows


def leak_by_content(column: Profile, left: Leavers) -> Words | None:
    """Why a column gives away who left; None if it does not, or too few rows tell."""
    if not left.enough:
        return None
    cells = column.cells
    everyone = Counter(cells if len(left.known) == len(cells) else [cells[p] for p in left.known])
    gone = Counter([cells[place] for place in left.places])
    numbers = column.numbers
    blanks = UNKNOWN if numbers is None else UNKNOWN_NUMBERS
    everyone, gone = _blanks_together(everyone, blanks), _blanks_together(gone, blanks)
    if (count := everyone.get("", 0)) and count < len(left.known):
        filled, filled_gone = len(left.known) - count, len(left.places) - gone.get("", 0)
        if filled >= FEWEST and _alone(filled, filled_gone, len(left.places)):
            return _FILLED
        if count >= FEWEST and _alone(count, gone.get("", 0), len(left.places)):
            return _BLANK
    if numbers is not None and len(numbers.values) > 2:
        ranked = _by_size(numbers.values, everyone, gone)
        blank = [(everyone[""], gone.get("", 0))] if everyone.get("") else []
        if any(
            max(auc, 1 - auc) >= PERFECT
            for auc in (_auc([*blank, *ranked]), _auc([*ranked, *blank]))
        ):
            return _PREDICTS
        if len(ranked) > _MOST_ANSWERS:
            # Leavers, or stayers, may lie in the middle.
            groups = [*_binned(ranked, max(FEWEST, len(left.known) // _BINS)), *blank]
            groups.sort(key=lambda group: group[1] / group[0])
            return _PREDICTS if _auc(groups) >= PERFECT else None
    for key, rows in everyone.items():
        if rows >= FEWEST and _alone(rows, gone.get(key, 0), len(left.places)):
            return {
                language: text.format(answer=as_word(key)[:60])
                for language, text in _ANSWER.items()
            }
    # Answers by their share of leavers; those of few rows are taken together, for chance makes
    # any of them look telling.
    rare = [key for key, rows in everyone.items() if rows < FEWEST]
    groups = [(rows, gone.get(key, 0)) for key, rows in everyone.items() if rows >= FEWEST]
    if rare:
        groups.append((sum(everyone[key] for key in rare), sum(gone.get(k, 0) for k in rare)))
    groups.sort(key=lambda group: group[1] / group[0])
    return _PREDICTS if _auc(groups) >= PERFECT else None


def _by_size(
    values: Mapping[Key, float], everyone: Counter[Key], gone: Counter[Key]
) -> list[tuple[int, int]]:
    """Rows and leavers of each number, by rising number; however it is written."""
    groups: dict[float, tuple[int, int]] = {}
    for key, value in values.items():
        if rows := everyone.get(key):
            before = groups.get(value, (0, 0))
            groups[value] = (before[0] + rows, before[1] + gone.get(key, 0))
    return [groups[value] for value in sorted(groups)]


def _binned(ranked: Sequence[tuple[int, int]], fewest: int) -> list[tuple[int, int]]:
    """Neighbours taken together until each group has `fewest` rows."""
    bins: list[tuple[int, int]] = []
    rows = gone = 0
    for some, left in ranked:
        rows, gone = rows + some, gone + left
        if rows >= fewest:
            bins.append((rows, gone))
            rows = gone = 0
    return [*bins, (rows, gone)] if rows else bins


def _blanks_together(counts: Counter[Key], words: Collection[str]) -> Counter[Key]:
    blank = [
        key
        for key in counts
        if key and isinstance(key, str) and (not (text := key.strip()) or text.casefold() in words)
    ]
    for key in blank:
        counts[""] += counts.pop(key)
    return counts


def _alone(rows: int, gone: int, leavers: int) -> bool:
    """Whether an answer is given by leavers alone, and by many of them."""
    return gone >= _ALONE * rows and gone >= _TELLING * leavers


def _auc(groups: Sequence[tuple[int, int]]) -> float:
    """Area under the ROC curve of ranked groups of (rows, leavers)."""
    total = sum(rows for rows, _ in groups)
    left = sum(gone for _, gone in groups)
    if left < FEWEST or total - left < FEWEST:
        return 0.5
    below, area = 0, 0.0
    for rows, gone in groups:
        stayed = rows - gone
        area += gone * (below + 0.5 * stayed)
        below += stayed
    return area / (left * (total - left))


_FILLED: Words = {
    "en": "It is filled in for those who left, and for hardly anyone else.",
    "fr": "Elle n’est renseignée que pour les personnes parties, ou presque.",
}
_BLANK: Words = {
    "en": "It is blank for those who left, and for hardly anyone else.",
    "fr": "Elle n’est vide que pour les personnes parties, ou presque.",
}
_PREDICTS: Words = {
    "en": "By itself it tells almost perfectly who left: too good to have been known before.",
    "fr": "À elle seule, elle dit presque parfaitement qui est parti : c’est trop pour avoir été"
    " connu avant le départ.",
}
_ANSWER: Words = {
    "en": "“{answer}” is an answer of people who left, and of hardly anyone else.",
    "fr": "« {answer} » est une réponse de personnes parties, et de presque personne d’autre.",
}
ANOTHER_ANSWER: Words = {
    "en": "It says who left, as the chosen column does.",
    "fr": "Elle dit qui est parti, comme la colonne choisie.",
}
BY_NAME: Words = {
    "en": "Its name speaks of leaving itself: it is known only afterwards.",
    "fr": "Son nom parle du départ lui-même : elle n’est connue qu’après coup.",
}
