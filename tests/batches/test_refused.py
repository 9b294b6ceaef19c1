"""Rows that could not be assessed: what is said of each, and how they come again, corrected."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta

import openpyxl
import pytest
from django.core.signals import request_finished
from django.urls import reverse
from django.utils import timezone, translation
from factory.django import mute_signals

from mlcore import registry
from mlcore.engine.schema import SchemaError
from mlcore.engine.words import PROBLEMS, Problem
from predictions.batches import exports, files, refusals
from predictions.models import Prediction, RefusedRow
from tests.batches.conftest import first_rows
from tests.batches.workforces import workforce

FAULTY = (
    b"Matricule,OverTime,MonthlyIncome,JobLevel,JobRole,Nom,Department\r\n"
    b"E-1,Yes,4 000,2,Manager,Durand,Sales\r\n"
    b"E-2,perhaps,-5,2,Wizard,Dupont,=1+1\r\n"
    b"E-3,No,much,2,Manager,Martin,Sales\r\n"
    b"E-4,No,4000.5,9,Manager,Petit,R&D\r\n"
)


RAGGED = (
    b"Matricule,OverTime,MonthlyIncome,JobLevel\r\n"
    b"E-1,Yes,4000,2\r\n"
    b"E-2,4000,2\r\n"
    b"E-3,Yes,4,000,2\r\n"
    b"E-4,Yes,4000,2\r\n"
    b"<<<<<<< HEAD\r\nE-5,No,4000,2\r\n=======\r\nE-5,No,5000,2\r\n>>>>>>> theirs\r\n"
)


@pytest.fixture
def faulty(assessed, alice):
    return assessed(alice, FAULTY, name="Effectif octobre.csv")


def page_of(batch, query=""):
    return reverse("batches:refused", args=[batch.pk]) + query


def text_of(answer):
    plain = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", html.unescape(plain))


def downloaded(answer):
    try:
        return b"".join(answer.streaming_content)
    finally:
        with mute_signals(request_finished):
            answer.close()


def told(batch, language="en"):
    schema = registry.active().schema
    return {
        (row.row, refusal.column): (refusal.given, refusal.text)
        for row in RefusedRow.objects.filter(batch=batch)
        for refusal in refusals.sentences(row, schema, language)
    }


class TestTheSentences:
    def test_each_names_its_line_column_value_and_what_to_do(self, faulty):
        said = told(faulty)
        assert set(said) == {
            (3, "OverTime"),
            (3, "MonthlyIncome"),
            (3, "JobRole"),
            (4, "MonthlyIncome"),
            (5, "JobLevel"),
        }
        assert said[3, "OverTime"] == ("perhaps", "“perhaps” is not one of the choices: No, Yes.")
        given, text = said[4, "MonthlyIncome"]
        assert given == "much"
        assert text.startswith("“much” is not a number. Write it in digits, for example")

    def test_a_value_is_quoted_as_it_stands_in_the_file(self, assessed, alice):
        incomes = ("$2,345.50", "$-5,130", "$4,000.00", "$1,234.75")
        rows = "".join(f'E-{n},"{income}",Yes\n' for n, income in enumerate(incomes))
        batch = assessed(alice, f"EmployeeNumber,MonthlyIncome,OverTime\n{rows}".encode())
        [(given, text)] = told(batch).values()
        assert given == "$-5,130"
        assert "$-5,130" in text

    def test_in_french_too(self, faulty):
        assert told(faulty, "fr")[3, "OverTime"] == (
            "perhaps",
            "«\u00a0perhaps\u00a0» ne fait pas partie des choix\u00a0: Non, Oui.",
        )

    def test_they_are_what_a_single_row_is_told(self, faulty, active_model):
        with pytest.raises(SchemaError) as refused:
            active_model.schema.clean(
                {"over_time": "perhaps", "monthly_income": "-5", "job_role": "Wizard"}
            )
        for language in ("en", "fr"):
            expected = {
                problem.text(language)
                for found in refused.value.problems.values()
                for problem in found
            }
            said = {text for (line, _), (_, text) in told(faulty, language).items() if line == 3}
            assert said == expected

    def test_the_choices_are_not_stored_a_thousand_times(self, faulty):
        for row in RefusedRow.objects.filter(batch=faulty):
            assert all("choices" not in problem["params"] for problem in row.problems)

    def test_a_row_of_which_nothing_is_known(self, assessed, alice):
        batch = assessed(alice, b"EmployeeNumber,OverTime\n7,\n8,Yes\n")
        assert told(batch) == {(2, ""): ("", PROBLEMS["nothing_known"]["en"])}

    @pytest.mark.parametrize("code", sorted(PROBLEMS))
    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_every_problem_survives_being_stored(self, faulty, code, language):
        schema = registry.active().schema
        params = {
            "given": "x",
            "example": 4919,
            "minimum": 0,
            "maximum": 60,
            "length": 70,
            "suggestion": "age",
            "cells": 3,
            "width": 7,
            "line": 4,
            "column": "A",
            "choices": [choice.label for choice in schema.by_name["over_time"].choices],
        }
        problem = Problem(code, params)
        kept = refusals.stored({"over_time": "HS"}, {"over_time": "x"}, {"over_time": [problem]})
        row = RefusedRow(batch=faulty, row=2, problems=kept)
        [refusal] = refusals.sentences(row, schema, language)
        assert refusal.text == problem.text(language)
        assert refusal.column == "HS"


class TestThePage:
    def test_it_lists_every_problem(self, as_alice, faulty):
        text = text_of(as_alice.get(page_of(faulty)))
        assert "3 rows could not be assessed. The others are done already." in text.replace(
            "  ", " "
        )
        for given, sentence in told(faulty).values():
            assert given in text
            assert sentence in text

    def test_pages(self, as_alice, assessed, alice, ibm_file):
        batch = assessed(alice, workforce(ibm_file, 70, wrong=range(60)))
        assert "60 rows, 1 to 50" in text_of(as_alice.get(page_of(batch)))
        assert "60 rows, 51 to 60" in text_of(as_alice.get(page_of(batch, "?page=2")))
        assert "60 rows, 51 to 60" in text_of(as_alice.get(page_of(batch, "?page=99")))
        for nearest in ("0", "-1", "x"):
            assert "60 rows, 1 to 50" in text_of(as_alice.get(page_of(batch, f"?page={nearest}")))

    def test_it_costs_as_many_queries_with_many_rows(
        self, as_alice, assessed, alice, ibm_file, django_assert_num_queries
    ):
        few = assessed(alice, workforce(ibm_file, 10, wrong=(1,)))
        many = assessed(alice, workforce(ibm_file, 70, wrong=range(60)))
        for batch in (few, many):
            as_alice.get(page_of(batch))
            with django_assert_num_queries(6):
                as_alice.get(page_of(batch))

    def test_a_file_without_any_says_so(self, as_alice, assessed, alice, ibm_file):
        batch = assessed(alice, first_rows(ibm_file, 3))
        assert "Every row could be assessed." in text_of(as_alice.get(page_of(batch)))

    def test_of_a_file_that_was_only_tried(self, as_alice, tried, alice):
        batch = tried(alice, FAULTY)
        answer = as_alice.get(page_of(batch))
        assert "could not be assessed as they stand" in text_of(answer)
        assert "corrects=" not in answer.content.decode()

    @pytest.mark.parametrize(
        ("who", "status"), [("alice", 200), ("bob", 200), ("dave", 403), ("erin", 403)]
    )
    def test_who_may_read_it(self, client, request, faulty, who, status):
        client.force_login(request.getfixturevalue(who))
        assert client.get(page_of(faulty)).status_code == status

    @pytest.mark.parametrize(
        ("who", "status"), [("alice", 200), ("bob", 403), ("dave", 403), ("erin", 403)]
    )
    def test_who_may_download_it(self, client, request, faulty, who, status):
        client.force_login(request.getfixturevalue(who))
        for query in ("?export=csv", "?export=xlsx"):
            answer = client.get(page_of(faulty, query))
            assert answer.status_code == status
            if answer.streaming:
                downloaded(answer)

    def test_an_auditor_is_not_asked_to_bring_a_file(self, client, bob, as_alice, faulty):
        assert f"corrects={faulty.pk}" in as_alice.get(page_of(faulty)).content.decode()
        client.force_login(bob)
        assert "corrects=" not in client.get(page_of(faulty)).content.decode()

    def test_there_is_no_such_file(self, as_alice, active_model):
        assert as_alice.get("/batches/999/refused/").status_code == 404

    def test_once_erased_nothing_is_quoted(self, as_alice, faulty):
        files.erase_expired(now=timezone.now() + timedelta(days=400))
        faulty.refresh_from_db()
        answer = as_alice.get(page_of(faulty))
        text = text_of(answer)
        assert "What these rows said was erased on" in text
        assert not re.search("perhaps|much|Wizard|4000.5", text)
        assert "is not a number. Write it in digits" in text
        assert as_alice.get(page_of(faulty, "?export=csv")).status_code == 404


class TestTheDownload:
    def test_a_workbook_with_the_files_own_columns(self, as_alice, faulty):
        book = openpyxl.load_workbook(
            io.BytesIO(downloaded(as_alice.get(page_of(faulty, "?export=xlsx"))))
        )
        header, *rows = book.active.iter_rows(values_only=True)
        assert header == (
            *("Matricule", "OverTime", "MonthlyIncome", "JobLevel", "JobRole", "Department"),
            "Line",
            "What to do",
        )
        assert [row[:-1] for row in rows] == [
            ("E-2", "perhaps", "-5", "2", "Wizard", "=1+1", 3),
            ("E-3", "No", "much", "2", "Manager", "Sales", 4),
            ("E-4", "No", "4000.5", "9", "Manager", "R&D", 5),
        ]
        assert rows[1][-1].startswith("MonthlyIncome: “much” is not a number.")
        assert book.active.freeze_panes == "A2"
        assert all(cell.data_type != "f" for row in book.active.iter_rows() for cell in row)

    def test_what_nobody_asked_for_is_not_in_it(self, as_alice, faulty):
        assert b"Dupont" not in downloaded(as_alice.get(page_of(faulty, "?export=csv")))

    def test_csv_keeps_numbers_and_disarms_formulas(self, as_alice, faulty):
        text = downloaded(as_alice.get(page_of(faulty, "?export=csv"))).decode("utf-8-sig")
        row = next(csv.DictReader(io.StringIO(text)))
        assert row["MonthlyIncome"] == "-5"
        assert row["Department"] == "'=1+1"
        assert row["Line"] == "3"

    def test_csv_in_french_is_separated_as_french_spreadsheets_read_it(self, faulty):
        text = downloaded(exports.refused_csv(faulty, "fr")).decode("utf-8-sig")
        header = next(csv.reader(io.StringIO(text), delimiter=";"))
        assert header[:2] == ["Matricule", "OverTime"]

    def test_in_french_a_space_stands_before_the_colon(self, faulty):
        told = [row[-1] for row in exports.to_correct(faulty, "fr").rows()]
        assert told[1].startswith("MonthlyIncome\u00a0: ")

    def test_rows_of_which_nothing_was_kept_are_not_in_it(self, faulty):
        RefusedRow.objects.create(
            batch=faulty, row=90, problems=refusals.stored({}, {}, {"": [Problem("nothing_known")]})
        )
        assert len(list(exports.to_correct(faulty, "en").rows())) == 3

    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_cells_of_no_column_are_left_empty_and_refused_until_they_are_filled_in(
        self, assessed, alice, kind
    ):
        batch = assessed(alice, RAGGED)
        table = exports.to_correct(batch, "en")
        rows = list(table.rows())
        assert [row[-2] for row in rows] == ["3", "4", "7", "9"]
        for row in rows:
            assert row[:-2] == [""] * (len(table.headings) - 2)
            assert f"Line {row[-2]} of your file" in row[-1]
            assert "separator" not in row[-1]
        content = downloaded(exports.REFUSED[kind](batch, "en"))
        again = assessed(alice, content, name=f"to-correct.{kind}", corrects=batch)
        assert not Prediction.objects.filter(batch=again).exists()
        assert {text for _given, text in told(again).values()} == {PROBLEMS["nothing_known"]["en"]}

    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_corrected_it_is_brought_again_and_assessed(
        self, assessed, alice, faulty, kind, language
    ):
        content = downloaded(exports.REFUSED[kind](faulty, language))
        content = _corrected_csv(content, language) if kind == "csv" else _corrected_xlsx(content)
        again = assessed(alice, content, name=f"to-correct.{kind}", corrects=faulty)
        added = exports.added_columns()
        used = {again.headers[place] for place in [*again.matched.values(), *again.grouped]}
        assert not used & added
        assert again.state == "done"
        assert not again.refused_rows.exists()
        found = Prediction.objects.filter(batch=again).order_by("row")
        assert [p.employee_id for p in found] == ["E-2", "E-3", "E-4"]


def _corrected_csv(content, language):
    delimiter = ";" if language == "fr" else ","
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=delimiter))
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([rows[0], *map(_corrected, rows[1:])])
    return text.getvalue().encode()


def _corrected_xlsx(content):
    book = openpyxl.load_workbook(io.BytesIO(content))
    for row in book.active.iter_rows(min_row=2):
        for cell, value in zip(row, _corrected([cell.value for cell in row]), strict=True):
            cell.value = value
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _corrected(cells):
    reference, _overtime, _income, _level, _role, *others = cells
    return [reference, "Yes", "4000", "2", "Manager", *others]


def test_the_columns_that_are_added_are_called_so_in_each_language():
    with translation.override("en"):
        assert exports.line_and_what_to_do() == ("Line", "What to do")
    assert {"Line", "What to do"} <= exports.added_columns()
