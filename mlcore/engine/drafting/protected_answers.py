"""Answers that tell what the law protects, whatever the column is called: titles, ages."""

from __future__ import annotations

import re

from mlcore.engine.drafting.answer_words import UNKNOWN
from mlcore.engine.drafting.column_profiles import Profile
from mlcore.engine.drafting.header_words import AGE_BANDS, phrase
from mlcore.engine.values import fold

_OF_MEN = frozenset(
    {
        "m", "mr", "mister", "monsieur", "h", "homme", "hommes", "male", "man", "men", "masculin",
        "masculine", "boy", "garcon", "sir",
    }
)  # fmt: skip
_OF_WOMEN = frozenset(
    {
        "mme", "mlle", "mrs", "ms", "miss", "madame", "mademoiselle", "f", "w", "femme", "femmes",
        "female", "woman", "women", "feminin", "feminine", "girl", "fille", "melle",
    }
)  # fmt: skip
_OF_ANYONE = frozenset(
    {
        "x", "mx", "dr", "docteur", "pr", "prof", "professeur", "professor", "autre", "other",
        "nonbinary", "nonbinaire", "divers", "diverse", "prefernottosay", "neutre",
    }
)  # fmt: skip

_BAND = re.compile(
    r"(?:<|>|<=|>=|≤|≥|under|over|moins de|plus de|below|above|less than|more than)?\s*"
    r"(?P<low>[0-9]{1,3})(?:\s*(?:-|–|à|a|to|/|et)\s*(?P<high>[0-9]{1,3}))?\s*"
    r"(?:ans|years|years old|ans et plus|and over|et plus|\+)?"
)
_YOUNGEST, _OLDEST = 14, 99  # years of age at work


def tells_protected(column: Profile) -> bool:
    """Whether a column's answers are titles or sexes, or ages in bands."""
    if column.foreign or not 2 <= len(column.words) <= 20:
        return False
    texts = [text for text in column.words if text.casefold() not in UNKNOWN]
    answers = {fold(text) for text in texts}
    if answers & _OF_MEN and answers & _OF_WOMEN and answers <= _OF_MEN | _OF_WOMEN | _OF_ANYONE:
        return True
    return bool(AGE_BANDS.fullmatch(phrase(column.header))) and _are_ages(texts)


def _are_ages(texts: list[str]) -> bool:
    bounds: list[int] = []
    for text in texts:
        if not (found := _BAND.fullmatch(text.casefold())):
            return False
        bounds += [int(bound) for bound in found.groups() if bound]
    return all(_YOUNGEST <= bound <= _OLDEST for bound in bounds)
