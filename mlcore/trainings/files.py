"""The labelled files that people bring: kept compressed, read back as tables, erased.

They are personal data. Nothing here logs what is in them.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from mlcore.engine.tabular import Table
from mlcore.models import RunState, TrainingFile, TrainingRun

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import User

AT_WORK = (RunState.QUEUED, RunState.RUNNING)

# What a name may not hold: controls, and the marks that turn the reading direction round.
_UNSHOWABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LONGEST_NAME = 255  # characters
_QUICKLY = 1  # zlib's level: somebody waits, and a third more bytes do not matter


class FileErasedError(Exception):
    """The content was erased: it has to be brought again."""


class FileInUseError(Exception):
    """A training reads the file now: it has to end first."""


def keep(*, table: Table, content: bytes, name: str, by: User) -> TrainingFile:
    """Keep a file's table; `content` is the file as it came, of which only the hash is kept."""
    columns = [list(cells) for cells in table.columns().values()]
    packed = json.dumps([table.headers, columns], ensure_ascii=False, separators=(",", ":"))
    return TrainingFile.objects.create(
        name=shown_name(name),
        sha256=hashlib.sha256(content).hexdigest(),
        rows=len(table.rows),
        columns=len(table.headers),
        content=zlib.compress(packed.encode("utf-8", "surrogatepass"), _QUICKLY),
        uploaded_by=by,
    )


def shown_name(name: str) -> str:
    """A file's name as it can be stored and shown: whoever sent it chose it."""
    printable = "".join(c for c in name if unicodedata.category(c) not in _UNSHOWABLE)
    return printable.strip()[:_LONGEST_NAME] or "–"


def table_of(file: TrainingFile) -> Table:
    """The table of a kept file. Raises `FileErasedError`."""
    content = bytes(file.content or b"")
    if file.erased_at is not None or not content:
        raise FileErasedError(f"The content of file {file.pk} was erased.")
    headers, columns = json.loads(zlib.decompress(content).decode("utf-8", "surrogatepass"))
    rows = [list(row) for row in zip(*columns, strict=True)]
    return Table(headers, rows)


def lock(pk: int) -> None:
    """Until the transaction ends, nobody erases the file. Raises `FileErasedError`."""
    file = TrainingFile.objects.select_for_update().only("erased_at").get(pk=pk)
    if file.erased_at is not None:
        raise FileErasedError(f"The content of file {pk} was erased.")


def erase(file: TrainingFile, *, by: User | None = None) -> None:
    """Erase a file's content, and everything of its trainings that may quote a cell of it.

    `by` is nobody when the daily schedule does it. What was learned from the file stays, in the
    model. Raises `FileInUseError` while a training reads it.
    """
    with transaction.atomic():
        try:
            # Whoever starts, saves or copies a training on it waits, and then finds it erased.
            lock(file.pk)
        except FileErasedError:
            return
        runs = TrainingRun.objects.filter(file=file.pk)
        if runs.filter(state__in=AT_WORK).exists():
            raise FileInUseError(f"A training reads file {file.pk}.")
        erased_at = timezone.now()
        TrainingFile.objects.filter(pk=file.pk).update(
            content=b"", erased_at=erased_at, erased_by=by
        )
        # Choices, examples, notes, the reasons of corrections: cells are everywhere in them.
        runs.update(findings={}, plan={})
        # Why the engine refused a file may quote it; every other message is one of our own.
        runs.filter(state=RunState.REFUSED).update(message={})
        runs.filter(state=RunState.DRAFT).update(state=RunState.ERASED, finished_at=erased_at)
    file.content, file.erased_at, file.erased_by = b"", erased_at, by


def erase_expired(*, now: datetime | None = None) -> int:
    """Erase what has been kept for longer than `TRAINING_FILE_DAYS`; how many files that were."""
    before = (now or timezone.now()) - timedelta(days=settings.TRAINING_FILE_DAYS)
    expired = TrainingFile.objects.filter(erased_at=None, uploaded_at__lt=before).defer("content")
    erased = 0
    for file in expired.exclude(runs__state__in=AT_WORK):
        try:
            erase(file)
        except FileInUseError:  # it was started just now: tomorrow, then
            continue
        erased += 1
    return erased


def kept_until(file: TrainingFile) -> datetime:
    """When the daily schedule erases it, unless someone does so before."""
    return file.uploaded_at + timedelta(days=settings.TRAINING_FILE_DAYS)
