"""How far a file is: what the page may say, at each moment of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from predictions.batches import cutting, jobs
from predictions.batches.progress import progress_of
from predictions.models import Batch, BatchChunk
from tests.batches.conftest import first_rows, work_to_the_end
from tests.batches.workforces import workforce

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_work(alice, bring, ibm_file, monkeypatch):
    monkeypatch.setattr(cutting, "CHUNK_ROWS", 10)
    batch = bring(alice, workforce(ibm_file, 40, wrong=range(5)))
    jobs.begin(batch, record=True, by=alice)
    return batch


def again(batch):
    return Batch.objects.get(pk=batch.pk)


def test_at_first_it_waits(at_work):
    now = progress_of(again(at_work))
    assert (now.phase, now.done, now.rows, now.share) == ("waiting", 0, None, 0.0)
    assert now.rows_per_second is None
    assert now.seconds_left is None
    assert not now.nobody_works


def test_when_nobody_comes_it_says_so(at_work):
    later = timezone.now() + timedelta(seconds=31)
    assert progress_of(again(at_work), now=later).nobody_works


def test_while_it_is_read_the_rows_read_are_counted(at_work):
    BatchChunk.objects.create(batch=at_work, number=1, rows=10, content=b"")
    now = progress_of(again(at_work))
    assert (now.phase, now.done, now.rows) == ("reading", 10, None)
    assert now.share == 0


def test_while_it_is_worked_on_it_knows_the_pace_and_the_time_left(at_work):
    shares = [0.0]
    jobs.work(at_work.pk, 0.0)
    for done in (10, 20, 30):
        jobs.work(at_work.pk, 0.0)
        now = progress_of(again(at_work))
        assert (now.phase, now.done, now.rows) == ("working", done, 40)
        assert now.accepted + now.refused == done
        assert now.share == done / 40
        assert now.rows_per_second > 0
        assert now.seconds_left == pytest.approx((40 - done) / now.rows_per_second)
        shares.append(now.share)
    assert shares == sorted(shares)
    work_to_the_end(at_work)
    now = progress_of(again(at_work))
    assert (now.done, now.accepted, now.refused, now.share) == (40, 35, 5, 1.0)
    assert not now.nobody_works


def test_the_pace_is_that_of_the_last_seconds(at_work):
    jobs.work(at_work.pk, 0.0)
    jobs.work(at_work.pk, 0.0)
    jobs.work(at_work.pk, 0.0)
    began = timezone.now() - timedelta(seconds=100)
    Batch.objects.update(started_at=began)
    BatchChunk.objects.update(made_at=began)
    first = BatchChunk.objects.exclude(done_at=None).first()
    BatchChunk.objects.filter(pk=first.pk).update(done_at=began)
    now = progress_of(again(at_work))
    assert now.done == 20
    assert now.rows_per_second == pytest.approx(10 / 20)
    assert now.seconds_left == pytest.approx(20 / (10 / 20))


def test_what_was_tried_is_not_read_again_and_the_bar_begins_at_nothing(
    alice, tried, ibm_file, monkeypatch
):
    monkeypatch.setattr(cutting, "CHUNK_ROWS", 10)
    batch = tried(alice, first_rows(ibm_file, 20))
    assert progress_of(again(batch)).share == 1.0
    jobs.begin(batch, record=True, by=alice)
    now = progress_of(again(batch))
    assert (now.phase, now.done, now.rows, now.share) == ("waiting", 0, 20, 0.0)
    jobs.work(batch.pk, 0.0)
    assert progress_of(again(batch)).share == 0.5


def test_it_is_asked_in_one_query(at_work, django_assert_num_queries):
    jobs.work(at_work.pk, 0.0)
    batch = again(at_work)
    with django_assert_num_queries(1):
        progress_of(batch)
