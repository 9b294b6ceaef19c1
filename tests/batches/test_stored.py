"""What an earlier release stored of a file: this one goes on with it, or says that it cannot."""

from __future__ import annotations

import json
import struct
import zlib

import pytest

from predictions.batches import jobs, ranking
from predictions.batches.cutting import Rows
from predictions.batches.ranking import Ranking, answer_key, group_key
from predictions.models import Prediction
from tests.batches.conftest import work_to_the_end

CONTENT = (
    "EmployeeNumber,MonthlyIncome,OverTime,Department,Surname\n"
    + "".join(f"E{n},{4000 + 100 * n},Yes,Sales,Doe\n" for n in range(5))
    + "A1,much,No,Sales,Doe\nA2,5000\n"
).encode()


def in_the_first_form(rows):
    """The bytes of a chunk as the first release wrote them."""
    odd = [[o.line, o.problem.code, o.problem.params, o.cells] for o in rows.odd]
    text = json.dumps(
        [rows.places, rows.lines, rows.columns, odd], ensure_ascii=False, separators=(",", ":")
    )
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 1)


def as_the_first_release_left_it(batch):
    for chunk in batch.chunks.all():
        chunk.content = in_the_first_form(Rows.unpack(bytes(chunk.content)))
        chunk.save()


def results(batch):
    people = Prediction.objects.filter(batch=batch).order_by("row")
    refused = batch.refused_rows.order_by("row")
    return [*people.values_list("row", "employee_id", "probability", "groups")], [
        *refused.values_list("row", "employee_id", "problems", "cells")
    ]


@pytest.mark.django_db
class TestChunks:
    def test_a_file_that_was_tried_is_shown_and_assessed(self, alice, as_alice, tried, assessed):
        batch = tried(alice, CONTENT)
        as_the_first_release_left_it(batch)
        page = as_alice.get(batch.get_absolute_url())
        references = {reference for _line, reference, *_others in page.context["people"]}
        assert references == {f"E{n}" for n in range(5)}
        assert jobs.begin(batch, record=True, by=alice)
        work_to_the_end(batch)
        assert results(batch) == results(assessed(alice, CONTENT))
        assert len(results(batch)[0]) == 5

    def test_a_file_at_work_goes_on(self, alice, bring, assessed):
        batch = bring(alice, CONTENT)
        jobs.begin(batch, record=True, by=alice)
        jobs.work(batch.pk, 0.0)
        as_the_first_release_left_it(batch)
        work_to_the_end(batch)
        assert results(batch) == results(assessed(alice, CONTENT))


class TestForms:
    LINES, COLUMNS = [2, 3], [["E1", "E\ud800"], ["5000", "é"]]
    ODD = [[4, "ragged", {"cells": 1, "width": 3}, ["E3", ""]]]

    def first(self):
        text = json.dumps([[0, 2], self.LINES, self.COLUMNS, self.ODD], ensure_ascii=False)
        return zlib.compress(text.encode("utf-8", "surrogatepass"))

    def second(self, version=2):
        parts = [zlib.compress(json.dumps(p).encode()) for p in (self.LINES, self.ODD)]
        parts += [zlib.compress(json.dumps(column).encode()) for column in self.COLUMNS]
        directory = zlib.compress(json.dumps([[0, 2], [*map(len, parts)]]).encode())
        prefix = b"ROWS" + bytes([version, 0, 0, 0]) + struct.pack("<I", len(directory))
        return prefix + directory + b"".join(parts)

    @pytest.mark.parametrize("form", ["first", "second"])
    def test_a_chunk_is_read(self, form):
        content = getattr(self, form)()
        rows = Rows.unpack(content)
        assert (rows.places, rows.lines, rows.columns) == ([0, 2], self.LINES, self.COLUMNS)
        [odd] = rows.odd
        assert [odd.line, odd.problem.code, odd.problem.params, odd.cells] == self.ODD[0]
        assert Rows.column_of(content, 2) == (self.LINES, self.COLUMNS[1])
        again = Rows.unpack(rows.pack())
        assert (again, rows.pack()[:5]) == (rows, b"ROWS\x02")

    def test_a_chunk_of_a_later_release_is_refused(self):
        for read in (Rows.unpack, lambda content: Rows.column_of(content, 0)):
            with pytest.raises(ValueError, match="no chunk of this version"):
                read(self.second(version=3))

    @pytest.mark.parametrize("content", [b"", b"\x80\x04\x95pickle" * 20])
    def test_what_is_no_chunk_is_refused(self, content):
        with pytest.raises(ValueError, match="no chunk"):
            Rows.unpack(content)


class TestRankings:
    """Three people: lines 7, 2 and 4, very high, high and low."""

    def stored(self, version=1):
        columns = {
            "row": ("|u1", struct.pack("<3B", 7, 2, 4)),
            "probability": ("<f4", struct.pack("<3f", 0.75, 0.5, 0.125)),
            "band": ("|u1", bytes([3, 2, 0])),
            "f.over_time": ("|u1", bytes([1, 1, 2])),
            "g.Department": ("<u2", struct.pack("<3H", 1, 0, 1)),
        }
        values = {"f.over_time": ["No", "Yes", None], "g.Department": ["R&D", "Ventes à Nîmes"]}
        tables = {
            "f.over_time": [[0, 0, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0]],
            "g.Department": [[0, 0, 1, 0], [1, 0, 0, 1]],
        }
        packed = {key: zlib.compress(data) for key, (_, data) in columns.items()}
        directory, start = {}, 0
        for key, (kind, _) in columns.items():
            directory[key] = [kind, start, len(packed[key])]
            start += len(packed[key])
        header = json.dumps({"columns": directory, "values": values, "tables": tables}).encode()
        prefix = b"RANK" + bytes([version, 0, 0, 0]) + struct.pack("<I", len(header))
        # People, refused, and people by level.
        prefix += struct.pack("<6Q", 3, 5, 1, 0, 1, 1)
        return prefix + header + b"".join(packed.values())

    def test_a_ranking_is_read(self):
        ranks = Ranking(self.stored())
        assert (ranks.totals.people, ranks.totals.refused) == (3, 5)
        assert ranks.by_band() == {"low": 1, "moderate": 0, "high": 1, "very_high": 1}
        assert ranks.rows(ranks.select()) == [7, 2, 4]
        assert ranks.rows(ranks.select(where={answer_key("over_time"): {""}})) == [4]
        assert ranks.rows(ranks.select(where={group_key("Department"): {"R&D"}})) == [2]
        assert ranks.column("probability").tolist() == [0.75, 0.5, 0.125]
        assert ranks.table(group_key("Department")) == [[0, 0, 1, 0], [1, 0, 0, 1]]

    def test_it_is_written_again_as_it_was(self):
        """So that a chunk's part of one release is put together with those of the next."""
        stored = Ranking(self.stored())
        written = Ranking(ranking._assemble([stored], refused=5))
        assert (written.totals, written.values) == (stored.totals, stored.values)
        assert written.tables({}) == stored.tables({})
        for key in ("row", "probability", "band", *stored.values):
            assert written.read(key).tolist() == stored.read(key).tolist()

    def test_one_of_a_later_release_is_refused(self):
        with pytest.raises(ValueError, match="no ranking of this version"):
            Ranking(self.stored(version=2))
