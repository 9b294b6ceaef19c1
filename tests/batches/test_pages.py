"""The pages by which a file is brought: who may, what is refused in words, what is listed."""

from __future__ import annotations

import io

import openpyxl
import pytest
from django.test import Client
from django.urls import reverse

from predictions.batches import jobs
from predictions.models import Batch, BatchPiece, BatchState
from tests.batches.exports_of_hr import export, upload
from tests.batches.pages import LIST, NEW, bring, text_of

pytestmark = pytest.mark.usefixtures("active_model")


@pytest.fixture
def draft(as_alice):
    return bring(as_alice)


def addresses(batch):
    """Every address of a file: the method, the address, and whether reading alone suffices."""
    return [
        ("get", LIST, True),
        ("get", batch.get_absolute_url(), True),
        ("get", reverse("batches:progress", args=[batch.pk]), True),
        ("get", NEW, False),
        ("post", NEW, False),
        ("get", reverse("batches:columns", args=[batch.pk]), False),
        ("post", reverse("batches:columns", args=[batch.pk]), False),
        ("post", reverse("batches:start", args=[batch.pk]), False),
        ("post", reverse("batches:cancel", args=[batch.pk]), False),
        ("post", reverse("batches:discard", args=[batch.pk]), False),
    ]


# ------------------------------------------------------------------ who


def test_an_auditor_reads_and_brings_nothing(client, draft, bob):
    client.force_login(bob)
    for method, address, reading in addresses(draft):
        expected = 200 if reading else 403
        assert getattr(client, method)(address).status_code == expected, (method, address)
    draft.refresh_from_db()
    assert draft.state == BatchState.DRAFT


def test_an_auditor_sees_that_a_file_waits_and_none_of_its_cells(client, draft, bob):
    client.force_login(bob)
    page = text_of(client.get(draft.get_absolute_url()))
    assert "waits for someone to look at its columns" in page
    assert "Durand" not in page
    assert NEW not in page


@pytest.mark.parametrize("who", ["dave", "erin"])
def test_nobody_else_may(client, draft, request, who):
    client.force_login(request.getfixturevalue(who))
    for method, address, _reading in addresses(draft):
        assert getattr(client, method)(address).status_code == 403, (method, address)


def test_whoever_is_not_signed_in_is_asked_to(client, draft):
    client.logout()
    for method, address, _reading in addresses(draft):
        answer = getattr(client, method)(address)
        assert answer.status_code == 302, (method, address)
        assert answer.url.startswith("/accounts/login/")


def test_a_form_without_its_token_is_refused(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post(NEW, {"file": upload(export())}).status_code == 403
    assert not Batch.objects.exists()


def test_what_begins_something_is_no_link(as_alice, draft):
    assert as_alice.get(reverse("batches:start", args=[draft.pk])).status_code == 405
    for name in ("cancel", "discard"):
        as_alice.get(reverse(f"batches:{name}", args=[draft.pk]))
        draft.refresh_from_db()
        assert draft.state == BatchState.DRAFT


def test_no_page_with_cells_is_kept_by_the_browser(as_alice, draft):
    for address in (LIST, reverse("batches:columns", args=[draft.pk])):
        assert "no-store" in as_alice.get(address)["Cache-Control"]


# ------------------------------------------------------------------ the file


def test_a_file_becomes_a_draft_whose_columns_are_looked_at(as_alice, alice):
    answer = as_alice.post(NEW, {"file": upload(export(), "équipe <2026>.csv")})
    batch = Batch.objects.get()
    assert answer.url == reverse("batches:columns", args=[batch.pk])
    assert (batch.state, batch.uploaded_by, batch.name) == (
        BatchState.DRAFT,
        alice,
        "équipe <2026>.csv",
    )
    assert "équipe &lt;2026&gt;.csv" in text_of(as_alice.get(answer.url))


BAD = {
    "nothing": (b"", "empty"),
    "no table": (b"\x00\x01\x02", "neither a CSV nor an XLSX"),
    "no workbook": (b"PK\x03\x04nonsense", "workbook"),
    "a web page named xls": (b"<html><table><tr><td>1</td></tr></table></html>", "neither"),
    "a header alone": (b"EmployeeNumber,OverTime\n", "no employees"),
    "10,000 columns": (
        b",".join(b"c%d" % n for n in range(10_000)) + b"\n" + b",".join([b"1"] * 10_000) + b"\n",
        "columns",
    ),
}


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_a_sentence_at_the_field_and_not_kept(as_alice, name, language):
    content, said = BAD[name]
    answer = as_alice.post(NEW, {"file": upload(content)}, headers={"Accept-Language": language})
    assert answer.status_code == 200
    (error,) = answer.context["form"].errors["file"]
    assert error.endswith(".")
    if language == "en":
        assert said in error
    assert not Batch.objects.exists()
    assert not BatchPiece.objects.exists()


def test_no_file_at_all(as_alice):
    assert "Choose a file first." in text_of(as_alice.post(NEW, {}))


def test_a_body_that_is_too_large_is_refused_before_it_is_parsed(as_alice, settings):
    settings.BATCH_MAX_BODY = 100_000
    answer = as_alice.post(NEW, {"file": upload(b"x" * 200_000)})
    assert answer.status_code == 413
    assert "too large" in answer.context["form"].errors["file"][0]
    assert not Batch.objects.exists()


def test_a_workbook_becomes_a_draft_too(as_alice):
    book = openpyxl.Workbook()
    book.active.append(["EmployeeNumber", "OverTime", "MonthlyIncome"])
    for number in range(5):
        book.active.append([number, "Yes", 2500 + number])
    content = io.BytesIO()
    book.save(content)
    batch = bring(as_alice, content.getvalue(), "export.xlsx")
    page = text_of(as_alice.get(reverse("batches:columns", args=[batch.pk])))
    assert "<strong>2</strong> of the model’s 19 questions were found." in page
    assert "The first 5 rows can be read without a fault." in page


def test_a_file_larger_than_the_api_takes_is_taken_here(as_alice, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 500
    assert as_alice.post(NEW, {"file": upload(export())}).status_code == 302


def test_the_page_says_what_is_read_and_for_how_long_it_is_kept(as_alice, settings):
    settings.BATCH_FILE_DAYS = 3
    page = text_of(as_alice.get(NEW))
    assert "waits for 3 days at most" in page
    assert "CSV or Excel (XLSX)" in page


# ------------------------------------------------------------------ corrected rows


def test_a_corrected_file_belongs_to_the_one_whose_rows_were_refused(as_alice, assessed, alice):
    first = assessed(alice, export(MonthlyIncome=["2000", "a lot"]))
    assert first.name in text_of(as_alice.get(f"{NEW}?corrects={first.pk}"))
    corrected = bring(as_alice, query=f"?corrects={first.pk}")
    assert corrected.corrects == first


@pytest.mark.parametrize("wanted", ["0", "x", "999999999999999999999", "²"])
def test_what_corrects_no_file_is_not_found(as_alice, wanted):
    assert as_alice.get(NEW, {"corrects": wanted}).status_code == 404


def test_a_file_without_results_has_nothing_to_correct(as_alice, draft):
    assert as_alice.get(NEW, {"corrects": draft.pk}).status_code == 404


# ------------------------------------------------------------------ the list


def test_an_empty_list_says_what_will_be_here_and_how_to_begin(as_alice):
    page = text_of(as_alice.get(LIST))
    assert "will be listed here" in page
    assert f'href="{NEW}"' in page


def test_the_list_says_of_each_file_what_came_of_it(as_alice, assessed, alice):
    done = assessed(alice, export(12, MonthlyIncome=["2000", "a lot", "3000"]))
    draft = bring(as_alice, name="next.csv")
    answer = as_alice.get(LIST)
    (newest, nothing, _), (oldest, totals, _) = answer.context["rows"]
    assert (newest, nothing, oldest) == (draft, None, done)
    assert (totals.people, totals.refused) == (8, 4)
    assert str(alice.name or alice.username) in text_of(answer)


def test_the_list_takes_the_same_queries_however_many_files(
    as_alice, assessed, alice, django_assert_max_num_queries
):
    for number in range(3):
        assessed(alice, export(3 + number))
    with django_assert_max_num_queries(9):
        as_alice.get(LIST)
    bring(as_alice)
    with django_assert_max_num_queries(9):
        as_alice.get(LIST)


def test_what_was_thrown_away_is_not_listed(as_alice, draft):
    answer = as_alice.post(reverse("batches:discard", args=[draft.pk]), follow=True)
    assert "nothing of it was recorded" in text_of(answer)
    assert "will be listed here" in text_of(answer)
    assert not BatchPiece.objects.exists()
    page = text_of(as_alice.get(draft.get_absolute_url()))
    assert "The file was discarded" in page


def test_nothing_that_has_ended_is_discarded(as_alice, assessed, alice):
    done = assessed(alice, export())
    as_alice.post(reverse("batches:discard", args=[done.pk]))
    done.refresh_from_db()
    assert done.state == BatchState.DONE


def test_a_file_that_nobody_has_is_not_found(as_alice):
    assert as_alice.get("/batches/12345/").status_code == 404


# ------------------------------------------------------------------ the dispatch


def test_a_file_leads_to_what_is_next_for_it(as_alice, draft, alice):
    assert as_alice.get(draft.get_absolute_url()).url.endswith("/columns/")
    assert jobs.discard(draft)
    assert as_alice.get(reverse("batches:columns", args=[draft.pk])).url == draft.get_absolute_url()
