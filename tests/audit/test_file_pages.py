"""An auditor reads what became of a file: who brought it, what judged it, and its predictions."""

from __future__ import annotations

import pytest

from predictions.models.batch import Batch, BatchState
from tests.audit.reading import words

LIST = "/admin/predictions/batch/"
PREDICTIONS = "/admin/predictions/prediction/"


def test_the_list_says_who_when_by_which_model_and_how_many(as_bob, file, active_model):
    text = words(as_bob.get(LIST).text)
    assert "people.csv Done Alice" in text
    assert f"{active_model.version} 25.0% 3 2 1" in text


def test_its_page_leads_to_its_predictions_and_to_the_file_s_own(as_bob, file):
    page = as_bob.get(f"{LIST}{file.pk}/change/").text
    assert f'href="/batches/{file.pk}/"' in page
    assert f'href="{PREDICTIONS}?file={file.pk}"' in page
    text = words(page)
    assert "a" * 64 in text
    assert "the-upload" in text
    assert "Site" in text


def test_a_file_that_was_only_tried_has_no_predictions(as_bob, file):
    Batch.objects.update(state=BatchState.CHECKED)
    assert PREDICTIONS + "?file" not in as_bob.get(f"{LIST}{file.pk}/change/").text


def test_a_prediction_says_its_file_its_line_and_its_groups(as_bob, file):
    prediction = file.predictions.get(row=3)
    page = as_bob.get(f"{PREDICTIONS}{prediction.pk}/change/").text
    assert f'href="{LIST}{file.pk}/change/"' in page
    text = words(page)
    assert "File people.csv Line in the file 3 Site =Paris" in text
    assert "people.csv, line 3" in words(as_bob.get(PREDICTIONS).text)


@pytest.mark.parametrize("method", ["add/", "{pk}/delete/"])
def test_nobody_adds_or_deletes_one(as_bob, file, method):
    assert as_bob.get(LIST + method.format(pk=file.pk)).status_code == 403


def test_nobody_changes_one(as_bob, file):
    assert as_bob.post(f"{LIST}{file.pk}/change/", {"name": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("state__exact=done", 200),
        ("state__exact=purple", 200),
        ("q=people", 200),
        ("matched__x=1", 400),
        ("uploaded_at__gte=junk", 302),
    ],
)
def test_a_meddled_address_is_refused_or_corrected(as_bob, file, query, status):
    assert as_bob.get(f"{LIST}?{query}").status_code == status


def test_the_list_s_queries_do_not_grow_with_the_files(as_bob, file, alice, capture_queries):
    first = len(capture_queries(as_bob, LIST))
    for number in range(10):
        Batch.objects.create(name=f"{number}.csv", size=1, uploaded_by=alice)
    assert len(capture_queries(as_bob, LIST)) == first


@pytest.mark.parametrize("person", ["alice", "dave", "erin"])
def test_not_without_access(client, request, file, person):
    client.force_login(request.getfixturevalue(person))
    assert client.get(LIST).status_code == 403
