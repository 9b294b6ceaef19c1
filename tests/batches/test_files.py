"""The brought file: kept whole, read back, known again, and erased when its time is over."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta

import pytest
from django.utils import timezone
from openpyxl import Workbook

from mlcore.engine.ingest.refusals import TableError
from predictions.batches import files, jobs, tasks
from predictions.batches.first_rows import of as first_rows_of
from predictions.models import Batch, BatchChunk, BatchPiece, BatchState, Prediction, RefusedRow
from tests.batches.conftest import first_rows, upload, work_to_the_end
from tests.batches.workforces import workforce

pytestmark = pytest.mark.django_db


def later(days):
    return timezone.now() + timedelta(days=days)


# ------------------------------------------------------------------ brought


def test_it_is_kept_as_it_came_and_nothing_is_assessed_yet(alice, ibm_file):
    batch = files.bring(upload(ibm_file, "march 2026.csv"), by=alice, request_id="r-1")
    assert (batch.state, batch.name, batch.uploaded_by) == (
        BatchState.DRAFT,
        "march 2026.csv",
        alice,
    )
    assert batch.sha256 == hashlib.sha256(ibm_file).hexdigest()
    assert batch.size == len(ibm_file)
    assert batch.request_id == "r-1"
    assert len(batch.headers) == 35
    assert batch.about_rows == 1470
    assert batch.rows is None
    assert b"".join(files.pieces(batch)) == ibm_file
    assert not Prediction.objects.exists()


def test_a_large_one_is_kept_in_pieces(alice, ibm_file):
    content = workforce(ibm_file, 15_000)
    batch = files.bring(upload(content), by=alice)
    assert batch.pieces.count() == len(content) // 2**20 + 1
    assert b"".join(files.pieces(batch)) == content


def test_its_first_rows_can_be_looked_at(alice, ibm_file):
    batch = files.bring(upload(ibm_file), by=alice)
    (line, first), *_ = first_rows_of(batch)
    assert line == 2
    assert first[batch.headers.index("JobRole")] == "Sales Executive"


def test_a_workbook_is_read_like_a_csv(alice, bring, ibm_file):
    workbook = Workbook()
    for line in first_rows(ibm_file, 30).decode("utf-8-sig").splitlines():
        workbook.active.append([int(cell) if cell.isdigit() else cell for cell in line.split(",")])
    content = io.BytesIO()
    workbook.save(content)
    batch = bring(alice, content.getvalue(), name="employees.xlsx")
    jobs.begin(batch, record=True, by=alice)
    work_to_the_end(batch)
    assert batch.state == BatchState.DONE
    assert batch.sha256 == hashlib.sha256(content.getvalue()).hexdigest()
    assert Prediction.objects.filter(batch=batch).count() == 30


@pytest.mark.parametrize(
    "content", [b"", b"<html><body>no table</body></html>", b"\x00\x01\x02" * 100]
)
def test_what_is_no_table_is_refused_with_a_sentence_and_not_kept(alice, content):
    with pytest.raises(TableError) as refused:
        files.bring(upload(content), by=alice)
    assert refused.value.words["fr"]
    assert not Batch.objects.exists()
    assert not BatchPiece.objects.exists()


def test_a_name_that_would_mislead_is_stored_as_it_can_be_shown(alice, ibm_file):
    batch = files.bring(upload(ibm_file, "pay\u202eslip\n.csv"), by=alice)
    assert batch.name == "payslip.csv"


# ------------------------------------------------------------------ known again


def test_the_very_same_file_is_known_again_once_it_was_assessed(alice, bring, assessed, ibm_file):
    content = first_rows(ibm_file, 20)
    unused = bring(alice, content)
    assert files.same_file_before(unused) is None
    first = assessed(alice, content)
    assert files.same_file_before(unused) == first
    assert files.same_file_before(first) is None
    assert files.same_file_before(bring(alice, first_rows(ibm_file, 21))) is None


# ------------------------------------------------------------------ erased


def test_the_file_is_gone_once_its_people_are_recorded(alice, assessed, ibm_file):
    batch = assessed(alice, workforce(ibm_file, 4_100))
    assert list(files.pieces(batch)) == []
    assert {bytes(chunk.content) for chunk in batch.chunks.all()} == {b""}


def test_a_file_that_was_only_tried_is_still_there(alice, tried, ibm_file):
    batch = tried(alice, ibm_file)
    assert b"".join(files.pieces(batch)) == ibm_file


@pytest.mark.parametrize("how", ["bring", "tried"])
def test_a_file_that_nobody_decided_on_is_thrown_away(request, alice, how, ibm_file, settings):
    batch = request.getfixturevalue(how)(alice, workforce(ibm_file, 30, wrong=[3]))
    assert files.erase_expired(now=later(settings.BATCH_FILE_DAYS - 0.1)) == 0
    assert files.erase_expired(now=later(settings.BATCH_FILE_DAYS + 0.1)) == 1
    batch.refresh_from_db()
    assert batch.state == BatchState.DISCARDED
    assert batch.erased_at
    assert not BatchPiece.objects.exists()
    assert not BatchChunk.objects.exists()
    assert not RefusedRow.objects.exists()


def test_a_file_without_a_header_leaves_nobody_behind(as_alice, alice, ibm_file, settings):
    """Its first employee stands where others have their headers."""
    nameless = b"Lovelace,36,Sales\nHopper,41,Research\n"
    discarded, _expired = (files.bring(upload(nameless), by=alice) for _ in range(2))
    assert jobs.discard(discarded)
    files.erase_expired(now=later(settings.BATCH_FILE_DAYS + 0.1))
    for batch in Batch.objects.all():
        assert batch.state == BatchState.DISCARDED
        assert "Lovelace" not in str(Batch.objects.filter(pk=batch.pk).values())
        assert as_alice.get(batch.get_absolute_url()).status_code == 200
        assert as_alice.get(f"/batches/{batch.pk}/columns/", follow=True).status_code == 200
        assert as_alice.get(f"/batches/{batch.pk}/refused/", follow=True).status_code in (200, 404)
    assert as_alice.get("/batches/").status_code == 200


def test_a_file_that_is_worked_on_is_not(alice, bring, ibm_file, settings):
    batch = bring(alice, ibm_file)
    jobs.begin(batch, record=True, by=alice)
    assert files.erase_expired(now=later(settings.BATCH_FILE_DAYS + 1)) == 0
    assert batch.pieces.exists()


def test_what_refused_rows_say_is_erased_and_why_stays(alice, assessed, ibm_file, settings):
    batch = assessed(alice, workforce(ibm_file, 30, wrong=[3]))
    refused = RefusedRow.objects.get()
    assert refused.employee_id in refused.cells
    assert "much" in refused.cells
    files.erase_expired(now=later(settings.BATCH_FILE_DAYS + 0.1))
    refused.refresh_from_db()
    assert (refused.employee_id, refused.cells) == ("", [])
    assert "much" not in str(refused.problems)
    assert (refused.row, refused.problems[0]["code"]) == (5, "not_a_number")
    batch.refresh_from_db()
    assert batch.state == BatchState.DONE
    assert batch.erased_at
    assert Prediction.objects.filter(batch=batch).count() == 29
    assert files.erase_expired(now=later(settings.BATCH_FILE_DAYS + 2)) == 0


def test_each_day_the_background_worker_sees_to_it(alice, bring, ibm_file, settings):
    bring(alice, ibm_file)
    settings.BATCH_FILE_DAYS = -1
    assert tasks.erase_expired() == "1 erased"
