"""What a file's words mean where the model does not know them, as a person said.

A file says `Itinérant` where the model learned `Travel_Frequently`. No program guesses that
the two are one: a person says so, once, and files of the same columns are read alike from then on.
The one validation then sees the model's own word. What the file said is kept with each prediction
that a word was replaced for, and what was said of the words with the file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mlcore.engine.features import Feature
from mlcore.engine.ingest.marks import adapted
from mlcore.engine.ingest.matching import MOST_WORDS
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.values import InvalidValueError
from predictions.batches.cutting import Cut
from predictions.models import Batch, RefusedRow

Meanings = Mapping[str, Mapping[str, str]]
"""By field, what each of a file's words means: a choice's value as text, `""` for not known."""

MOST = MOST_WORDS
"""Words of one column that a person is asked about."""
LONGEST = 80  # characters; a longer text is no answer
_MOST_REFUSED = 5_000  # rows


def key(text: str) -> str:
    """What two spellings of one word have in common: capitals and spaces set aside."""
    return " ".join(text.split()).casefold()


def digest(text: str) -> str:
    """A word as part of a form field's name."""
    return hashlib.sha256(key(text).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def replaced(column: Sequence[str], meanings: Mapping[str, str] | None) -> Sequence[str]:
    """The cells of a column, the model's own word for each that a person told about."""
    if not meanings:
        return column
    known = {key(text): value for text, value in meanings.items()}
    swap = {cell: known[key(cell)] for cell in set(column) if key(cell) in known}
    return [swap.get(cell, cell) for cell in column] if swap else column


def said(column: Sequence[str], meanings: Mapping[str, str]) -> list[str | None]:
    """What each cell said that was replaced; None for the others."""
    known = {key(text) for text in meanings}
    texts = {cell: cell.strip() if key(cell) in known else None for cell in set(column)}
    return [texts[cell] for cell in column]


def unknown(
    batch: Batch,
    rows: Iterable[Sequence[str]],
    matched: Mapping[str, int],
    schema: FeatureSchema,
) -> dict[str, Counter[str]]:
    """By field, the words that are none of its choices, and how often each was seen.

    They are looked for in the first `rows` of the file, and among the rows that a try refused.
    """
    counts: dict[str, Counter[str]] = {}
    columns = {
        name: place
        for name, place in matched.items()
        if (feature := schema.by_name.get(name)) and feature.choices
    }
    cells = {name: Counter[str]() for name in columns}
    for row in rows:
        for name, place in columns.items():
            if place < len(row):
                cells[name][row[place]] += 1
    for name, texts in _refused(batch, columns).items():
        # A row that is refused may be among the first: it is not counted twice.
        cells[name] |= texts
    for name, texts in cells.items():
        found = _not_read(texts, schema.by_name[name])
        if found:
            counts[name] = found
    return counts


def _refused(batch: Batch, columns: Mapping[str, int]) -> dict[str, Counter[str]]:
    """The cells of refused rows by field, where they were refused for that."""
    if not columns or "matched" not in batch.cut:
        return {}
    cut = Cut.of(batch)
    kept = sorted({*cut.matched.values(), *cut.grouped, *cut.too_many})
    at = {name: kept.index(place) for name, place in columns.items() if place in kept}
    found: dict[str, Counter[str]] = {name: Counter() for name in at}
    refused = RefusedRow.objects.filter(batch=batch).exclude(cells=[]).order_by("row")
    for problems, cells in refused.values_list("problems", "cells")[:_MOST_REFUSED]:
        for problem in problems:
            name = problem["field"]
            if problem["code"] == "not_a_choice" and name in at:
                found[name][cells[at[name]]] += 1
    return found


def _not_read(cells: Mapping[str, int], feature: Feature) -> Counter[str]:
    """Of these cells, the words that are no choice of the feature, spelled as first seen."""
    found: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    for cell, text in zip(cells, adapted(list(cells), "", None), strict=True):
        word = text.strip()
        if not word or len(word) > LONGEST:
            continue
        try:
            feature.read(word)
        except InvalidValueError as error:
            if error.problem.code == "not_a_choice":
                found[spelled.setdefault(key(word), word)] += cells[cell]
    return found


def understood(meanings: Meanings, schema: FeatureSchema) -> dict[str, dict[str, str]]:
    """Those that mean something to a model: its own fields, and their own choices."""
    return {
        name: kept
        for name, words in meanings.items()
        if (feature := schema.by_name.get(name))
        and (
            kept := {
                text: value
                for text, value in words.items()
                if value in {"", *(str(choice.value) for choice in feature.choices)}
            }
        )
    }
