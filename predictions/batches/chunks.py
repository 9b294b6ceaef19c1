"""Rows of a file that are judged together: read as the model reads them, scored, recorded.

Which chunk is to be done, and by whom, is for `jobs` to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils import timezone

from mlcore import registry
from mlcore.engine.glassbox import Scores
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import EMPLOYEE_ID, ROW, CleanFrame
from mlcore.engine.values import IDENTIFIER_LENGTH
from mlcore.registry import ActiveModel
from predictions import services
from predictions.batches import answers, ranking, reading, refusals
from predictions.batches.cutting import Cut, Rows, group_text
from predictions.models import Batch, BatchChunk, BatchState, RefusedRow, Source
from predictions.services import Request

# Half of a character that takes two, and the character that ends a text in C.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_REFUSED_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """What is the same for all chunks of a batch, from the beginning of its work to the end."""

    batch: Batch
    using: ActiveModel
    cut: Cut
    request: Request

    @classmethod
    def of(cls, batch: Batch) -> Assignment:
        """That of a batch which was read to its end. Raises `ModelUnavailableError`."""
        version, by = batch.model_version, batch.started_by
        bounds = (batch.moderate_from, batch.threshold, batch.very_high_from)
        if version is None or by is None or None in bounds:
            raise ValueError(f"work on the file {batch.pk} was never begun")
        moderate, threshold, very_high = (float(bound or 0) for bound in bounds)
        return cls(
            batch=batch,
            using=registry.pinned(version, OperatingPoint((moderate, threshold, very_high))),
            cut=Cut.of(batch),
            request=Request(requested_by=by, source=Source.FILE, request_id=batch.request_id),
        )

    @property
    def records(self) -> bool:
        """Whether predictions are recorded; else it is only tried."""
        return self.batch.state == BatchState.RUNNING


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A chunk's rows as the model judged them; nothing is recorded yet."""

    frame: CleanFrame
    scores: Scores | None
    """None when no row was accepted."""
    lines: list[int]
    """Of the accepted rows, in the frame's order."""
    groups: dict[str, list[str]]
    """By the name of the group, of the accepted rows."""
    given: dict[str, list[str | None]]
    """By field, what the accepted rows said where a person told what it means."""
    refused: list[RefusedRow]


def judge(chunk: BatchChunk, assignment: Assignment) -> Judged:
    """Read and score a chunk's rows. Touches no database."""
    rows = Rows.unpack(bytes(chunk.content))
    cut, batch = assignment.cut, assignment.batch
    given = dict(zip(rows.places, map(_storable, rows.columns), strict=True))
    fields = {name: given[place] for name, place in cut.matched.items()}
    schema = assignment.using.schema
    columns = reading.read(fields, cut.matched, cut.decimals, schema, batch.answers)
    frame = reading.judged(columns, schema, rows=len(rows.lines))
    groups = {
        batch.group_name(place): [group_text(given[place][at]) for at in frame.positions]
        for place in cut.grouped
    }
    words = {
        name: answers.said([fields[name][at] for at in frame.positions], meanings)
        for name, meanings in batch.answers.items()
        if name in fields
    }
    return Judged(
        given=words,
        frame=frame,
        scores=assignment.using.model.score_frame(frame) if len(frame) else None,
        lines=[rows.lines[at] for at in frame.positions],
        groups=groups,
        refused=[*_refused(rows.lines, frame, given, batch), *_odd(rows, batch)],
    )


def _storable(cells: Sequence[str]) -> Sequence[str]:
    """The cells, with a mark for each character that no database keeps."""
    together = "".join(cells)
    try:
        together.encode()
    except UnicodeEncodeError:
        pass
    else:
        if "\0" not in together:
            return cells
    return [_UNSTORABLE.sub("\ufffd", cell) for cell in cells]


def _refused(
    lines: Sequence[int], frame: CleanFrame, given: Mapping[int, Sequence[str]], batch: Batch
) -> list[RefusedRow]:
    """`given` are the columns by place, in the file's order."""
    fields = {name: given[place] for name, place in batch.matched.items()}
    headers = {name: batch.headers[place] for name, place in batch.matched.items()}
    references = fields.get(EMPLOYEE_ID)
    return [
        RefusedRow(
            batch=batch,
            row=lines[at],
            employee_id=_reference(references[at]) if references else "",
            problems=refusals.stored(
                headers, {name: column[at] for name, column in fields.items()}, problems
            ),
            cells=[column[at] for column in given.values()],
        )
        for at, problems in frame.problems.items()
    ]


def _reference(text: str) -> str:
    """An employee's reference as it can be shown; whether it is one was judged already."""
    return "".join(filter(str.isprintable, text)).strip()[:IDENTIFIER_LENGTH]


def _odd(rows: Rows, batch: Batch) -> list[RefusedRow]:
    return [
        RefusedRow(
            batch=batch,
            row=odd.line,
            problems=refusals.stored({}, {}, {ROW: [odd.problem]}),
            cells=[*_storable(odd.cells)],
        )
        for odd in rows.odd
    ]


def keep(chunk: BatchChunk, judged: Judged, assignment: Assignment) -> None:
    """Record what was judged, or note it where it is only tried, in the caller's transaction."""
    frame, scores = judged.frame, judged.scores
    using = assignment.using
    part = b""
    if scores is not None:
        if assignment.records:
            bands = services.record_frame(
                frame,
                scores,
                using=using,
                request=assignment.request,
                batch=assignment.batch,
                rows=judged.lines,
                groups=judged.groups,
                given=judged.given,
            )
        else:
            bands = [using.operating_point.band(p) for p in scores.probability.tolist()]
        part = ranking.part(using.schema, frame, scores, bands, judged.lines, judged.groups)
    RefusedRow.objects.bulk_create(judged.refused, batch_size=_REFUSED_AT_ONCE)
    chunk.done_at = timezone.now()
    chunk.accepted, chunk.refused, chunk.part = len(frame), len(judged.refused), part
    fields = ["done_at", "accepted", "refused", "part"]
    if assignment.records:
        chunk.content = b""
        fields.append("content")
    chunk.save(update_fields=fields)
