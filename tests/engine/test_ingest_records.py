"""Records out of pieces of bytes: the same, however the bytes are cut."""

from __future__ import annotations

import csv
import io
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcore.engine.ingest import records, source
from mlcore.engine.ingest.records import Faults
from mlcore.engine.ingest.refusals import TableError
from mlcore.engine.ingest.source import Format
from mlcore.engine.words import PROBLEMS

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]


def layout(width=2, **known):
    known = {"kind": "csv", "encoding": "utf-8-sig", "delimiter": ";", "header_lines": 1} | known
    return Format(**known, headers=[f"c{n}" for n in range(width)])


def cut(content, places):
    edges = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[a:b] for a, b in pairwise(edges)]


def western(encoding):
    """Characters that an encoding can write and that a text holds."""
    codec = {"cp1252": "cp1252", "latin-1": "latin-1"}.get(encoding, "utf-8")
    return st.characters(codec=codec, exclude_categories=["Cs", "Cc"], include_characters="\n")


@st.composite
def tables(draw, encoding):
    """Names and rows of a table; each row begins with a number, as employees do."""
    width = draw(st.integers(2, 6))
    names = [f"Côté {n}" for n in range(width)]
    cell = st.text(western(encoding), max_size=12).filter(lambda text: "\x1a" not in text)
    rows = draw(st.lists(st.lists(cell, min_size=width - 1, max_size=width - 1), min_size=1))
    return names, [[str(number), *row] for number, row in enumerate(rows)]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_a_writer_wrote_is_read_back_however_it_is_encoded_divided_and_cut(data):
    encoding = data.draw(st.sampled_from(ENCODINGS))
    delimiter = data.draw(st.sampled_from(",;\t|"))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    names, rows = data.draw(tables(encoding))
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=delimiter,
        lineterminator=end,
        quoting=data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writerow(names)
    writer.writerows(rows)
    content = text.getvalue().encode(encoding)

    found = Format(
        kind="csv",
        encoding={"utf-8": "utf-8-sig", "latin-1": "latin-1"}.get(encoding, encoding),
        delimiter=delimiter,
        header_lines=1,
        headers=names,
    )
    pieces = cut(content, data.draw(st.lists(st.integers(0, 10_000), max_size=8)))
    read = list(records.read(pieces, found))
    assert [cells for _, cells in read] == rows
    lines = text.getvalue().split("\n")
    assert all(rows[n][0] in lines[line - 1] for n, (line, _) in enumerate(read))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_it_is_found_out_how_a_file_is_written(data):
    encoding = data.draw(st.sampled_from(ENCODINGS))
    delimiter = data.draw(st.sampled_from(",;\t|"))
    word = st.sampled_from(["Ventes", "Élise", "R&D", "12,5", "5 993", "", "a;b", "x|y", "1,2"])
    rows = data.draw(st.lists(st.tuples(word, word, word), min_size=1, max_size=30))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["Matricule", "Prénom", "Service", "Âge"])
    writer.writerows([number, *row] for number, row in enumerate(rows))
    incoming = source.examine(io.BytesIO(text.getvalue().encode(encoding)))
    assert incoming.format.headers == ["Matricule", "Prénom", "Service", "Âge"]
    assert incoming.about_rows == len(rows)
    read = [tuple(cells[1:]) for _, cells in records.read(incoming.pieces(), incoming.format)]
    assert read == rows


def test_a_record_of_several_lines_is_told_by_its_first():
    content = b'a;b\n"x\ny\nz";1\n2;3\n'
    assert list(records.read([content], layout())) == [(2, ["x\ny\nz", "1"]), (5, ["2", "3"])]


def test_old_macs_end_their_lines_otherwise():
    assert list(records.read([b"a;b\r1;2\r3;4"], layout())) == [(2, ["1", "2"]), (3, ["3", "4"])]


def test_ragged_records_are_given_as_they_are():
    content = b"a;b\n1\n1;2;3\n1;2;;\n"
    assert [cells for _, cells in records.read([content], layout())] == [
        ["1"], ["1", "2", "3"], ["1", "2"],
    ]  # fmt: skip


def test_reading_ends_at_the_limit():
    with pytest.raises(TableError) as refused:
        list(records.read([b"a;b\n" + b"1;2\n" * 11], layout(), most=10))
    assert refused.value.code == "too_many_rows"


def test_a_text_that_cannot_be_decoded_ends_it():
    with pytest.raises(TableError) as refused:
        list(records.read([b"a;b\n\xff;1\n"], layout()))
    assert refused.value.code == "undecodable"


def test_memory_does_not_grow_with_the_file():
    piece = b"1;" + b"x" * 100 + b"\n"
    tracemalloc.start()
    peaks = []
    for times in (2, 30):
        tracemalloc.reset_peak()
        read = records.read([b"a;b\n", *[piece * 5_000] * times], layout())
        assert sum(1 for _ in read) == 5_000 * times
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


class TestFaults:
    def problems(self, *rows, width=3):
        faults = Faults(width)
        found = [faults.of(list(row)) for row in rows]
        return [problem and problem.code for problem in found]

    def test_a_record_of_another_width_is_ragged(self):
        faults = Faults(3)
        problem = faults.of(["1", "2"])
        assert problem.code == "ragged"
        assert problem.params == {"cells": 2, "width": 3}
        assert faults.of(["1", "2", "3"]) is None

    def test_nothing_between_the_marks_of_a_merge_can_be_believed(self):
        row = "123"
        assert self.problems(
            row, ["<<<<<<< HEAD"], row, ["======="], row, "12", [">>>>>>> theirs"], row, "12"
        ) == [
            None, "merge_marker", "merging", "merge_marker", "merging", "merging", "merge_marker",
            None, "ragged",
        ]  # fmt: skip

    def test_a_cell_that_looks_like_a_mark_is_none(self):
        assert self.problems(["=======", "2", "3"], "123") == [None, None]

    def test_a_mark_ends_the_merge_however_many_delimiters_its_name_holds(self):
        assert self.problems(
            ["<<<<<<< a", " b", " c"], "123", ["======="], "123", [">>>>>>> a", " b", " c"], "123"
        ) == ["merge_marker", "merging", "merge_marker", "merging", "merge_marker", None]

    @pytest.mark.parametrize(
        "row",
        [
            ["Total", "", "60000"],
            ["", "TOTAUX :", "60 000,00 €"],
            ["Total général", "", ""],
            ["Grand total", "4", " "],
            ["Moyenne", "", "41,5"],
            ["Average", "", "12 %"],
            ["Summe", "60000"],
        ],
        ids=lambda row: row[0] or row[1],
    )
    def test_a_row_of_totals_is_nobody(self, row):
        assert self.problems(row) == ["total_row"]

    @pytest.mark.parametrize(
        "row",
        [
            ["Total", "A12", ""],
            ["Total", "7", "60000"],
            ["E1", "Total", ""],
            ["Totalis", "", "60000"],
            ["Sommer", "", "60000"],
        ],
        ids=lambda row: "-".join(row),
    )
    def test_but_who_works_for_total_or_is_called_like_it_is_somebody(self, row):
        assert self.problems(row) == [None]

    def test_each_can_be_said_in_both_languages(self):
        for code in ("ragged", "merge_marker", "merging", "total_row"):
            assert PROBLEMS[code]["en"] != PROBLEMS[code]["fr"]
