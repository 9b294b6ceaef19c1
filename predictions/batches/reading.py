"""Matched columns of a file as the model reads them: for a preview and for the work itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlcore.engine.ingest.marks import adapted
from mlcore.engine.schema import EMPLOYEE_ID, CleanFrame, FeatureSchema
from predictions.batches.answers import Meanings, replaced


def read(
    fields: Mapping[str, Sequence[str]],
    matched: Mapping[str, int],
    settled: Mapping[int, str],
    schema: FeatureSchema,
    meanings: Meanings,
) -> dict[str, Sequence[str]]:
    """The cells of each field as the file means them.

    `matched` gives each field's place, `settled` what `Evidence.settled` tells of the places,
    `meanings` what a person told of the file's words.
    """
    read = {
        name: adapted(column, settled.get(matched[name], ""), schema.by_name.get(name))
        for name, column in fields.items()
    }
    return {name: replaced(column, meanings.get(name)) for name, column in read.items()}


def judged(columns: Mapping[str, Sequence[str]], schema: FeatureSchema, *, rows: int) -> CleanFrame:
    """The verdict on `rows` rows whose columns were read."""
    # Where no column was matched, there are still rows of which nothing is known.
    return schema.clean_frame(columns or {EMPLOYEE_ID: [None] * rows})
