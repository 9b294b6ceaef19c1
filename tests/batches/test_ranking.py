"""The ranking of a file: every filter and every count as the records themselves give them."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from mlcore import registry
from mlcore.engine.operating import BANDS
from mlcore.engine.schema import CleanFrame
from predictions.batches import jobs, ranking
from predictions.batches.ranking import Ranking, answer_key, group_key
from predictions.models import BatchRanking, Prediction
from tests.batches.conftest import first_rows, work_to_the_end
from tests.batches.workforces import workforce

DEPARTMENT = group_key("Department")


@pytest.fixture
def done(assessed, alice, ibm_file):
    return assessed(alice, first_rows(ibm_file, 300))


def recorded(batch):
    return list(Prediction.objects.filter(batch=batch).order_by("-probability", "row"))


def test_the_highest_risk_is_first_and_equals_follow_the_file(done):
    ranks = ranking.of(done)
    expected = [prediction.row for prediction in recorded(done)]
    assert ranks.rows(ranks.select()) == expected
    assert len(ranks) == 300


def test_equal_risks_keep_the_order_of_the_file(assessed, alice, ibm_file):
    head, first = ibm_file.splitlines(keepends=True)[:2]
    ranks = ranking.of(assessed(alice, head + first * 5))
    assert ranks.rows(ranks.select()) == [2, 3, 4, 5, 6]


def test_any_filter_finds_who_the_records_say(done):
    ranks, records, some = ranking.of(done), recorded(done), random.Random(7)
    keys = list(ranks.values)
    for _ in range(40):
        where = {
            key: {
                ranking.value_text(v) for v in some.sample(ranks.values[key], k=some.randint(1, 2))
            }
            for key in some.sample(keys, k=some.randint(0, 3))
        }
        bands = some.sample(BANDS, k=some.randint(0, 2))
        expected = [
            record.row
            for record in records
            if (not bands or record.band in bands)
            and all(_value(record, key) in wanted for key, wanted in where.items())
        ]
        assert ranks.rows(ranks.select(bands, where)) == expected


def test_counts_are_those_of_the_records_whatever_else_is_filtered(done):
    ranks, records = ranking.of(done), recorded(done)
    where = {answer_key("over_time"): {"Yes"}, DEPARTMENT: {"Sales"}}
    for key in ranks.values:
        others = {name: wanted for name, wanted in where.items() if name != key}
        expected = Counter(
            (_value(record, key), record.band)
            for record in records
            if all(_value(record, name) in wanted for name, wanted in others.items())
        )
        counted = {
            (ranking.value_text(value), band): people
            for value, row in zip(ranks.values[key], ranks.table(key, where), strict=True)
            for band, people in zip(BANDS, row, strict=True)
            if people
        }
        assert counted == expected
        assert ranks.tables(where)[key] == ranks.table(key, where)
    sales_at_overtime = Counter(
        r.band
        for r in records
        if r.groups["Department"] == "Sales" and r.inputs["over_time"] == "Yes"
    )
    assert {band: n for band, n in ranks.by_band(where).items() if n} == sales_at_overtime


def _value(record, key):
    kind, name = key[:2], key[2:]
    value = record.groups[name] if kind == ranking.GROUP else record.inputs[name]
    return ranking.value_text(value)


def test_nobody_can_be_listed_by_gender_age_or_marital_status(done):
    schema = registry.active().schema
    asked = {answer_key(feature.name) for feature in schema.features if feature.choices}
    assert set(ranking.of(done).values) == asked | {DEPARTMENT}
    assert not {answer_key(feature.name) for feature in schema.audit} & set(ranking.of(done).values)


def test_what_the_file_does_not_have_matches_nobody(done):
    ranks = ranking.of(done)
    assert not len(ranks.select(where={answer_key("gender"): {"Female"}}))
    assert not len(ranks.select(where={DEPARTMENT: {"Catering"}}))
    assert not len(ranks.positions_of([1, 10_000]))


def test_an_answer_that_was_not_given_can_be_asked_for(assessed, alice):
    content = b"EmployeeNumber,OverTime,MonthlyIncome,Department\n1,Yes,4000,\n2,,4000,Sales\n"
    ranks = ranking.of(assessed(alice, content))
    assert ranks.rows(ranks.select(where={answer_key("over_time"): {""}})) == [3]
    assert ranks.rows(ranks.select(where={DEPARTMENT: {""}})) == [2]


def test_any_order(done):
    ranks = ranking.of(done)
    chosen = ranks.select(["high", "moderate"])
    assert ranks.rows(ranks.by_line(chosen)) == sorted(ranks.rows(chosen))
    assert ranks.positions_of(ranks.rows(chosen)).tolist() == chosen.tolist()


def test_chunks_are_put_together_as_one_would_be(active_model, ibm_file):
    schema, model, point = active_model.schema, active_model.model, active_model.operating_point
    headers, *lines = [line.split(",") for line in ibm_file.decode("utf-8-sig").splitlines()]
    columns = dict(zip(headers, zip(*lines, strict=True), strict=True))
    given = {f.name: columns[f.column] for f in schema.features}

    def part(start, stop):
        frame = schema.clean_frame({name: cells[start:stop] for name, cells in given.items()})
        scores = model.score_frame(frame)
        return ranking.part(
            schema,
            frame,
            scores,
            [point.band(p) for p in scores.probability],
            range(start + 2, stop + 2),
            {"Department": columns["Department"][start:stop]},
        )

    whole = Ranking(ranking._assemble([Ranking(part(0, 1470))], refused=0))
    pieces = [(0, 1), (1, 400), (400, 1000), (1000, 1470)]
    several = Ranking(ranking._assemble([Ranking(part(*p)) for p in pieces], refused=3))
    for key in ("row", "probability", "band", *whole.values):
        assert np.array_equal(whole.column(key), several.column(key)), key
    assert whole.values == several.values
    assert several.totals.refused == 3


def test_a_row_takes_few_bytes(assessed, alice, ibm_file):
    batch = assessed(alice, workforce(ibm_file, 5_000))
    assert len(bytes(batch.ranking.content)) < 20 * 5_000


def test_finishing_twice_changes_nothing(done):
    before = bytes(BatchRanking.objects.get(pk=done.pk).content)
    assert not done.chunks.exclude(part=b"").exists()
    ranking.finish(done)
    assert bytes(BatchRanking.objects.get(pk=done.pk).content) == before


def test_a_file_of_which_nobody_was_assessed_has_an_empty_ranking(assessed, alice):
    batch = assessed(alice, b"EmployeeNumber,OverTime\n1,perhaps\n2,never\n")
    ranks = ranking.of(batch)
    assert (ranks.totals.people, ranks.totals.refused) == (0, 2)
    assert not len(ranks.select(["high"], {answer_key("over_time"): {"Yes"}}))
    assert ranking.totals([batch])[batch.pk].share("high") == 0.0


def test_totals_of_many_files_take_one_query(
    done, tried, alice, ibm_file, django_assert_num_queries
):
    other = tried(alice, first_rows(ibm_file, 20))
    with django_assert_num_queries(1):
        totals = ranking.totals([done, other])
    assert totals[done.pk].people == 300
    assert totals[other.pk].people == 20
    assert sum(totals[done.pk].by_band.values()) == 300


def test_a_process_reads_a_ranking_once(done, django_assert_num_queries):
    ranking.of(done)
    with django_assert_num_queries(0):
        ranking.of(done)


def test_a_file_that_was_tried_and_begins_again_is_read_again(tried, alice, ibm_file):
    batch = tried(alice, first_rows(ibm_file, 20))
    assert len(ranking.of(batch)) == 20
    assert not Prediction.objects.filter(batch=batch).exists()
    assert jobs.begin(batch, record=True, by=alice)
    work_to_the_end(batch)
    assert ranking.of(batch).rows(np.arange(20)) == [p.row for p in recorded(batch)]


@pytest.mark.parametrize("content", [b"", b"RANK", b"\x80\x04\x95pickle" * 20])
def test_what_is_no_ranking_is_refused(content):
    with pytest.raises(ValueError, match="no ranking"):
        Ranking(content)


def test_an_empty_chunk_is_no_difficulty(active_model):
    schema = active_model.schema
    frame = CleanFrame([], {f.name: [] for f in schema.features}, {}, [], {})
    scores = active_model.model.score_frame(frame)
    empty = Ranking(ranking.part(schema, frame, scores, [], [], {"Department": []}))
    assert len(Ranking(ranking._assemble([empty, empty], refused=0))) == 0
