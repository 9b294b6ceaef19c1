"""What a header says besides its subject: over which period, in which unit, of when, of whom.

`Salaire (annuel)` is as like `Salaire mensuel` as a header can be, and twelve times as much.
"""

from __future__ import annotations

from collections.abc import Iterable

from mlcore.engine.drafting.header_words import phrase

Qualifiers = frozenset[tuple[str, str]]
"""Kinds, and what is said of each: `("period", "month")`."""

_WORDS = """
period hour: h hour hours hourly hr hrs heure heures horaire horaires
period day: day days daily jour jours journalier journaliere tjm
period week: week weeks weekly semaine semaines hebdo hebdomadaire
period month: month months monthly mois mens mensuel mensuelle mensuels mensuelles
period quarter: quarter quarters quarterly trimestre trimestres trimestriel trimestrielle
period year: year years yr yrs yearly annual annually annuel annuelle an ans annee annees
unit kilometres: km kms kilometre kilometres kilometer kilometers
unit miles: mile miles
unit minutes: min mins minute minutes
scale thousands: k keur keuros kusd kgbp kchf milliers thousand thousands
time now: current currently curr cur actuel actuelle actuels actuelles
time before: previous previously prior former precedent precedente precedents precedentes
time before: ancien ancienne anciens anciennes anterieur anterieure
person superior: manager managers mgr supervisor superviseur superieur superieure responsable
person superior: chef boss
person family: spouse partner conjoint conjointe child children enfant enfants
"""
_SAID = {
    word: (kind, what)
    for heading, _, words in (line.partition(":") for line in _WORDS.strip().splitlines())
    for kind, what in [heading.split()]
    for word in words.split()
}
_OTHER = {"miles", "minutes", "thousands", "before", "superior", "family"}
"""What no field means unless it says so."""


def said(texts: Iterable[str]) -> Qualifiers:
    """What headers, names or units say, all together."""
    found = set()
    for text in texts:
        words = phrase(text)
        found |= {_SAID[word] for word in words.split() if word in _SAID}
        if " n 1 " in words:  # N+1, the superior; and N-1, the year before, is another thing too
            found.add(("person", "superior"))
    return frozenset(found)


def contradicts(header: Qualifiers, field: Qualifiers) -> bool:
    """Whether a header speaks of another period, unit, time or person than a field does."""
    for kind in {kind for kind, _ in header}:
        ours = {what for one, what in header if one == kind}
        theirs = {what for one, what in field if one == kind}
        if (theirs and ours.isdisjoint(theirs)) or (ours - theirs) & _OTHER:
            return True
    return False
