"""The brought files themselves: kept compressed in pieces, read back, erased.

They are personal data. Nothing here logs what is in them, and each has an end: the pieces go when
the recording begins, what a refused row says when the file's term is over.
"""

from __future__ import annotations

import hashlib
import itertools
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from mlcore.engine.ingest import source
from mlcore.engine.ingest.source import Format
from mlcore.trainings.files import shown_name
from predictions.batches import refusals
from predictions.models import Batch, BatchPiece, BatchRanking, BatchState, RefusedRow
from predictions.models.batch import ENDED, WAITING

if TYPE_CHECKING:
    from accounts.models import User

_QUICKLY = 1  # zlib's level: somebody waits, and a third more bytes do not matter
_ROWS_AT_ONCE = 1_000
_ERASING = 30.0  # seconds: a task is short; what is left is erased the next day


def bring(
    uploaded: UploadedFile[Any], *, by: User, request_id: str = "", corrects: Batch | None = None
) -> Batch:
    """Look at the beginning of a file and keep it, as a draft: nothing is assessed yet.

    `corrects` is the batch whose refused rows it brings again. Raises `TableError`, whose words are
    for the person who brought it; then nothing is kept.
    """
    with closing(source.examine(cast(BinaryIO, uploaded.file), limits=source.BATCH)) as incoming:
        digest = _sha256(uploaded)
        with transaction.atomic():
            batch = Batch.objects.create(
                name=shown_name(uploaded.name or ""),
                sha256=digest,
                size=uploaded.size or 0,
                uploaded_by=by,
                request_id=request_id,
                corrects=corrects,
                format=incoming.format.to_json(),
                headers=incoming.format.headers,
                about_rows=incoming.about_rows,
            )
            for number, piece in enumerate(incoming.pieces()):
                BatchPiece.objects.create(
                    batch=batch, number=number, content=zlib.compress(piece, _QUICKLY)
                )
    return batch


def _sha256(uploaded: UploadedFile[Any]) -> str:
    digest = hashlib.sha256()
    for chunk in uploaded.chunks(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def format_of(batch: Batch) -> Format:
    """How the bytes of a batch are read."""
    return Format.from_json(batch.format)


def pieces(batch: Batch) -> Iterator[bytes]:
    """The bytes of a kept file, one piece in memory at a time; nothing where they were erased."""
    kept = BatchPiece.objects.filter(batch=batch).values_list("content", flat=True)
    for number in itertools.count():
        content = kept.filter(number=number).first()
        if content is None:
            return
        yield zlib.decompress(bytes(content))


def same_file_before(batch: Batch) -> Batch | None:
    """The last batch of the very same bytes that recorded something, or is about to."""
    recording = (BatchState.RUNNING, BatchState.DONE, BatchState.CANCELLED)
    return (
        Batch.objects.filter(sha256=batch.sha256, state__in=recording)
        .exclude(pk=batch.pk)
        .order_by("-started_at", "-pk")
        .first()
    )


# ------------------------------------------------------------------ erasing


def erase(batch: Batch) -> None:
    """Erase everything that a file of which nothing was recorded was kept as.

    The headers as well: where a file has none they are its first employee's cells. In the
    transaction that ends its use.
    """
    erase_cut(batch)
    batch.pieces.all().delete()
    nothing: dict[str, Any] = {"format": {}, "headers": [], "matched": {}, "grouped": []}
    nothing |= {"group_names": {}, "answers": {}}
    Batch.objects.filter(pk=batch.pk).update(**nothing, erased_at=timezone.now())


def erase_cut(batch: Batch) -> None:
    """Erase what was made of the pieces when they were read. In a transaction as well."""
    # The chunks first: whoever works on one now is waited for, and may refuse rows meanwhile.
    batch.chunks.all().delete()
    batch.refused_rows.all().delete()
    erase_ranking(batch)


def erase_ranking(batch: Batch) -> None:
    """Erase the list that was made of a try."""
    BatchRanking.objects.filter(batch=batch).delete()


def erase_expired(*, now: datetime | None = None) -> int:
    """Erase what has been kept for longer than `BATCH_FILE_DAYS`; of how many files that was."""
    before = (now or timezone.now()) - timedelta(days=settings.BATCH_FILE_DAYS)
    return _discard_unused(before) + _erase_refused(before)


def _discard_unused(before: datetime) -> int:
    """Discard the files that nobody decided on."""
    discarded = 0
    unused = Batch.objects.filter(state__in=WAITING, uploaded_at__lt=before)
    for batch in unused:
        with transaction.atomic():
            found = Batch.objects.filter(pk=batch.pk, state=batch.state)
            if found.update(state=BatchState.DISCARDED, finished_at=timezone.now()):
                erase(batch)
                discarded += 1
    return discarded


def _erase_refused(before: datetime) -> int:
    """Erase what refused rows say, and of whom; where they stand and what was wrong stays."""
    deadline = time.monotonic() + _ERASING
    erased = 0
    ended = Batch.objects.filter(state__in=ENDED, finished_at__lt=before, erased_at=None)
    for batch in ended.order_by("finished_at"):
        rows = RefusedRow.objects.filter(batch=batch).exclude(cells=[])
        while found := list(rows.only("employee_id", "problems", "cells")[:_ROWS_AT_ONCE]):
            if time.monotonic() > deadline:
                return erased
            for row in found:
                row.employee_id, row.cells = "", []
                row.problems = refusals.without_values(row.problems)
            fields = ["employee_id", "problems", "cells"]
            RefusedRow.objects.bulk_update(found, fields, batch_size=100)
        Batch.objects.filter(pk=batch.pk).update(erased_at=timezone.now())
        erased += 1
    return erased
