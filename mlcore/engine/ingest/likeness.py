"""How alike a header and the names of a field are: in words, in French and English, abbreviated."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache

from mlcore.engine.drafting.common_headers import TERMS
from mlcore.engine.drafting.header_words import phrase
from mlcore.engine.ingest.qualifiers import contradicts, said
from mlcore.engine.schema import EMPLOYEE_ID, FeatureSchema
from mlcore.engine.values import fold

_ALIKE = """
salary salaire income pay wage wages remuneration compensation earnings sal remun
monthly month mensuel mensuelle mois mens
annual yearly annuel annuelle
year years yr yrs annee annees an ans
seniority tenure anciennete
department dept dep departement service
number num nb nbr nombre no n numero qty
job poste emploi metier occupation position
role fonction function
level niveau lvl niv
satisfaction satisf sat
environment environnement env
relationship relationships relation relations relationnel relationnelle rel
distance dist
commute commuting trajet
home domicile house residence
work travail wk
travel travels deplacement deplacements trip trips
business professionnel professionnels professionnelle pro prof
overtime supplementaires sup supp
hours heures heure hrs hour
training trainings formation formations
last dernier derniere dernieres derniers
promotion promotions promo
manager mgr responsable superieur supervisor
current curr actuel actuelle cur
company entreprise societe firm
companies entreprises societes employers employeurs
worked previous precedentes precedents prior
total tot totale
education etudes diplome studies educ
field domaine filiere
balance equilibre
life vie
private privee personnelle perso
involvement implication engagement
performance perf
rating note evaluation eval score appraisal
stock stocks
option options
raise hike augmentation increase rise
percent percentage pct pourcentage %
age
gender sex sexe genre
marital matrimoniale familiale family
status situation sit statut
employee employe employee salarie collaborateur staff emp
identifier id identifiant matricule ref reference
experience exp
with avec
since depuis
"""
_ROOT = {word: line.split()[0] for line in _ALIKE.strip().splitlines() for word in line.split()}
_NOTHING = """
a an at by d de des du en et for from in l la le les of on or par pour sur the to un une with avec
is envers egard ecoule ecoules
"""
_EMPTY = frozenset(_NOTHING.split())
_GENERAL = {
    "number": 0.3,
    "year": 0.5,
    "work": 0.6,
    "job": 0.7,
    "employee": 0.5,
    "last": 0.5,
    "current": 0.7,
    "total": 0.5,
    "percent": 0.5,
    "status": 0.5,
    "business": 0.7,
}
"""Words that many headers share tell less."""

_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_CLOSE = 0.84  # of two words' letters, from which on they may be one word written twice
_LONGEST = 12  # words of a header that are compared


class Vocabulary:
    """The words by which each field of a schema is called."""

    def __init__(self, schema: FeatureSchema) -> None:
        self._names: dict[str, list[tuple[str, ...]]] = {
            EMPLOYEE_ID: _all(("Employee ID", *schema.identifier_aliases))
        }
        self._said = {EMPLOYEE_ID: said(("Employee ID", *schema.identifier_aliases))}
        for feature in schema.everything:
            names = [feature.name, feature.column, *feature.label.values(), *feature.aliases]
            known = [TERMS[key] for name in names if (key := fold(name)) in TERMS]
            self._names[feature.name] = _all(
                (*names, *(text for term in known for text in term.values()))
            )
            self._said[feature.name] = said((*names, *feature.unit.values()))

    def likenesses(self, header: str) -> dict[str, float]:
        """By field, how alike the header and its names are, from 0 to 1; fields that it contradicts
        are left out."""
        told = said((header,))
        bare = _ASIDE.sub(" ", header)
        headers = _all((header, bare, *TERMS.get(fold(bare), {}).values()))
        return {
            field: max((_likeness(one, name) for one in headers for name in names), default=0.0)
            for field, names in self._names.items()
            if not contradicts(told, self._said[field])
        }


def _all(names: Iterable[str]) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(filter(None, map(_words, names))))


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    """The words of a name that tell something, each as the first of those that mean the same."""
    words = [word for word in phrase(name).split() if word not in _EMPTY]
    return tuple(dict.fromkeys(_ROOT.get(word, word) for word in words))[:_LONGEST]


def _likeness(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """The share of the words, by weight, that one name has in common with another."""
    left = list(other)
    common = 0.0
    for word in one:
        best, match = 0.0, ""
        for candidate in left:
            if (alike := _word_likeness(word, candidate)) > best:
                best, match = alike, candidate
        if match:
            left.remove(match)
            common += best * (_weight(word) + _weight(match))
    # Years at a company are no company: a header that leaves out the years means something else.
    lacking = 0.5 if "year" in left else 0.0
    return common / (sum(map(_weight, one)) + sum(map(_weight, other)) + lacking)


def _weight(word: str) -> float:
    return 0.3 if word.isdigit() else _GENERAL.get(word, 1.0)


@lru_cache(maxsize=65536)
def _word_likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    short, long = sorted((one, other), key=len)
    if len(short) >= 3 and long.startswith(short):
        return 0.9  # an abbreviation
    if len(short) < 4 or short[0] != long[0]:
        return 0.0
    ratio = difflib.SequenceMatcher(None, short, long).ratio()
    return ratio if ratio >= _CLOSE else 0.0
