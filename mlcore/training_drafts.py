"""Drafts of trainings: made of a file that was brought, kept with its run, corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction

from mlcore import training_files
from mlcore.engine import inference, tabular
from mlcore.engine.draft import Draft
from mlcore.models import RunState, TrainingRun

if TYPE_CHECKING:
    from accounts.models import User


def begin(*, content: bytes, name: str, by: User) -> TrainingRun:
    """Read a file and draft what its columns mean; both are kept, or neither is.

    Raises `TableError`, whose words are for the person who brought it.
    """
    table = tabular.read_table(content)
    draft = inference.draft(table, name=training_files.shown_name(name))
    with transaction.atomic():
        file = training_files.keep(table=table, content=content, name=name, by=by)
        return TrainingRun.objects.create(file=file, requested_by=by, **_stored(draft))


def read(run: TrainingRun) -> Draft:
    """The draft that a run began with."""
    return Draft.from_json(run.findings)


def correct(run: TrainingRun, corrections: Mapping[str, Any]) -> Draft:
    """The draft with a person's corrections; nothing is kept yet.

    Raises `CorrectionError`, or `FileErasedError` when there is nothing left to correct it by.
    """
    return inference.revise(read(run), training_files.table_of(run.file), corrections)


def save(run: TrainingRun, draft: Draft) -> bool:
    """Keep a corrected draft; False when the run is no draft any more."""
    drafts = TrainingRun.objects.filter(pk=run.pk, state=RunState.DRAFT)
    return bool(drafts.update(**_stored(draft)))


def _stored(draft: Draft) -> dict[str, Any]:
    return {"findings": draft.to_json(), "plan": draft.plan.to_json() if draft.plan else {}}
