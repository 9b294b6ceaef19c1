"""The pages of a training: who may see them, what goes wrong in words, nothing typed is lost."""

from __future__ import annotations

import io
import random
import re

import openpyxl
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mlcore.models import RunState, TrainingFile, TrainingRun
from mlcore.trainings import drafts as training_drafts
from mlcore.trainings import files as training_files
from mlcore.trainings import jobs as training_jobs
from tests.training.conftest import make_draft, upload
from tests.training.histories import HEADERS, as_csv, history

NEW = "/models/training/new/"
LIST = "/models/training/"


def text_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


def columns_of(run):
    return reverse("models:training-columns", args=[run.pk])


def typed(response, **changed):
    """What a browser sends of the page's form, with some of it changed."""
    form = response.context["form"]
    sent = {field.html_name: field.value() or "" for field in form}
    return sent | {name.replace("_of_", "-"): value for name, value in changed.items()}


# ------------------------------------------------------------------ who


def addresses(run):
    return [
        ("get", LIST),
        ("get", NEW),
        ("post", NEW),
        ("get", columns_of(run)),
        ("post", columns_of(run)),
        ("get", reverse("models:training", args=[run.pk])),
        ("get", reverse("models:training-progress", args=[run.pk])),
        ("post", reverse("models:training-cancel", args=[run.pk])),
        ("post", reverse("models:training-again", args=[run.pk])),
        ("get", reverse("models:training-erase", args=[run.file_id])),
        ("post", reverse("models:training-erase", args=[run.file_id])),
    ]


@pytest.mark.parametrize("who", ["alice", "bob", "dave", "erin"])
def test_only_administrators_may(client, draft, request, who):
    client.force_login(request.getfixturevalue(who))
    for method, address in addresses(draft):
        assert getattr(client, method)(address).status_code == 403, (method, address)
    draft.refresh_from_db()
    assert draft.state == RunState.DRAFT
    assert draft.file.erased_at is None


def test_whoever_is_not_signed_in_is_asked_to(client, draft):
    for method, address in addresses(draft):
        answer = getattr(client, method)(address)
        assert answer.status_code == 302, (method, address)
        assert answer.url.startswith("/accounts/login/")


def test_a_form_without_its_token_is_refused(carol):
    client = Client(enforce_csrf_checks=True)
    client.force_login(carol)
    assert client.post(NEW, {"file": upload(as_csv(history()))}).status_code == 403
    assert not TrainingFile.objects.exists()


# ------------------------------------------------------------------ the file


def test_a_file_becomes_a_draft(as_carol, carol):
    content = as_csv(history())
    answer = as_carol.post(NEW, {"file": upload(content, "départs <2026>.csv")})
    run = TrainingRun.objects.get()
    assert answer.url == columns_of(run)
    assert (run.state, run.requested_by) == (RunState.DRAFT, carol)
    assert (run.file.name, run.file.rows, run.file.columns) == ("départs <2026>.csv", 300, 7)
    table = training_files.table_of(run.file)
    assert table.headers == HEADERS
    assert table.rows[0] == [str(cell).replace(".", ",") for cell in history()[0]]
    page = text_of(as_carol.get(columns_of(run)))
    assert "départs &lt;2026&gt;.csv" in page


BAD = {
    "nothing": (b"", "empty"),
    "no header": (b"\n\n", "empty"),
    "one column": (b"Attrition\nYes\nNo\n", "column"),
    "no table": (b"\x00\x01\x02", "neither a CSV nor an XLSX"),
    "no workbook": (b"PK\x03\x04nonsense", "workbook"),
    "ragged": (b"a;b\n1;2\n1\n", "Row 3"),
    "300 columns": (
        (";".join(f"c{n}" for n in range(300)) + "\n" + ";".join("1" * 300) + "\n").encode(),
        "columns",
    ),
    "200,000 rows": (b"a;b\n" + b"1;2\n" * 200_000, "rows"),
}


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_a_sentence_at_the_field_and_not_kept(as_carol, name, language):
    content, said = BAD[name]
    answer = as_carol.post(NEW, {"file": upload(content)}, headers={"Accept-Language": language})
    assert answer.status_code == 200
    (error,) = answer.context["form"].errors["file"]
    assert error.endswith(".")
    if language == "en":
        assert said in error
    assert not TrainingFile.objects.exists()
    assert not TrainingRun.objects.exists()


def test_no_file_at_all(as_carol):
    assert "Choose a file first." in text_of(as_carol.post(NEW, {}))


def test_a_body_that_is_too_large_is_refused_before_it_is_parsed(as_carol, settings):
    settings.TRAINING_MAX_BODY = 100_000
    answer = as_carol.post(NEW, {"file": upload(b"x" * 200_000)})
    assert answer.status_code == 413
    assert "too large" in answer.context["form"].errors["file"][0]
    assert not TrainingFile.objects.exists()


def test_a_file_larger_than_the_api_takes_is_taken_here(as_carol, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert as_carol.post(NEW, {"file": upload(as_csv(history()))}).status_code == 302


def test_a_workbook_is_read_too_with_what_no_database_keeps_left_out(as_carol):
    book = openpyxl.Workbook()
    book.active.append([*HEADERS[:-1], "Par_x0000_ti"])
    for row in history():
        book.active.append([row[0], f"{row[1]}_x0000_", *row[2:]])
    content = io.BytesIO()
    book.save(content)
    answer = as_carol.post(NEW, {"file": upload(content.getvalue(), "history.xlsx")})
    run = TrainingRun.objects.get()
    assert answer.url == columns_of(run)
    table = training_files.table_of(run.file)
    assert table.headers == HEADERS
    assert {row[1] for row in table.rows} == {"Jour", "Nuit", "Soir"}
    assert table.rows[0][3] == history()[0][3]
    assert run.plan["target"] == "Parti"


def test_headers_that_differ_by_nothing_that_is_seen_are_refused(as_carol):
    book = openpyxl.Workbook()
    book.active.append([*HEADERS, "Par_x0000_ti"])
    for row in history():
        book.active.append([*row, row[-1]])
    content = io.BytesIO()
    book.save(content)
    answer = as_carol.post(NEW, {"file": upload(content.getvalue(), "history.xlsx")})
    assert "Parti" in answer.context["form"].errors["file"][0]
    assert not TrainingFile.objects.exists()


def test_a_name_is_cut_and_without_marks_that_turn_it_round(carol):
    run = make_draft(carol, name="gpj\u202e\x07" + "n" * 300 + ".csv")
    assert run.file.name.startswith("gpjnnn")
    assert len(run.file.name) == 255


# ------------------------------------------------------------------ the columns


def test_every_column_is_shown_with_what_it_was_taken_for(as_carol, draft):
    page = as_carol.get(columns_of(draft))
    rows = {row.finding.column: row for row in page.context["form"].rows()}
    assert list(rows) == HEADERS
    assert rows["Matricule"].finding.role == "identifier"
    assert rows["Parti"].finding.role == "target"
    assert rows["Sexe"].role.value() == "audit"
    assert rows["Salaire"].role.value() == "input"
    people = page.context["form"].outcome
    assert people.left + people.stayed == 300
    assert people.left == sum(row[-1] == "oui" for row in history())


def test_corrections_are_saved_and_shown_again(as_carol, draft):
    page = as_carol.get(columns_of(draft))
    sent = typed(
        page,
        role_of_1="left_out",
        en_of_3="Pay <per month>",
        fr_of_3="Paie",
        kind_of_4="number",
        title_en="Lyon",
        title_fr="Lyon",
        source_fr="Le SIRH",
        source_en="",
        identifier="",
        action="save",
    )
    assert as_carol.post(columns_of(draft), sent).url == columns_of(draft)
    draft.refresh_from_db()
    assert draft.state == RunState.DRAFT
    assert draft.plan["title"] == {"en": "Lyon", "fr": "Lyon"}
    assert draft.plan["source"] == {"en": "Le SIRH", "fr": "Le SIRH"}
    assert draft.plan["identifier"] == ""
    features = {each["column"]: each for each in draft.plan["schema"]["features"]}
    assert features["Salaire"]["label"] == {"en": "Pay <per month>", "fr": "Paie"}
    assert "Equipe" in draft.plan["left_out"]
    form = as_carol.get(columns_of(draft)).context["form"]
    again = {field.html_name: field.value() for field in form}
    assert {name: again[name] for name in ("role-1", "en-3", "kind-4")} == {
        "role-1": "left_out",
        "en-3": "Pay <per month>",
        "kind-4": "number",
    }
    assert "Pay &lt;per month&gt;" in text_of(as_carol.get(columns_of(draft)))


def test_what_was_left_as_it_stood_is_no_correction(as_carol, draft):
    before = training_drafts.read(draft)
    as_carol.post(columns_of(draft), typed(as_carol.get(columns_of(draft)), action="save"))
    draft.refresh_from_db()
    assert training_drafts.read(draft) == before


def test_another_target_is_chosen_with_the_answer_that_means_it(as_carol, draft):
    sexes = [row[5] for row in history()]
    as_carol.post(
        columns_of(draft),
        typed(as_carol.get(columns_of(draft)), target="5:0", action="save"),
    )
    draft.refresh_from_db()
    assert draft.plan["target"] == "Sexe"
    assert draft.plan["leaver"] in ("F", "M")
    people = as_carol.get(columns_of(draft)).context["form"].outcome
    assert people.left == sexes.count(draft.plan["leaver"])


def test_errors_stand_at_their_fields_and_nothing_typed_is_lost(as_carol, draft):
    page = as_carol.get(columns_of(draft))
    sent = typed(page, role_of_5="input", en_of_2="Way to <work>", action="train")
    answer = as_carol.post(columns_of(draft), sent)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == ["why-5"]
    page = text_of(answer)
    assert "Way to &lt;work&gt;" in page
    assert 'href="#id_why-5"' in page
    draft.refresh_from_db()
    assert draft.state == RunState.DRAFT
    # With a reason it is as the person says.
    as_carol.post(columns_of(draft), sent | {"why-5": "The works council asked", "action": "save"})
    draft.refresh_from_db()
    assert "Sexe" in {each["column"] for each in draft.plan["schema"]["features"]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target", "6:7"),
        ("target", "nonsense"),
        ("identifier", "99"),
        ("role-1", "nonsense"),
        ("kind-4", "nonsense"),
        ("en-3", "x" * 500),
        ("title_en", "x" * 5000),
        ("source_fr", "x" * 5000),
    ],
)
def test_what_no_browser_sends_is_refused(as_carol, draft, field, value):
    sent = typed(as_carol.get(columns_of(draft)), action="train") | {field: value}
    answer = as_carol.post(columns_of(draft), sent)
    assert field in answer.context["form"].errors
    draft.refresh_from_db()
    assert draft.state == RunState.DRAFT


def test_the_language_is_switched_and_what_was_typed_comes_along(as_carol, draft):
    sent = typed(as_carol.get(columns_of(draft)), en_of_2="Way to work", role_of_1="left_out")
    answer = as_carol.post(columns_of(draft), sent | {"_language": "fr"})
    form = answer.context["form"]
    assert (form["en-2"].value(), form["role-1"].value()) == ("Way to work", "left_out")
    assert answer.cookies["django_language"].value == "fr"
    assert not form.errors
    answer = as_carol.post(columns_of(draft), sent | {"_language": "xx"})
    assert answer.status_code == 400


def test_where_nobody_can_tell_who_left_it_is_asked(as_carol, carol):
    rows = [[*row[:-1], ("actif", "parti", "retraite")[n % 3]] for n, row in enumerate(history())]
    run = make_draft(carol, rows)
    page = as_carol.get(columns_of(run))
    (question,) = page.context["form"].questions()
    assert "actif" in question
    assert question in text_of(page)
    answer = as_carol.post(columns_of(run), typed(page, action="train"), follow=True)
    run.refresh_from_db()
    assert run.state == RunState.DRAFT
    assert "an answer is missing" in text_of(answer)


def test_the_widest_file_is_corrected_too(as_carol, carol):
    headers = [*(f"Age {n}" for n in range(99)), *(f"Note {n}" for n in range(99))]
    chance = random.Random(1)
    rows = [[chance.randint(1, 60) for _ in headers] + [row[0], row[-1]] for row in history()]
    headers += ["Matricule", "Parti"]
    content = as_csv(rows, headers)
    run = training_drafts.begin(content=content, name="wide.csv", by=carol)
    sent = typed(as_carol.get(columns_of(run)), title_en="Wide", action="save")
    assert len(sent) > 600
    assert as_carol.post(columns_of(run), sent).url == columns_of(run)
    run.refresh_from_db()
    assert run.plan["title"]["en"] == "Wide"


def test_a_training_is_begun_from_the_page_and_only_once(as_carol, draft):
    sent = typed(as_carol.get(columns_of(draft)), action="train")
    address = reverse("models:training", args=[draft.pk])
    assert as_carol.post(columns_of(draft), sent).url == address
    draft.refresh_from_db()
    assert draft.state == RunState.QUEUED
    assert as_carol.post(columns_of(draft), sent).url == address
    assert as_carol.get(columns_of(draft)).url == address


def test_too_few_leavers_are_told_before_the_training(as_carol, carol):
    rows = [row for row in history() if row[-1] == "non"]
    rows += [row for row in history() if row[-1] == "oui"][:20]
    run = make_draft(carol, rows)
    page = as_carol.get(columns_of(run))
    assert page.context["form"].outcome.too_few
    assert "the training would be refused" in text_of(page)


# ------------------------------------------------------------------ the training


@pytest.fixture
def queued(draft, carol):
    training_jobs.start(draft, by=carol)
    return draft


def page_of(client, run, **kwargs):
    return client.get(reverse("models:training", args=[run.pk]), **kwargs)


def progress_of(client, run):
    return client.get(reverse("models:training-progress", args=[run.pk])).json()


def test_progress_is_told(as_carol, queued):
    now = progress_of(as_carol, queued)
    assert (now["state"], now["percent"], now["nobody_works"]) == ("queued", 0, False)
    run = training_jobs.claim(queued.pk)
    TrainingRun.objects.filter(pk=run.pk).update(
        step="evaluating",
        done=10,
        total=20,
        started_at=timezone.now() - timezone.timedelta(minutes=3),
    )
    now = progress_of(as_carol, queued)
    assert now["at_work"]
    assert 40 < now["percent"] < 60
    assert "Step 3 of 4" in now["doing"]
    assert now["left"] == "About 2 minutes left"
    assert now["steps"]["reading"] == "before"
    assert now["steps"]["evaluating"] == "now"
    page = text_of(page_of(as_carol, queued))
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "About 2 minutes left" in page


def test_it_is_said_when_nobody_works(as_carol, queued):
    before = timezone.now() - timezone.timedelta(seconds=40)
    TrainingRun.objects.filter(pk=queued.pk).update(heartbeat_at=before)
    assert progress_of(as_carol, queued)["nobody_works"]


def test_a_training_is_stopped_from_its_page(as_carol, queued):
    as_carol.post(reverse("models:training-cancel", args=[queued.pk]))
    queued.refresh_from_db()
    assert queued.state == RunState.CANCELLED
    assert "The training was stopped" in text_of(page_of(as_carol, queued))
    again = as_carol.post(reverse("models:training-cancel", args=[queued.pk]), follow=True)
    assert "had ended already" in text_of(again)


@pytest.mark.parametrize("state", [RunState.REFUSED, RunState.FAILED, RunState.CANCELLED])
def test_the_end_says_why_and_leads_back_to_the_corrections(as_carol, queued, state):
    message = {"en": "Only <45> people left.", "fr": "Seulement <45> départs."}
    TrainingRun.objects.filter(pk=queued.pk).update(state=state, message=message)
    assert "Only &lt;45&gt; people left." in text_of(page_of(as_carol, queued))
    page = page_of(as_carol, queued, headers={"Accept-Language": "fr"})
    assert "Seulement &lt;45&gt; départs." in text_of(page)
    answer = as_carol.post(reverse("models:training-again", args=[queued.pk]))
    copy = TrainingRun.objects.latest("pk")
    assert answer.url == columns_of(copy)
    assert copy.pk != queued.pk
    assert copy.findings == queued.findings


def test_what_is_done_leads_to_the_model(as_carol, queued, active_model):
    version = active_model.id
    TrainingRun.objects.filter(pk=queued.pk).update(state=RunState.DONE, model_version=version)
    address = reverse("models:card", args=[active_model.version])
    assert f'href="{address}"' in text_of(page_of(as_carol, queued))
    assert as_carol.get(address).status_code == 200


# ------------------------------------------------------------------ erasing


def test_a_file_is_erased_once_that_is_confirmed(as_carol, draft):
    address = reverse("models:training-erase", args=[draft.file_id])
    assert "for good" in text_of(as_carol.get(address))
    draft.file.refresh_from_db()
    assert draft.file.erased_at is None
    as_carol.post(address)
    draft.refresh_from_db()
    draft.file.refresh_from_db()
    assert draft.file.erased_at
    assert bytes(draft.file.content) == b""
    assert "M1000" not in str(draft.findings)
    with pytest.raises(training_files.FileErasedError):
        training_files.table_of(draft.file)
    # What is left of the draft says so, everywhere.
    assert as_carol.get(columns_of(draft)).url == reverse("models:training", args=[draft.pk])
    assert "Bring it again" in text_of(page_of(as_carol, draft))
    answer = as_carol.post(reverse("models:training-again", args=[draft.pk]), follow=True)
    assert "Bring it again" in text_of(answer)
    assert "Erased" in text_of(as_carol.get(LIST))
    assert as_carol.post(address).status_code == 302


def test_a_file_that_is_read_is_not_erased(as_carol, queued):
    address = reverse("models:training-erase", args=[queued.file_id])
    assert "Stop it" in text_of(as_carol.get(address))
    assert "Stop it" in text_of(as_carol.post(address, follow=True))
    queued.file.refresh_from_db()
    assert queued.file.erased_at is None


def test_files_that_were_kept_for_long_enough_are_erased(carol, settings):
    old, busy, new = (make_draft(carol, name=f"{name}.csv") for name in ("old", "busy", "new"))
    before = timezone.now() - timezone.timedelta(days=settings.TRAINING_FILE_DAYS, hours=1)
    TrainingFile.objects.exclude(pk=new.file_id).update(uploaded_at=before)
    training_jobs.start(busy, by=carol)
    assert training_files.erase_expired() == 1
    erased = TrainingFile.objects.exclude(erased_at=None)
    assert [file.pk for file in erased] == [old.file_id]


def test_the_list_costs_the_same_however_long(as_carol, carol, django_assert_max_num_queries):
    for _ in range(3):
        make_draft(carol)
    with django_assert_max_num_queries(6):
        few = as_carol.get(LIST)
    assert few.status_code == 200
