"""What people are compared by: under which name each column is kept, and which could not be.

Two files may call one thing differently: `Department` and `Département`, `Service` and `Dept`. They
are one comparison when they are kept under one name, which a person sees and may change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from django.utils.translation import gettext as _

from mlcore.engine.drafting.common_headers import TERMS
from mlcore.engine.drafting.header_words import phrase
from mlcore.engine.values import fold
from predictions.models import Batch
from predictions.models.batch import BatchState

NAME_LENGTH = 80  # characters
_LOOKED_AT = 200  # files, the newest first
_MOST_KNOWN = 30  # names

_AROUND = re.compile(
    r"^ (?:nom|libelle|intitule)(?: d(?:u|e la|e l|es|e)?)? | (?:name|label|libelle) $"
)
"""What stands beside the thing itself: `Nom du service`, `Department name`."""
# Words for one thing that training files seldom use as headers.
_SAME: Mapping[str, str] = {
    fold(word): fold(thing)
    for thing, words in {
        "Site": "établissement,lieu,lieu d’affectation,workplace,work place,work site,site name",
        "Department": "department,département,service d’affectation",
        "Country": "pays d’affectation,work country",
    }.items()
    for word in words.split(",")
}


def on_one_line(name: str) -> str:
    """A name as a field for one line holds it."""
    return " ".join(name.split())


def thing(header: str) -> str:
    """What a header stands for: the same for `Department`, `DÉPARTEMENT` and `Nom du service`."""
    bare = _AROUND.sub(" ", phrase(header)).strip()
    # Of a header in other letters than ours, no words are left.
    for word in (fold(bare), fold(bare.removesuffix("s")), fold(header)):
        if term := TERMS.get(word):
            return fold(term["en"])
        if word in _SAME:
            return _SAME[word]
    return fold(bare) or fold(header)


def known_names() -> list[str]:
    """Under which names earlier files were kept to compare people by, the newest first."""
    recorded = (BatchState.RUNNING, BatchState.DONE, BatchState.CANCELLED)
    files = Batch.objects.filter(state__in=recorded).exclude(grouped=[]).order_by("-pk")
    found = files.only("headers", "grouped", "group_names")[:_LOOKED_AT]
    names = dict.fromkeys(file.group_name(place) for file in found for place in file.grouped)
    return list(names)[:_MOST_KNOWN]


def proposed(headers: Sequence[str], places: Iterable[int], known: Sequence[str]) -> dict[int, str]:
    """By place, the name of each group: that of earlier files for the same thing, else its header.

    No two have one name: what is called exactly alike goes first.
    """
    places = list(places)
    by_thing: dict[str, str] = {}
    for name in known:
        by_thing.setdefault(thing(name), name)
    by_letters = {fold(name): name for name in reversed(known) if fold(name)}
    found: dict[int, str] = {place: name for place in places if (name := headers[place]) in known}
    for lookup, key in ((by_letters, fold), (by_thing, thing)):
        for place in places:
            name = lookup.get(key(headers[place]), "")
            if name and place not in found and name not in found.values():
                found[place] = name
    return {place: found.get(place, headers[place]) for place in places}


def renamed(batch: Batch) -> list[tuple[str, str]]:
    """Header and name of each group that is kept under another name than its header."""
    return [
        (batch.headers[place], name)
        for place in batch.grouped
        if (name := batch.group_name(place)) != batch.headers[place]
    ]


def kept(batch: Batch) -> list[str]:
    """The name of each group, with its header where that is another; in the active language."""
    headers = {name: header for header, name in renamed(batch)}
    words = _("{name} (in the file: {header})")
    return [
        words.format(name=name, header=headers[name]) if name in headers else name
        for name in map(batch.group_name, batch.grouped)
    ]


def dropped(batch: Batch) -> list[str]:
    """The headers of columns that were to be kept to compare groups, and have too many values."""
    return [batch.headers[place] for place in batch.cut.get("too_many", ())]
