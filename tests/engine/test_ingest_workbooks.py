"""Workbooks as Excel and other programs write them, and as nobody would."""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import random
import time
import zipfile

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcore.engine.ingest import conversion, records, sheet, source
from mlcore.engine.ingest.refusals import TableError
from mlcore.engine.ingest.workbook_parts import SheetError


def workbook(*rows, change=lambda sheet: None):
    """An XLSX file, as openpyxl writes it."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    change(book.active)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


NAMESPACE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def package(rows, *, strings="<sst/>", compress=True):
    """An XLSX file of bare XML."""
    content = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(content, "w", method) as packed:
        packed.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns:r="{NAMESPACE}"><sheets><sheet r:id="r1"/></sheets></workbook>',
        )
        packed.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships><Relationship Id="r1" Type="x/worksheet" Target="sheet1.xml"/>'
            '<Relationship Id="r2" Type="x/sharedStrings" Target="strings.xml"/></Relationships>',
        )
        packed.writestr("xl/strings.xml", strings)
        packed.writestr("xl/sheet1.xml", f"<worksheet><sheetData>{rows}</sheetData></worksheet>")
    return content.getvalue()


def brought(content):
    """The names of the columns, and the records with their rows on the sheet."""
    incoming = source.examine(io.BytesIO(content))
    assert incoming.format.kind == "xlsx"
    return incoming.format.headers, list(records.read(incoming.pieces(), incoming.format))


def refusal(content):
    begun = time.monotonic()
    with pytest.raises(TableError) as refused:
        brought(content)
    assert time.monotonic() - begun < 30  # on a machine that does much else
    return refused.value.code


def converted(content):
    """The lines of the CSV that is made of a workbook, converted in this very process."""
    out = io.BytesIO()
    sheet.convert(io.BytesIO(content), out)
    return list(csv.reader(io.StringIO(out.getvalue().decode(), newline="")))


class TestCells:
    def test_numbers_words_and_truths_are_words_that_the_readers_know(self):
        names, rows = brought(
            workbook(["Name", "Pay", "Over"], ["Zoë & <b>", 5993, True], ["É", 1.1, None])
        )
        assert names == ["Name", "Pay", "Over"]
        assert rows == [(2, ["Zoë & <b>", "5993", "true"]), (3, ["É", "1.1", ""])]

    @pytest.mark.parametrize(
        ("number", "word"),
        [(0, "0"), (-3, "-3"), (5993.0, "5993"), (0.1 + 0.2, "0.3"), (1e-7, "0.0000001"),
         (1e20, "100000000000000000000"), (12345.678, "12345.678")],
    )  # fmt: skip
    def test_a_number_is_written_in_full(self, number, word):
        assert converted(workbook([number])) == [[word]]

    @pytest.mark.parametrize(
        ("moment", "word"),
        [
            (datetime.date(2024, 2, 29), "2024-02-29"),
            (datetime.datetime(2024, 2, 29, 12, 30), "2024-02-29 12:30:00"),
            (datetime.time(8, 30), "08:30:00"),
        ],
    )
    def test_dates_are_written_as_iso_has_them(self, moment, word):
        assert converted(workbook([moment])) == [[word]]

    def test_days_may_count_from_1904(self):
        content = io.BytesIO()
        book = xlsxwriter.Workbook(content, {"date_1904": True})
        style = book.add_format({"num_format": "dd/mm/yyyy"})
        book.add_worksheet().write_datetime(0, 0, datetime.datetime(2024, 2, 29), style)
        book.close()
        assert converted(content.getvalue()) == [["2024-02-29"]]

    @pytest.mark.parametrize(
        ("style", "number", "word"),
        [
            ("0%", 0.11, "11%"),
            ("0.0 %", 0.125, "12.5%"),
            ('#,##0.00 "€"', 5993, "5993"),
            ("[$€-40C] #,##0", 5993, "5993"),
            ('0" jours"', 12, "12"),
            ("[Red]0", 3, "3"),
            ("dd/mm/yyyy", 45351, "2024-02-29"),
            ("[$-40C]d mmmm yyyy", 45351, "2024-02-29"),
            ("General", 45351, "45351"),
            ("00000", 123, "00123"),
            ("00000;-00000", 123, "00123"),
            ("00000", 1234567, "1234567"),
            ("00000", -3, "-3"),
            ("0", 3, "3"),
            ("00.00", 3.5, "3.5"),
        ],
    )
    def test_a_number_format_tells_dates_percentages_and_zeros_and_nothing_else(
        self, style, number, word
    ):
        def change(active):
            active["A1"].number_format = style

        assert converted(workbook([number], change=change)) == [[word]]

    def test_a_formula_counts_by_its_result(self):
        content = io.BytesIO()
        book = xlsxwriter.Workbook(content)
        table = book.add_worksheet()
        for row in range(3):
            for column in range(3):
                table.write_formula(row, column, "=1+1", None, f"v{row}{column}")
        table.write_formula(1, 1, "=1+1", None, 7)
        book.close()
        assert brought(content.getvalue())[1][0] == (2, ["v10", "7", "v12"])

    def test_runs_of_letters_are_one_text_and_a_line_break_is_a_space(self):
        content = io.BytesIO()
        book = xlsxwriter.Workbook(content)
        table = book.add_worksheet()
        table.write_rich_string(0, 0, "bo", book.add_format({"bold": True}), "ld", " end")
        table.write_string(0, 1, "a\nb")
        book.close()
        assert converted(content.getvalue()) == [["bold end", "a b"]]

    def test_cells_merged_downwards_hold_their_value_in_each_row(self):
        content = workbook(
            ["Name", "Site"], ["a", "Lyon"], ["b", None], ["c", "Paris"], ["d", None],
            change=lambda active: (active.merge_cells("B2:B3"), active.merge_cells("B4:B5")),
        )  # fmt: skip
        assert [cells[1] for _, cells in brought(content)[1]] == ["Lyon", "Lyon", "Paris", "Paris"]


class TestSheets:
    def test_the_first_that_holds_something_and_can_be_seen_is_read(self):
        book = openpyxl.Workbook()
        book.create_sheet("hidden").append(["x", "y"])
        book["hidden"].sheet_state = "hidden"
        shown = book.create_sheet("shown")
        shown.append(["a", "b"])
        shown.append([1, 2])
        content = io.BytesIO()
        book.save(content)
        assert brought(content.getvalue()) == (["a", "b"], [(2, ["1", "2"])])

    @pytest.mark.parametrize(
        "notes", [[["Read me"]], [["Export", "RH"]], [["a"], ["b"], ["c"]]], ids=len
    )
    def test_notes_on_a_sheet_before_the_table_are_none(self, notes):
        book = openpyxl.Workbook()
        for row in notes:
            book.active.append(row)
        table = book.create_sheet("Data")
        table.append(["a", "b"])
        table.append([1, 2])
        table.merge_cells("A2:A3")
        content = io.BytesIO()
        book.save(content)
        assert brought(content.getvalue())[0] == ["a", "b"]
        table.sheet_state = "hidden"
        book.save(content := io.BytesIO())
        assert converted(content.getvalue())[0] == list(map(str, notes[0]))

    def test_names_without_employees_are_no_notes(self):
        book = openpyxl.Workbook()
        book.active.append(["a", "b", "c"])
        explained = book.create_sheet("Answers")
        explained.append(["a", "Yes"])
        explained.append(["b", "No"])
        content = io.BytesIO()
        book.save(content)
        assert refusal(content.getvalue()) == "no_employees"

    def test_also_in_an_opendocument_file(self):
        def table(name, *rows):
            cells = (
                "".join(
                    '<table:table-cell office:value-type="string">'
                    f"<text:p>{cell}</text:p></table:table-cell>"
                    for cell in row
                )
                for row in rows
            )
            body = "".join(f"<table:table-row>{row}</table:table-row>" for row in cells)
            return f'<table:table table:name="{name}">{body}</table:table>'

        names = "".join(
            f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
            for name in ("office", "table", "text")
        )
        with zipfile.ZipFile(content := io.BytesIO(), "w") as packed:
            packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            packed.writestr(
                "META-INF/manifest.xml",
                '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:'
                'manifest:1.0"/>',
            )
            packed.writestr(
                "content.xml",
                f"<office:document-content{names}><office:body><office:spreadsheet>"
                + table("Notes", ["Read me"])
                + table("Data", ["a", "b"], ["1", "2"])
                + "</office:spreadsheet></office:body></office:document-content>",
            )
        assert brought(content.getvalue()) == (["a", "b"], [(2, ["1", "2"])])

    def test_a_record_has_the_number_of_its_row(self):
        content = workbook([], ["Title"], [], ["a", "b"], [], [1, "x\ny"], [2, None])
        assert brought(content) == (["a", "b"], [(6, ["1", "x y"]), (7, ["2", ""])])

    def test_a_formula_that_nobody_calculated_is_no_blank(self):
        rows = [["a", "b"], *([n, n] for n in range(8))]
        content = workbook(*rows, [8, "=A9*2"], [9, '=IF(A1="a","","<&")'])
        assert brought(content)[1][-2:] == [
            (10, ["8", "=A9*2"]),
            (11, ["9", '=IF(A1="a","","<&")']),
        ]
        # A program that never calculates has left all of them so.
        content = workbook(["a", "b"], *([n, f"=A{n}*2"] for n in range(2, 10)))
        assert refusal(content) == "formulas"

    def test_a_formula_whose_result_is_an_empty_text_is_a_blank(self):
        cells = '<c r="A{0}"><f>1+{0}</f><v>7</v></c><c r="B{0}" t="str"><f>C1</f><v></v></c>'
        rows = "".join(f'<row r="{n}">{cells.format(n)}</row>' for n in range(1, 5))
        assert converted(package(rows)) == [["7"]] * 4
        shared = '<c r="A1" s="3" t="n"><f t="shared" si="0"/></c><c r="B1" t="b"><f>C1</f></c>'
        rest = "".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c></row>' for n in (2, 3))
        content = package(f'<row r="1">{shared}</row>{rest}')
        assert converted(content) == [["=", "=C1"], ["1", ""], ["1", ""]]

    def test_merged_names_and_units_are_a_header(self):
        content = workbook(
            ["Identité", None, "Rémunération", None],
            ["Matricule", "Âge", "Salaire", "Prime"],
            [None, "ans", "€", "%"],
            ["A1", 41, 5993, 3],
            ["A2", 36, 2090, 2],
            change=lambda active: (active.merge_cells("A1:B1"), active.merge_cells("C1:D1")),
        )
        names, rows = brought(content)
        assert names == ["Matricule", "Âge", "Salaire", "Prime"]
        assert rows[0] == (4, ["A1", "41", "5993", "3"])

    def test_rows_of_any_program_are_read(self):
        plain = '<row r="2"><c r="B2" t="str"><v>b</v></c><c r="D2"><f>1+1</f><v>2</v></c></row>'
        prefixed = '<x:row><x:c t="inlineStr"><x:is><x:t>a</x:t></x:is></x:c></x:row>'
        bare = "<row><c><v>1</v></c><c/><c t='b'><v>0</v></c><c t='e'><v>#N/A</v></c></row>"
        assert converted(package(plain)) == [["", "", "", ""], ["", "b", "", "2"]]
        assert converted(package(prefixed)) == [["a"]]
        assert converted(package(bare)) == [["1", "", "false", "#N/A"]]

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            st.lists(
                st.none()
                | st.integers(-(10**9), 10**9)
                | st.booleans()
                | st.text(
                    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]),
                    max_size=8,
                ).filter(lambda text: not text.startswith("=") and "_x" not in text),
                max_size=6,
            ),
            max_size=8,
        )
    )
    def test_what_was_written_is_read_back(self, rows):
        def word(cell):
            if isinstance(cell, bool):
                return "true" if cell else "false"
            return "" if cell is None else str(cell)

        expected = [[word(cell) for cell in row] for row in rows]
        for row in expected:
            while row and not row[-1]:
                row.pop()
        while expected and not expected[-1]:
            expected.pop()
        content = io.BytesIO()
        book = xlsxwriter.Workbook(content)
        table = book.add_worksheet()
        for number, row in enumerate(rows):
            for place, cell in enumerate(row):
                if isinstance(cell, str):
                    table.write_string(number, place, cell)
                else:
                    table.write(number, place, cell)
        book.close()
        if not expected:
            with pytest.raises(SheetError, match="empty"):
                converted(content.getvalue())
            return
        read = converted(content.getvalue())
        width = max(map(len, expected))
        assert read[: len(expected)] == [row + [""] * (width - len(row)) for row in expected]
        assert not any(map(any, read[len(expected) :]))


TEXT = '<row><c t="s"><v>0</v></c></row>'


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"PK\x03\x04", "workbook_unreadable"),
            (b"PK\x03\x04" + b"\x00" * 1000, "workbook_unreadable"),
            (workbook(["a", "b"], [1, 2])[:-200], "workbook_unreadable"),
            (workbook(), "empty"),
            (workbook(["a", "b"]), "no_employees"),
            (workbook(["a"], [1]), "one_column_only"),
            (workbook([41, "Yes", 1.5], [36, "No", 2]), "no_header"),
            (workbook(*[["=1+1"] * 5] * 5), "formulas"),
            (workbook(["c"] * 10_000, [1] * 10_000), "too_many_columns"),
        ],
        ids=range(9),
    )
    def test_what_is_no_table_is_told_in_a_sentence(self, content, code):
        assert refusal(content) == code

    def test_while_others_are_read_one_waits_a_moment_and_is_then_asked_to_come_again(
        self, monkeypatch
    ):
        monkeypatch.setattr(conversion, "_PATIENCE", 0.05)
        content = workbook(["a", "b"], [1, 2])
        with contextlib.ExitStack() as others:
            for _ in range(conversion.AT_ONCE):
                others.enter_context(conversion._ROOM)
            assert refusal(content) == "too_many_workbooks"
        with contextlib.closing(source.examine(io.BytesIO(content))) as incoming:
            assert incoming.about_rows == 1

    @pytest.mark.parametrize(
        ("rows", "strings"),
        [
            (" " * 100 * 2**20, "<sst/>"),
            ("<row/>" * 2**21, "<sst/>"),
            (TEXT * 2**17, f"<sst><si><t>{'x' * 32_000}</t></si></sst>"),
            ("<row>" + "<c><v>1</v></c>" * 100_000 + "</row>", "<sst/>"),
            ("<row><c><v>1</v></c></row>", f"<sst>{'<si><t>yyyyyyyyy</t></si>' * 2**22}</sst>"),
            (f"<row><c t='inlineStr'><is><t>{'x' * 6 * 2**20}</t></is></c></row>", "<sst/>"),
        ],
        ids=["blanks", "rows", "one long text", "one long row", "texts", "one long cell"],
    )
    def test_a_small_file_that_unpacks_to_much_is_refused(self, rows, strings):
        content = package(rows, strings=strings)
        assert len(content) < 10**6
        assert refusal(content) in ("workbook_too_large", "too_many_columns")

    def test_nothing_in_its_xml_is_expanded(self):
        entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        with zipfile.ZipFile(content := io.BytesIO(), "w") as packed:
            packed.writestr("xl/workbook.xml", f"{entities}<workbook>&b;</workbook>")
        assert refusal(content.getvalue()).startswith("workbook_")

    def test_a_claim_of_a_huge_sheet_costs_nothing(self):
        content = workbook(
            ["a", "b"], [1, 2], change=lambda active: active.__setitem__("XFD1048576", 1)
        )
        names, rows = brought(content)
        assert names == ["a", "b"]
        assert [len(cells) for _, cells in rows] == [2, 16_384]

    def test_a_damaged_workbook_is_a_table_or_a_sentence_and_never_an_exception(self):
        intact = workbook(["a", "b"], [1, "x"], [2, "y"])
        dice = random.Random(0)
        for _ in range(150):
            damaged = bytearray(intact)
            for _ in range(4):
                damaged[dice.randrange(4, len(damaged))] = dice.randrange(256)
            with contextlib.suppress(SheetError):
                converted(bytes(damaged))
