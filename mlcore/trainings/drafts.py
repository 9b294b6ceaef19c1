"""Drafts of trainings: made of a file that was brought, kept with its run, corrected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction

from mlcore.engine import tabular
from mlcore.engine.drafting import inference
from mlcore.engine.drafting.draft import Draft
from mlcore.engine.tabular import Table, TableError
from mlcore.models import RunState, TrainingRun
from mlcore.trainings import files as training_files

if TYPE_CHECKING:
    from accounts.models import User

_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")


def begin(*, content: bytes, name: str, by: User) -> TrainingRun:
    """Read a file and draft what its columns mean; both are kept, or neither is.

    Raises `TableError`, whose words are for the person who brought it.
    """
    table = _storable(tabular.read_table(content))
    draft = inference.draft(table, name=training_files.shown_name(name))
    with transaction.atomic():
        file = training_files.keep(table=table, content=content, name=name, by=by)
        return TrainingRun.objects.create(file=file, requested_by=by, **_stored(draft))


def _storable(table: Table) -> Table:
    """The table without characters that no database keeps; a workbook can hold them.

    Raises `TableError` when two headers differ by such characters alone.
    """

    def clean(cell: Any) -> Any:
        return _UNSTORABLE.sub("", cell) if isinstance(cell, str) else cell

    if not any(
        isinstance(cell, str) and _UNSTORABLE.search(cell)
        for row in (table.headers, *table.rows)
        for cell in row
    ):
        return table
    headers = [*map(clean, table.headers)]
    if twice := sorted({header for header in headers if headers.count(header) > 1}):
        raise TableError("same_name", names=", ".join(twice))
    return Table(headers, [[*map(clean, row)] for row in table.rows])


def read(run: TrainingRun) -> Draft:
    """The draft that a run began with."""
    return Draft.from_json(run.findings)


def correct(run: TrainingRun, corrections: Mapping[str, Any]) -> Draft:
    """The draft with a person's corrections; nothing is kept yet.

    Raises `CorrectionError`, or `FileErasedError` when there is nothing left to correct it by.
    """
    return inference.revise(read(run), training_files.table_of(run.file), corrections)


def save(run: TrainingRun, draft: Draft) -> bool:
    """Keep a corrected draft; False when the run is no draft any more.

    Raises `FileErasedError`: nothing that quotes an erased file is kept.
    """
    with transaction.atomic():
        training_files.lock(run.file_id)
        drafts = TrainingRun.objects.filter(pk=run.pk, state=RunState.DRAFT)
        return bool(drafts.update(**_stored(draft)))


def _stored(draft: Draft) -> dict[str, Any]:
    return {"findings": draft.to_json(), "plan": draft.plan.to_json() if draft.plan else {}}
