"""What the words in the cells of HR files mean: yes and no, steps with an order, nothing known.

English and French, folded as `values.fold` folds them.
"""

from __future__ import annotations

import re

from mlcore.engine.values import fold
from mlcore.engine.words import Words

YES: Words = {"en": "Yes", "fr": "Oui"}
NO: Words = {"en": "No", "fr": "Non"}

_YES = frozenset(
    {
        "yes", "y", "oui", "o", "true", "vrai", "t", "v", "1", "si", "sí", "ja", "sim", "da",
        "x", "ok",
    }
)  # fmt: skip
_NO = frozenset(
    {
        "no", "n", "non", "false", "faux", "f", "0", "nein", "nao", "nej", "nee", "net", "ko",
    }
)  # fmt: skip


def yes_or_no(word: str) -> Words | None:
    """The label of a word that means yes or no in any of several languages."""
    key = fold(word)
    return YES if key in _YES else NO if key in _NO else None


YES_ALIASES = ("true", "vrai", "y", "o", "1")
NO_ALIASES = ("false", "faux", "n", "0")

_LEFT = (
    "left", "leaver", "parti", "partie", "parti(e)", "sorti", "sortie", "sorti(e)", "terminated",
    "resigned", "quit", "inactive", "exited", "démission", "démissionné", "démissionnaire", "ex",
    "gone", "departed", "churned", "former", "ancien", "ancien salarié", "inactif", "leaving",
    "voluntary resignation", "voluntarily terminated", "attrited", "a quitté", "hors effectif",
    "departure", "départ", "exit", "not active", "non actif",
)  # fmt: skip
LEFT = frozenset(map(fold, _LEFT))
"""Answers that mean that somebody left."""
_STAYED = (
    "stayed", "stay", "stayer", "active", "actif", "active employee", "current", "employed",
    "present", "présente", "présent(e)", "en poste", "en activité", "retained", "hired",
    "working", "resté", "restée", "reste", "existing", "in post", "dans l’effectif",
    "en effectif", "at work", "staying", "remained",
)  # fmt: skip
STAYED = frozenset(map(fold, _STAYED))
"""Answers that mean that somebody is still there."""

UNKNOWN = frozenset(
    {
        "#div/0!", "#n/a", "#n/d", "#na", "#ref!", "#valeur!", "#value!", "(blank)", "(null)",
        "-", "--", "---", ".", "..", "...", "<na>", "?", "??", "inconnu", "inconnue",
        "manquant", "missing", "n.a", "n.a.", "n.c.", "n.d.", "n/a", "n/r", "na", "nan", "nil",
        "non applicable", "non connu", "non précisé", "non renseigne", "non renseigné",
        "not applicable", "not available", "not known", "null", "s/o", "sans objet", "tbd",
        "undefined", "unknown", "unspecified", "vide", "–", "—",
    }
)  # fmt: skip
"""Case-folded: what people and programs write where nothing is known."""
UNKNOWN_NUMBERS = UNKNOWN | {"nc", "nd", "nr", "none", "aucun", "aucune", "error", "erreur"}
"""The same among numbers, where NC is neither North Carolina nor a non-cadre."""

_LADDERS = """
very low;très faible|low;faible|medium;moyen|high;élevé|very high;très élevé
très bas|bas|moyenne|haut|très haut
very low|low|average|high|very high
low|moderate|high
faible|modéré|élevé|très élevé
faible|moyenne|élevée|très élevée
small;petit|medium;moyen|large;grand
very bad;très mauvais|bad;mauvais|fair;passable|good;bon|very good;très bon|excellent;excellent
bad;mauvais|good;bon|better;meilleur|best;excellent
poor;insuffisant|fair;passable|average;moyen|good;bon|very good;très bon|excellent;excellent|\
outstanding;exceptionnel
low;insuffisante|good;bonne|excellent;excellente|outstanding;exceptionnelle
insuffisant|à améliorer|satisfaisant|très satisfaisant|exceptionnel
needs improvement;à améliorer|meets expectations;conforme aux attentes|exceeds expectations;\
supérieur aux attentes
pip;plan d’amélioration|needs improvement;à améliorer|fully meets;conforme aux attentes|exceeds;\
supérieur aux attentes
very dissatisfied;très insatisfait|dissatisfied;insatisfait|neutral;neutre|satisfied;satisfait|\
very satisfied;très satisfait
très insatisfait|insatisfait|neutre|satisfait|très satisfait
pas du tout satisfait|peu satisfait|plutôt satisfait|satisfait|très satisfait
strongly disagree;pas du tout d’accord|disagree;pas d’accord|neutral;neutre|agree;d’accord|\
strongly agree;tout à fait d’accord
pas du tout d’accord|plutôt pas d’accord|ni d’accord ni pas d’accord|plutôt d’accord|\
tout à fait d’accord
never;jamais|rarely;rarement|sometimes;parfois|often;souvent|always;toujours
below college;inférieur au baccalauréat|high school;baccalauréat|college;premier cycle|bachelor;\
licence|master;master|doctor;doctorat
below secondary;inférieur au secondaire|secondary;secondaire|bachelor;licence|master;master|phd;\
doctorat
sans diplôme|cap/bep|bac|bac+2|bac+3|bac+5|doctorat
sans diplôme|cap|bep|bac|bts|licence|master|doctorat
junior;débutant|intermediate;confirmé|senior;senior
junior|confirmé|senior|expert
""".strip()

Ladder = dict[str, tuple[int, str, str]]
"""By folded word: its place from the lowest, and its label in English and in French."""


def _ladder(line: str) -> Ladder:
    steps: Ladder = {}
    for place, step in enumerate(line.split("|")):
        english, _, french = step.partition(";")
        for text in filter(None, (english, french)):
            steps.setdefault(
                _step_key(text), (place, _capital(english), _capital(french or english))
            )
    return steps


def _step_key(word: str) -> str:
    # A plus counts: Bac+2 and Bac 2 are one, Bac and Bac+ are not asked about.
    return fold(word)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


LADDERS: tuple[Ladder, ...] = tuple(_ladder(line) for line in _LADDERS.splitlines())


def ladder_of(words: list[str]) -> Ladder | None:
    """The ladder on which every one of two or more words is a step of its own, if there is one."""
    keys = [_step_key(word) for word in words]
    for ladder in LADDERS:
        if len(keys) > 1 and all(key in ladder for key in keys):
            places = {ladder[key][0] for key in keys}
            if len(places) == len(keys):
                return ladder
    return None


MARKS: tuple[tuple[Words, tuple[str, ...]], ...] = (
    ({"en": "%", "fr": "%"}, ("%",)),
    ({"en": "€", "fr": "€"}, ("€", "EUR", "euro", "euros")),
    ({"en": "$", "fr": "$"}, ("$", "USD", "US$", "dollars")),
    ({"en": "£", "fr": "£"}, ("£", "GBP")),
    ({"en": "CHF", "fr": "CHF"}, ("CHF", "Fr.")),
    ({"en": "CAD", "fr": "CAD"}, ("CAD", "CA$", "$CA", "C$")),
    ({"en": "¥", "fr": "¥"}, ("¥", "JPY", "円")),
    ({"en": "km", "fr": "km"}, ("km", "kms")),
    ({"en": "mile|miles", "fr": "mile|miles"}, ("miles", "mile", "mi")),
    (
        {"en": "year|years", "fr": "an|ans"},
        ("years", "year", "yrs", "yr", "ans", "an", "années", "année"),
    ),
    ({"en": "month|months", "fr": "mois"}, ("months", "month", "mois")),
    ({"en": "day|days", "fr": "jour|jours"}, ("days", "day", "jours", "jour", "j")),
    ({"en": "hour|hours", "fr": "heure|heures"}, ("hours", "hour", "hrs", "h", "heures", "heure")),
    ({"en": "min", "fr": "min"}, ("min", "minutes", "mn")),
    ({"en": "point|points", "fr": "point|points"}, ("points", "point", "pts", "pt")),
)  # fmt: skip
"""What may stand beside a number, by what it means: the unit, and the ways to write it."""
MONEY = range(1, 7)
"""Which of `MARKS` are currencies."""

_MONTHS = (
    "jan(?:v(?:ier)?|uary)?|f[eé]v(?:r(?:ier)?)?|feb(?:ruary)?|mars?|march|avr(?:il)?|apr(?:il)?|mai"
    "|may|juin|june?|juil(?:let)?|july?|ao[uû]t|aug(?:ust)?|sept?(?:embre|ember)?"
    "|oct(?:obre|ober)?|nov(?:embre|ember)?|d[eé]c(?:embre|ember)?"
)
_DATES = (
    r"\d{4}-\d{1,2}-\d{1,2}(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?",
    r"\d{4}/\d{1,2}/\d{1,2}",
    r"\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})(?: \d{1,2}:\d{2}(?::\d{2})?)?",
    r"\d{1,2}[ -][^\W\d_]{3,9}\.?[ -](?:\d{4}|\d{2})",
    r"[^\W\d_]{3,9} \d{1,2}, \d{4}",
    r"\d{1,2}:\d{2}(?::\d{2})?",
    r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])",
    r"(?:0?[1-9]|1[0-2])[/-](?:19|20)\d{2}",
    r"(?:19|20)\d{2}[/-](?:0[1-9]|1[0-2])",
    rf"(?i:{_MONTHS})\.?[ -](?:19|20)\d{{2}}",
)
DATE = re.compile("|".join(f"(?:{date})" for date in _DATES))
"""A date, a month or a time, as it is written in files; to be matched whole."""

_UNIT = (
    r"(?:ans?|ann[eé]es?|years?|yrs?|mois|months?|jours?|days?|semaines?|weeks?|h|heures?|hours?)"
)
_SECOND = rf"\s*(?:et|and|,)?\s*\d+\s*(?:{_UNIT}|m|min|mn|j|d)?"
DURATION = re.compile(rf"\d+\s*(?P<unit>{_UNIT})(?:{_SECOND})?", re.IGNORECASE)
TWO_UNITS = re.compile(rf"\d+\s*{_UNIT}{_SECOND}", re.IGNORECASE)
"""`3 ans 4 mois`, `2 years, 1 month`, `35h15`; the first also of one unit alone."""
