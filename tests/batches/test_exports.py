"""The results of a file as a spreadsheet: read back as it will be opened."""

from __future__ import annotations

import csv
import io
import zipfile

import openpyxl
import pytest
from django.core.signals import request_finished
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from factory.django import mute_signals

from mlcore import registry
from predictions.batches import exports
from predictions.explanation import explain
from predictions.models import Prediction
from tests.batches.conftest import first_rows
from tests.batches.workforces import workforce

ROWS = 60


@pytest.fixture
def done(assessed, alice, ibm_file):
    return assessed(alice, first_rows(ibm_file, ROWS), name="Workforce, October.csv")


@pytest.fixture
def download(as_alice):
    """The bytes of a download, as alice gets them."""

    def get(batch, kind, query=""):
        answer = as_alice.get(f"{batch.get_absolute_url()}?export={kind}{query}")
        assert answer.status_code == 200
        try:
            return answer, b"".join(answer.streaming_content)
        finally:
            with mute_signals(request_finished):
                answer.close()

    return get


@pytest.fixture
def book(download):
    def get(batch, query=""):
        return openpyxl.load_workbook(io.BytesIO(download(batch, "xlsx", query)[1]))

    return get


@pytest.fixture
def lines(download):
    def get(batch, query="", delimiter=","):
        text = download(batch, "csv", query)[1].decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))

    return get


def table_of(sheet):
    header, *rows = sheet.iter_rows(values_only=True)
    assert len(set(header)) == len(header)
    return [dict(zip(header, row, strict=True)) for row in rows]


def recorded(batch, **only):
    return list(Prediction.objects.filter(batch=batch, **only).order_by("-probability", "row"))


class TestXLSX:
    def test_everyone_by_risk_with_reasons_inputs_and_groups(self, book, done):
        rows, predictions = table_of(book(done).worksheets[0]), recorded(done)
        assert [row["Employee"] for row in rows] == [p.employee_id for p in predictions]
        for row, prediction in zip(rows, predictions, strict=True):
            assert row["Risk of leaving"] == prediction.probability
            assert row["Level of risk"] == prediction.get_band_display()
            assert row["Line in the file"] == prediction.row
            assert row["Prediction"] == str(prediction.pk)
            assert row["Department"] == prediction.groups["Department"]
            assert row["Works overtime"] == prediction.inputs["over_time"]
            assert row["Job level (1–5)"] == prediction.inputs["job_level"]
            first, second = explain(prediction, "en").reasons[:2]
            assert row["Strongest reason"] == first.sentence
            assert row["Second reason"] == second.sentence

    def test_it_is_made_to_be_worked_with(self, book, done):
        sheet = book(done).worksheets[0]
        assert sheet.freeze_panes == "B2"
        assert sheet.auto_filter.ref.endswith(str(ROWS + 1))
        assert sheet["A1"].font.bold
        assert sheet.max_row == ROWS + 1
        by_heading = {cell.value: cell.column for cell in sheet[1]}
        risk = sheet.cell(2, by_heading["Risk of leaving"])
        assert risk.number_format == "0.0%"
        assert risk.data_type == "n"

    def test_it_says_which_file_which_model_when_and_by_whom(self, book, done):
        facts = {row[0]: row[1] for row in book(done).worksheets[1].iter_rows(values_only=True)}
        version = done.model_version
        assert facts["File"] == "Workforce, October.csv"
        assert facts["SHA-256 of the file"] == done.sha256
        assert facts["SHA-256 of the artifact"] == version.sha256
        assert facts["Model"].startswith(version.version)
        assert facts["Requested by"] == facts["Exported by"] == "Alice (alice)"
        assert facts["Assessed (UTC)"].date() == done.started_at.date()
        assert facts["People assessed"] == facts["People in this export"] == ROWS
        assert facts["High risk begins at"] == done.threshold

    def test_what_the_filters_leave(self, book, done):
        made = book(done, "&band=low&g.Department=Sales&sort=lowest")
        rows = table_of(made.worksheets[0])
        expected = recorded(done, band="low", groups__Department="Sales")[::-1]
        assert [row["Employee"] for row in rows] == [p.employee_id for p in expected]
        facts = list(made.worksheets[1].iter_rows(values_only=True))
        assert ("Only", "Department: Sales") in facts
        assert ("Only", "Level of risk: Low") in facts
        assert ("People in this export", len(expected)) in facts

    def test_nobody_is_a_sheet_with_its_header(self, book, done):
        sheet = book(done, "&employee=nobody").worksheets[0]
        assert sheet.max_row == 1
        assert sheet["A1"].value == "Employee"

    def test_a_cell_is_what_the_file_said_and_never_a_formula(self, book, assessed, alice):
        texts = [
            "=1+1",
            "@SUM(A1)",
            "+1",
            "-1",
            "http://a.example",
            "a<b&c>d",
            " _x0041_ ",
            "é\u2028x",
        ]
        rows = [f'E{n},Yes,"{text}"' for n, text in enumerate(texts)]
        batch = assessed(alice, "\n".join(["Matricule,OverTime,Department", *rows]).encode())
        sheet = book(batch, "&sort=line").worksheets[0]
        cells = [cell for row in sheet.iter_rows() for cell in row]
        assert all(cell.data_type in "ns" and cell.hyperlink is None for cell in cells)
        found = {row["Employee"]: row["Department"] for row in table_of(sheet)}
        for n in range(len(texts)):
            kept = Prediction.objects.get(batch=batch, employee_id=f"E{n}").groups["Department"]
            # openpyxl does not read Excel's escapes, by which `_x0041_` stays itself.
            assert found[f"E{n}"].replace("_x005F_", "_") == kept

    def test_in_french(self, download, as_alice, done):
        as_alice.cookies["django_language"] = "fr"
        with translation.override("fr"):
            made = openpyxl.load_workbook(io.BytesIO(download(done, "xlsx")[1]))
            first = table_of(made.worksheets[0])[0]
            prediction = recorded(done)[0]
            assert first["Niveau de risque"] == prediction.get_band_display()
            reason = explain(prediction, "fr").reasons[0].sentence
        assert reason in first.values()


class TestCSV:
    def test_the_same_people_in_the_same_order(self, lines, book, done):
        written = lines(done, "&f.over_time=No")
        expected = table_of(book(done, "&f.over_time=No").worksheets[0])
        assert [row["Employee"] for row in written] == [row["Employee"] for row in expected]
        assert list(written[0]) == list(expected[0])
        assert [float(row["Risk of leaving"]) for row in written] == [
            row["Risk of leaving"] for row in expected
        ]

    def test_french_spreadsheets_open_it(self, lines, as_alice, done):
        as_alice.cookies["django_language"] = "fr"
        first = lines(done, delimiter=";")[0]
        with translation.override("fr"):
            prediction = recorded(done)[0]
            assert first["Niveau de risque"] == prediction.get_band_display()
        assert first["Risque de départ"] == repr(prediction.probability).replace(".", ",")

    def test_formulas_are_disarmed(self, lines, assessed, alice):
        content = b"Matricule,OverTime,Department\n=1+1,Yes,=cmd|' /C calc'!A0\n"
        [row] = lines(assessed(alice, content))
        assert row["Employee"] == "'=1+1"
        assert row["Department"].startswith("'=cmd")


class TestTheDownload:
    def test_it_is_named_after_the_file(self, download, done):
        answer, _ = download(done, "xlsx")
        assert answer["Content-Disposition"].endswith('filename="workforce-october-results.xlsx"')

    @pytest.mark.parametrize(
        "name", ['a"b\r\n.csv', "../../etc.csv", "名簿.csv", ".csv", "x" * 250]
    )
    def test_whatever_the_file_is_called(self, name):
        made = exports.filename(name, "csv", kind="results")
        assert made.isascii()
        assert not set(made) & set('/\\"\r\n')
        assert len(made) < 80

    @pytest.mark.parametrize(("who", "status"), [("bob", 200), ("dave", 403), ("erin", 403)])
    def test_who_may_have_it(self, client, request, done, who, status):
        client.force_login(request.getfixturevalue(who))
        for kind in ("csv", "xlsx"):
            answer = client.get(f"{done.get_absolute_url()}?export={kind}")
            assert answer.status_code == status
            with mute_signals(request_finished):
                answer.close()

    def test_audit_attributes_are_not_in_it(self, lines, done):
        labels = {feature.label["en"] for feature in registry.active().schema.audit}
        assert not labels & set(lines(done)[0])

    def test_several_portions_are_one_sheet(self, book, lines, assessed, alice, ibm_file):
        batch = assessed(alice, workforce(ibm_file, 2_300))
        rows = table_of(book(batch).worksheets[0])
        expected = [prediction.employee_id for prediction in recorded(batch)]
        assert [row["Employee"] for row in rows] == expected
        assert [row["Employee"] for row in lines(batch)] == expected

    def test_it_is_sent_while_it_is_written(self, as_alice, assessed, alice, ibm_file):
        batch = assessed(alice, workforce(ibm_file, 2_300))
        answer = as_alice.get(batch.get_absolute_url() + "?export=xlsx")
        pieces = iter(answer.streaming_content)
        with CaptureQueriesContext(connection) as before_the_first_row:
            begun = next(pieces)
        assert not before_the_first_row.captured_queries
        with CaptureQueriesContext(connection) as afterwards:
            rest = b"".join(pieces)
        assert len(afterwards) == 3  # a thousand people each
        assert len(openpyxl.load_workbook(io.BytesIO(begun + rest)).worksheets[0]["A"]) == 2_301

    def test_it_is_a_sound_archive(self, download, done):
        with zipfile.ZipFile(io.BytesIO(download(done, "xlsx")[1])) as archive:
            assert archive.testzip() is None
