"""What an export holds, and that a spreadsheet opens it as it is meant."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import openpyxl
import pytest
import time_machine
from django.core.signals import request_finished
from django.http import FileResponse, StreamingHttpResponse
from factory.django import mute_signals

from mlcore.models import ModelVersion
from predictions import export_columns, exports, workbook
from predictions.models import Batch, Prediction, Source

LIST = "/admin/predictions/prediction/"
FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)"]
NOON = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)


def rows_of(response, delimiter=",") -> list[dict[str, str]]:
    text = response.getvalue().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def close(response) -> None:
    """As a server does at the end, but for the database's connection, which the test needs."""
    with mute_signals(request_finished):
        response.close()


def book_of(response):
    try:
        return openpyxl.load_workbook(io.BytesIO(b"".join(response.streaming_content)))
    finally:
        close(response)


def table_of(sheet) -> list[dict]:
    header, *rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert len(set(header)) == len(header)
    return [dict(zip(header, row, strict=True)) for row in rows]


def everything():
    return Prediction.objects.for_history()


class TestCSV:
    def test_a_row_in_english(self, record, alice):
        with time_machine.travel(NOON, tick=False):
            prediction = record(alice, employee_id="E-1", monthly_income=5993, gender="Female")
        [row] = rows_of(exports.csv_response(everything(), "en", alice))
        assert row["Date (UTC)"] == "2026-07-01 12:00:00"
        assert row["Employee"] == "E-1"
        assert row["Risk of leaving"] == repr(prediction.probability)
        assert row["Level of risk"] == prediction.get_band_display()
        assert row["Threshold"] == "0.25"
        assert row["Share of leavers in the training data"] == repr(prediction.base_rate)
        assert row["Source"] == "Form"
        assert row["Requested by"] == "alice"
        assert row["Model"] == prediction.model_version.version
        assert row["Request"] == "test-request"
        assert row["Prediction"] == str(prediction.pk)
        assert row["Works overtime"] == "Yes"
        assert row["Monthly income (USD per month)"] == "5993"
        assert row["Satisfaction with the job (1–4)"] == "4"
        overtime = row["Contribution: Works overtime"]
        assert float(overtime) == prediction.contributions["over_time"]
        assert "Gender" not in row

    def test_in_french_semicolons_and_decimal_commas(self, record, alice):
        prediction = record(alice, over_time="Yes")
        [row] = rows_of(exports.csv_response(everything(), "fr", alice), delimiter=";")
        assert row["Fait des heures supplémentaires"] == "Oui"
        decimals = repr(prediction.probability).replace(".", ",")
        assert decimals in row.values()
        assert repr(prediction.log_odds).replace(".", ",") in row.values()

    def test_it_begins_with_the_mark_by_which_excel_knows_utf_8(self, record, alice):
        record(alice, employee_id="Zoé")
        content = exports.csv_response(everything(), "en", alice).getvalue()
        assert content.startswith(b"\xef\xbb\xbfDate")
        assert content.endswith(b"\r\n")
        assert "Zoé".encode() in content

    @pytest.mark.parametrize("reference", FORMULAS)
    def test_no_text_is_a_formula(self, record, alice, reference):
        record(alice, employee_id=reference)
        [row] = rows_of(exports.csv_response(everything(), "en", alice))
        assert row["Employee"] == f"'{reference}"

    @pytest.mark.parametrize("text", ["\tx", "\rx", '"=1', *FORMULAS])
    def test_what_a_spreadsheet_could_take_for_a_formula_is_marked(self, text):
        assert exports.plain(text) == f"'{text}"

    @pytest.mark.parametrize(
        ("text", "marked"),
        [
            ("x;=1+1", "x;'=1+1"),
            ("x,@A1;-1", "x,'@A1;'-1"),
            ("x\t=1", "x\t'=1"),
            ("x\r\n+1", "x\r\n'+1"),
            ('x;""=1', 'x;\'""=1'),
        ],
    )
    def test_so_it_is_after_any_country_s_separator(self, text, marked):
        assert exports.plain(text) == marked

    @pytest.mark.parametrize("text", ["", "E-1", "a;b,c", "a; b-c", "a=b", "'=1", " =1", "Zoé"])
    def test_other_texts_stay_as_they_are(self, text):
        assert exports.plain(text) == text

    @pytest.mark.parametrize("reference", ["x{0}=1+1", 'x{0}"=1+1{0}', "x{0}@A1{0}y", "{0}+1"])
    @pytest.mark.parametrize("separator", [",", ";"])
    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_nor_where_a_spreadsheet_of_another_country_splits_it(
        self, record_with, alice, language, separator, reference
    ):
        record_with(alice, employee_id=reference.format(separator))
        text = exports.csv_response(everything(), language, alice).getvalue().decode("utf-8-sig")
        for delimiter in (",", ";"):
            for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
                assert not [cell for cell in cells if cell.startswith(("=", "@", "+"))]

    def test_a_heading_is_no_formula_either(self, record_with, alice):
        record_with(alice, commute=3)
        [row] = rows_of(exports.csv_response(everything(), "en", alice))
        assert row["'=Commute"] == "3"

    def test_a_negative_number_stays_a_number(self, record, alice):
        prediction = record(alice)
        [row] = rows_of(exports.csv_response(everything(), "en", alice))
        assert prediction.intercept < 0
        assert float(row["Log-odds of the average employee"]) == prediction.intercept

    def test_the_columns_add_up_exactly(self, record, alice):
        prediction = record(alice)
        [row] = rows_of(exports.csv_response(everything(), "en", alice))
        total = float(row["Log-odds of the average employee"]) + sum(
            float(cell) for heading, cell in row.items() if heading.startswith("Contribution: ")
        )
        assert total == pytest.approx(prediction.log_odds, abs=1e-9)

    def test_a_blank_is_an_empty_cell(self, record, alice):
        record(alice, monthly_income=None, employee_id="")
        [row] = rows_of(exports.csv_response(everything(), "en", alice))
        assert row["Monthly income (USD per month)"] == ""
        assert row["Employee"] == ""

    @pytest.mark.parametrize("reference", ['a"b', "a;b,c", "a'b"])
    def test_separators_and_quotes_survive(self, record, alice, reference):
        record(alice, employee_id=reference)
        for language, delimiter in (("en", ","), ("fr", ";")):
            response = exports.csv_response(everything(), language, alice)
            [row] = rows_of(response, delimiter)
            assert reference in row.values()

    def test_it_is_sent_while_it_is_written(self, record, alice, django_assert_num_queries):
        record(alice)
        response = exports.csv_response(everything(), "en", alice)
        assert isinstance(response, StreamingHttpResponse)
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        with django_assert_num_queries(1):
            response.getvalue()

    def test_in_the_time_zone_of_the_installation(self, record, alice, settings):
        with time_machine.travel(NOON, tick=False):
            record(alice)
        settings.TIME_ZONE = "Europe/Paris"
        [row] = rows_of(exports.csv_response(everything(), "en", alice))
        assert row["Date (Europe/Paris)"] == "2026-07-01 14:00:00"


class TestWorkbook:
    @pytest.fixture
    def export(self, alice):
        def make(language="en", **options):
            return book_of(exports.xlsx_response(everything(), language, alice, **options))

        return make

    def test_real_numbers_dates_and_percents(self, export, record, alice):
        with time_machine.travel(NOON, tick=False):
            prediction = record(alice, employee_id="007")
        sheet = export()["Predictions"]
        [row] = table_of(sheet)
        assert row["Date (UTC)"] == datetime(2026, 7, 1, 12, 0, 0)
        assert row["Employee"] == "007"
        assert row["Risk of leaving"] == pytest.approx(prediction.probability, abs=1e-15)
        assert row["Monthly income (USD per month)"] == 5993
        assert row["Satisfaction with the job (1–4)"] == 4
        formats = {cell.value: below.number_format for cell, below in zip(*sheet["A1:Z2"])}  # noqa: B905
        assert formats["Risk of leaving"] == "0.0%"
        assert formats["Date (UTC)"] == "yyyy-mm-dd hh:mm:ss"

    def test_the_header_is_styled_stays_and_filters(self, export, record, alice):
        record(alice)
        record(alice)
        book = export()
        for name, corner in (("Predictions", "C2"), ("Contributions", "B2")):
            sheet = book[name]
            assert sheet.freeze_panes == corner
            last = sheet.cell(3, sheet.max_column).coordinate
            assert sheet.auto_filter.ref == f"A1:{last}"
            assert sheet["A1"].font.bold

    def test_contributions_have_a_sheet_of_their_own(self, export, record, alice):
        prediction = record(alice, employee_id="E-1")
        [row] = table_of(export()["Contributions"])
        assert (row["Employee"], row["Prediction"]) == ("E-1", str(prediction.pk))
        overtime = row["Contribution: Works overtime"]
        assert overtime == pytest.approx(prediction.contributions["over_time"], abs=1e-12)
        assert row["Log-odds"] == pytest.approx(prediction.log_odds, abs=1e-12)

    @pytest.mark.parametrize("reference", [*FORMULAS, "https://example.com", "12345", "{=1}"])
    def test_text_stays_text(self, export, record, alice, reference):
        record(alice, employee_id=reference)
        cell = export()["Predictions"]["B2"]
        assert (cell.value, cell.data_type, cell.hyperlink) == (reference, "s", None)

    def test_it_says_where_it_is_from(self, export, record, record_with, alice):
        record(alice)
        record(alice)
        record_with(alice)
        with time_machine.travel(NOON, tick=False):
            sheet = export()["About this file"]
        facts = {row[0].value: row[1].value for row in sheet.iter_rows(max_row=4)}
        assert facts["Exported (UTC)"] == datetime(2026, 7, 1, 12, 0, 0)
        assert facts["Exported by"] == "Alice (alice)"
        assert facts["Predictions"] == 3
        models = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=7)]
        second, first = ModelVersion.objects.order_by("-registered_at")
        assert models == [
            [f"{second.version}: IBM HR attrition", second.sha256, 1],
            [f"{first.version}: IBM HR attrition", first.sha256, 2],
        ]

    def test_in_french(self, export, record, alice):
        record(alice, over_time="No")
        sheet = export("fr").worksheets[0]
        [row] = table_of(sheet)
        assert row["Fait des heures supplémentaires"] == "Non"

    def test_a_full_sheet_is_continued_on_another(self, export, record, alice, monkeypatch):
        monkeypatch.setattr(workbook, "ROWS_PER_SHEET", 3)
        for number in range(5):
            record(alice, employee_id=f"E-{number}")
        book = export()
        found = [
            row["Employee"]
            for sheet in book.worksheets
            if sheet.title.startswith("Predictions")
            for row in table_of(sheet)
        ]
        assert found == ["E-4", "E-3", "E-2", "E-1", "E-0"]
        assert "Contributions 3" in book.sheetnames

    def test_nothing_to_export_is_an_empty_table(self, export, active_model):
        book = export()
        assert table_of(book["Predictions"]) == []
        assert book["About this file"]["B3"].value == 0

    def test_its_file_is_gone_when_it_was_sent(self, record, alice):
        record(alice)
        response = exports.xlsx_response(everything(), "en", alice)
        assert isinstance(response, FileResponse)
        assert response["Content-Type"].endswith("spreadsheetml.sheet")
        file = response.file_to_stream
        close(response)
        assert file.closed


class TestAnyFormat:
    def test_models_of_different_schemas_share_a_file(self, record, record_with, alice):
        record(alice, employee_id="one", over_time="Yes")
        record_with(alice, employee_id="two", commute=12)
        two, one = rows_of(exports.csv_response(everything(), "en", alice))
        assert (one["Works overtime"], one["'=Commute"]) == ("Yes", "")
        assert (two["Works overtime"], two["'=Commute"]) == ("", "12")
        assert one["Contribution: =Commute"] == two["Contribution: Works overtime"] == ""
        assert one["Business travel"] == two["Business travel"] == "Rare"

    def test_audit_attributes_when_asked_for(self, record, alice):
        record(alice, gender="Female", age=41)
        response = exports.csv_response(everything(), "en", alice, audit_attributes=True)
        [row] = rows_of(response)
        assert (row["Gender"], row["Age (years)"]) == ("Female", "41")

    def test_equal_headings_are_told_apart(self):
        column = export_columns.Column(heading="Date", cell=lambda record: None)
        named = [c.heading for c in export_columns.distinct([column, column, column])]
        assert named == ["Date", "Date (2)", "Date (3)"]

    @pytest.mark.parametrize("extension", ["csv", "xlsx"])
    def test_its_name_says_when(self, record, alice, extension):
        record(alice)
        with time_machine.travel(NOON, tick=False):
            response = exports.RESPONSES[extension](everything(), "en", alice)
        close(response)
        name = f"predictions-2026-07-01-1200.{extension}"
        assert response["Content-Disposition"] == f'attachment; filename="{name}"'

    @pytest.mark.parametrize("extension", ["csv", "xlsx"])
    def test_the_queries_do_not_grow_with_the_rows(
        self, record, record_with, alice, dave, extension, django_assert_num_queries
    ):
        def export(expected):
            with django_assert_num_queries(expected):
                response = exports.RESPONSES[extension](everything(), "en", alice)
                b"".join(response.streaming_content)
            close(response)

        record(alice)
        export(3)  # which models and files, the models' schemas, and the rows
        for number in range(10):
            record(dave if number % 2 else alice)
            record_with(dave)
        export(3)

    @pytest.mark.parametrize("looked_at", [1, 2])
    def test_of_many_predictions_it_is_not_asked_whose_they_are(
        self, record, record_with, alice, monkeypatch, looked_at
    ):
        """Then a model that made others has its columns too, and no line among the models."""
        record_with(alice)
        for number in range(2):
            record(alice, employee_id=f"E-{number}")
        monkeypatch.setattr(export_columns, "_LOOKED_AT", looked_at)
        chosen = everything().filter(model_version__origin="bundled")
        rows = rows_of(exports.csv_response(chosen, "en", alice))
        assert len(rows) == 2
        assert ("'=Commute" in rows[0]) is (looked_at < 2)
        book = book_of(exports.xlsx_response(chosen, "en", alice))
        assert len(list(book["About this file"].iter_rows(min_row=7))) == 1

    def test_rows_come_in_portions(self, record, alice, monkeypatch):
        monkeypatch.setattr(exports, "_AT_ONCE", 2)
        for number in range(5):
            record(alice, employee_id=f"E-{number}")
        response = exports.csv_response(everything(), "en", alice)
        pieces = [piece.decode().count("E-") for piece in response]
        assert pieces == [0, 2, 2, 1]


def test_pandas_is_not_needed_and_xlsxwriter_only_for_a_workbook():
    code = (
        "import django, sys; django.setup(); import predictions.admin, predictions.exports;"
        "print(sorted({'pandas', 'xlsxwriter', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


class TestOfFiles:
    def test_the_file_the_line_and_the_groups(self, file, record, alice):
        record(alice, employee_id="E-1")
        rows = rows_of(exports.csv_response(everything(), "en", alice))
        by_employee = {row["Employee"]: row for row in rows}
        told = [by_employee["P-2"][name] for name in ("File", "Line in the file", "Site")]
        assert told == ["people.csv", "3", "'=Paris"]
        told = [by_employee["E-1"][name] for name in ("File", "Line in the file", "Site")]
        assert told == ["", "", ""]

    def test_in_a_workbook(self, file, alice):
        sheet = book_of(exports.xlsx_response(everything(), "en", alice))["Predictions"]
        row = next(row for row in table_of(sheet) if row["Employee"] == "P-2")
        assert (row["File"], row["Line in the file"], row["Site"]) == ("people.csv", 3, "=Paris")

    def test_a_group_called_as_something_else_is_told_apart(self, file, alice):
        Batch.objects.update(headers=["Employee", "Overtime", "Works overtime"], grouped=[2, 0])
        response = exports.csv_response(everything(), "en", alice)
        header = next(csv.reader([response.getvalue().decode("utf-8-sig").splitlines()[0]]))
        assert len(header) == len(set(header))
        assert {"Employee", "Employee (2)", "Works overtime", "Works overtime (2)"} <= set(header)

    def test_one_that_was_never_begun_has_no_columns(self, record, alice):
        record(alice)
        Batch.objects.create(name="x", size=1, uploaded_by=alice, headers=["Site"], grouped=[0])
        [row] = rows_of(exports.csv_response(everything(), "en", alice))
        assert "Site" not in row

    @pytest.fixture
    def files(self, file, alice):
        """Another one, begun a year before, with a group of its own."""
        year = timedelta(days=365)
        Batch.objects.create(
            name="old.csv",
            size=1,
            uploaded_by=alice,
            headers=["Team"],
            grouped=[0],
            started_at=file.started_at - year,
            finished_at=file.finished_at - year,
        )
        return [file, Batch.objects.get(name="old.csv")]

    @pytest.mark.parametrize("looked_at", [1, 10])
    def test_the_groups_are_those_of_the_files_that_were_asked_for(
        self, client, bob, files, record, alice, monkeypatch, looked_at
    ):
        monkeypatch.setattr(export_columns, "_LOOKED_AT", looked_at)
        record(alice)
        client.force_login(bob)
        [file, _old] = files
        for query in (f"batch={file.pk}", "source=file&created_from=2026-01-01"):
            header = client.get(f"/predictions/?export=csv&{query}").getvalue().decode()
            assert "Site" in header.splitlines()[0]
            assert "Team" not in header.splitlines()[0]
        one = Prediction.objects.filter(batch=file).first()
        chosen = {"action": "export_csv", "_selected_action": str(one.pk), "select_across": "1"}
        rows = client.post(f"{LIST}?file={file.pk}", chosen).getvalue().decode().splitlines()
        assert len(rows) == 3
        assert "Site" in rows[0]
        assert "Team" not in rows[0]

    def test_there_are_not_more_groups_than_fit_beside_each_other(self, file, alice, monkeypatch):
        monkeypatch.setattr(export_columns, "_MOST_GROUPS", 1)
        Batch.objects.update(headers=["Site", "Team"], grouped=[0, 1])
        row = rows_of(exports.csv_response(everything(), "en", alice))[0]
        assert "Site" in row
        assert "Team" not in row


class TestInTheAdmin:
    @pytest.fixture
    def act(self, as_bob):
        def run(action, selected, query="", **more):
            fields = {
                "index": "0",
                "action": action,
                "_selected_action": [str(p.pk) for p in selected],
                **more,
            }
            return as_bob.post(f"{LIST}{query}", fields)

        return run

    def test_the_selection_is_exported(self, act, record, alice):
        first, _second, third = (record(alice, employee_id=f"E-{n}") for n in "123")
        rows = rows_of(act("export_csv", [first, third]))
        assert [row["Employee"] for row in rows] == ["E-3", "E-1"]
        assert "Gender" in rows[0]

    def test_all_that_were_found_are_exported(self, act, record, alice):
        predictions = [record(alice, employee_id=f"E-{n}") for n in range(60)]
        record(alice, employee_id="F")
        answer = act("export_xlsx", predictions[:1], "?q=E-", select_across="1")
        assert len(table_of(book_of(answer).worksheets[0])) == 60

    def test_with_nothing_selected_nothing_is_sent(self, act, record, alice):
        record(alice)
        assert act("export_csv", []).status_code == 302

    def test_in_the_reader_s_language(self, as_bob, record, alice):
        prediction = record(alice)
        answer = as_bob.post(
            LIST,
            {"action": "export_csv", "_selected_action": [str(prediction.pk)]},
            headers={"Accept-Language": "fr"},
        )
        [row] = rows_of(answer, delimiter=";")
        assert row["Fait des heures supplémentaires"] == "Oui"

    @pytest.mark.parametrize("person", ["alice", "dave", "erin"])
    def test_not_without_access(self, client, request, record, alice, person):
        prediction = record(alice)
        client.force_login(request.getfixturevalue(person))
        selected = {"action": "export_csv", "_selected_action": [str(prediction.pk)]}
        assert client.post(LIST, selected).status_code == 403


def test_an_api_record_says_its_door(record, dave):
    record(dave, source=Source.API)
    [row] = rows_of(exports.csv_response(everything(), "en", dave))
    assert re.fullmatch("API", row["Source"])
