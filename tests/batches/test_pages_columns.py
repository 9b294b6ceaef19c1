"""What each column is read as: proposed, corrected, checked against the first rows, remembered."""

from __future__ import annotations

import pytest
from django.urls import reverse

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Origin
from predictions.batches import jobs, matching
from predictions.models import Batch, BatchState, FileShape, Prediction
from tests import other_model
from tests.batches.conftest import work_to_the_end
from tests.batches.exports_of_hr import export, upload
from tests.batches.pages import bring, chosen, columns_of, send, text_of

pytestmark = pytest.mark.usefixtures("active_model")


def uses(page):
    """By header, what each column is read as, and how that was found."""
    form = page.context["form"]
    proposal = form.proposal
    triples = zip(proposal.columns, form.chosen, proposal.how, strict=True)
    return {column.header: (use, how) for column, use, how in triples}


@pytest.fixture
def draft(as_alice):
    return bring(as_alice)


# ------------------------------------------------------------------ what is proposed


def test_columns_are_recognised_and_what_nobody_asks_for_is_not_stored(as_alice, draft):
    page = as_alice.get(columns_of(draft))
    found = {header: use for header, (use, _how) in uses(page).items()}
    assert found == {
        "EmployeeNumber": "employee_id",
        "Nom": "",
        "OverTime": "over_time",
        "MonthlyIncome": "monthly_income",
        "JobRole": "job_role",
        "Age": "age",
        "Department": "@group",
    }
    text = text_of(page)
    assert "<strong>3</strong> of the model’s 19 questions were found." in text
    assert "Missing: Business travel, " in text
    assert "1 of 7 columns is not stored" in text
    assert "The first 12 rows can be read without a fault." in text


@pytest.mark.parametrize(
    ("headers", "proposed"),
    [
        (["Service", "Site"], ["Service", "Site"]),
        (["Équipe", "Direction", "Service", "Établissement"], ["Service", "Établissement"]),
        (["Business Unit", "Team"], ["Business Unit"]),
        (["Lieu de travail"], ["Lieu de travail"]),
        (["Colour", "Length of service", "Pays de naissance", "Religion"], []),
    ],
    ids=str,
)
def test_a_department_and_a_site_are_proposed_to_compare_people_by(as_alice, headers, proposed):
    content = export(without=["Department"], **{header: ["A", "B"] for header in headers})
    page = as_alice.get(columns_of(bring(as_alice, content)))
    found = uses(page)
    assert [header for header, (use, _how) in found.items() if use == "@group"] == proposed
    assert ("Proposed: to compare" in text_of(page)) == bool(proposed)


def test_a_column_of_too_many_values_says_why_it_compares_nobody(as_alice):
    content = export(230, Centre=[f"Centre {n}" for n in range(230)], without=["Nom"])
    page = as_alice.get(columns_of(bring(as_alice, content)))
    notes = {row.column.header: row.note for row in page.context["rows"]}
    told = "200 different values in the first rows: too many to compare groups."
    assert notes["Centre"] == told
    assert told in text_of(page)
    assert [header for header, note in notes.items() if "too many" in note] == ["Centre"]


def test_what_is_proposed_to_compare_by_is_told_apart_from_a_choice(as_alice, draft):
    assert uses(as_alice.get(columns_of(draft)))["Department"] == ("@group", "departments")
    send(as_alice, draft, "look")
    assert uses(as_alice.get(columns_of(draft)))["Department"] == ("@group", "departments")
    send(as_alice, draft, "assess", Department="")
    draft.refresh_from_db()
    assert draft.grouped == []
    assert uses(as_alice.get(columns_of(bring(as_alice))))["Department"] == ("", "")


def test_what_identifies_or_is_asked_by_the_model_is_no_proposal(as_alice, ibm_file):
    found = uses(as_alice.get(columns_of(bring(as_alice, ibm_file))))
    assert {h: how for h, (use, how) in found.items() if use == "@group"} == {
        "Department": "departments"
    }


def test_each_column_shows_three_values_of_it(as_alice, draft):
    rows = {row.column.header: row for row in as_alice.get(columns_of(draft)).context["rows"]}
    assert rows["MonthlyIncome"].samples == ["2100", "2200", "2300"]
    assert rows["OverTime"].samples == ["Yes"]


def test_the_whole_public_file_is_recognised(as_alice, ibm_file):
    page = as_alice.get(columns_of(bring(as_alice, ibm_file, "ibm.csv")))
    text = text_of(page)
    assert "<strong>19</strong> of the model’s 19 questions were found." in text
    assert "of 35 columns are not stored" in text
    assert page.context["first"].refused == 0
    assert len(page.context["first"].readings) == 23  # with the reference and three audit columns


def test_the_first_rows_are_shown_as_the_model_reads_them(as_alice):
    content = export(MonthlyIncome=["2 100", "a lot", ""], OverTime=["oui"])
    page = as_alice.get(columns_of(bring(as_alice, content)))
    readings = {label: row.cells for label, _unit, _header, row in page.context["readings"]}
    income = readings["Monthly income"]
    assert [cell.text for cell in income] == ["2,100", "", "", "2,100", ""]
    assert page.context["first"].lines == [2, 3, 4, 5, 6]
    assert [bool(cell.wrong) for cell in income] == [False, True, False, False, True]
    assert {cell.text for cell in readings["Works overtime"]} == {"Yes"}
    text = text_of(page)
    assert "4 of the first 12 rows could not be assessed as they stand." in text
    assert "“a lot” is not a number" in text


def test_a_row_that_would_be_refused_is_among_those_shown(as_alice):
    content = export(30, MonthlyIncome=["2000"] * 19 + ["a lot"])
    first = as_alice.get(columns_of(bring(as_alice, content))).context["first"]
    assert first.lines == [2, 3, 4, 5, 21]


def test_rows_that_are_none_are_named_by_their_line(as_alice):
    content = export(3) + b"<<<<<<< HEAD\n" + b"E-9,x\n"
    page = text_of(as_alice.get(columns_of(bring(as_alice, content))))
    assert "Line 5" in page
    assert "could not be assessed as they stand" in page


def test_decimals_are_read_as_the_whole_column_tells(as_alice):
    content = export(4).replace(b",", b";").replace(b"2100", b"2.100").replace(b"2200", b"22,5")
    page = as_alice.get(columns_of(bring(as_alice, content)))
    readings = {label: row.cells for label, _unit, _header, row in page.context["readings"]}
    assert readings["Monthly income"][0].text == "2,100"


def test_a_file_without_a_reference_is_warned_of_and_taken(as_alice):
    batch = bring(as_alice, export(without=["EmployeeNumber"]))
    assert "nor followed over time" in text_of(as_alice.get(columns_of(batch)))
    assert send(as_alice, batch, "assess").status_code == 302


def test_the_very_same_file_is_said_to_have_been_assessed(as_alice, assessed, alice):
    first = assessed(alice, export())
    again = bring(as_alice)
    page = text_of(as_alice.get(columns_of(again)))
    assert "This very file was assessed before" in page
    assert first.get_absolute_url() in page
    assert send(as_alice, again, "assess").url == again.get_absolute_url()


def header_told(client, content, name="export.csv"):
    page = client.get(columns_of(bring(client, content, name)))
    told = page.context["header_told"]
    assert told in text_of(page)
    return told


def test_the_lines_that_name_the_columns_are_said_where_they_are_not_the_first(as_alice):
    plain = export()
    assert header_told(as_alice, plain) == ""
    assert header_told(as_alice, b"Workforce\r\n" + plain) == (
        "The names of the columns are from line 2. Line 1 above is not read."
    )
    assert header_told(as_alice, b"Workforce\r\nOctober\r\n\r\nInternal\r\n" + plain) == (
        "The names of the columns are from line 5. Lines 1, 2 and 4 above are not read."
    )


def test_rows_that_name_the_columns_together_are_said(as_alice):
    units = b",,,USD,,years,\r\n"
    header, rows = export().split(b"\r\n", 1)
    told = header_told(as_alice, header + b"\r\n" + units + rows)
    assert told == "The names of the columns are from lines 1 and 2."


# ------------------------------------------------------------------ what is chosen


def test_what_is_chosen_is_kept_and_nothing_begins(as_alice, draft):
    answer = send(as_alice, draft, "look", Department="@group", Age="")
    assert answer.url == columns_of(draft)
    draft.refresh_from_db()
    assert (draft.state, draft.grouped) == (BatchState.DRAFT, [6])
    assert "age" not in draft.matched
    assert uses(as_alice.get(columns_of(draft)))["Department"] == ("@group", "departments")


def test_one_field_for_two_columns_is_an_error_at_both_and_in_the_summary(as_alice, draft):
    answer = send(as_alice, draft, "assess", Nom="job_role", Department="@group")
    form = answer.context["form"]
    assert [header for _field, header, _error in form.problems()] == ["Nom", "JobRole"]
    text = text_of(answer)
    assert "“Nom” and “JobRole” are read as “Job” at once." in text
    assert 'href="#id_column-1"' in text
    assert form["column-6"].value() == "@group"  # what was chosen stays
    draft.refresh_from_db()
    assert draft.state == BatchState.DRAFT


def test_at_most_three_groups(as_alice):
    more = {f"Site_{n}": ["Lyon", "Lille"] for n in range(4)}
    batch = bring(as_alice, export(without=["Department"], **more))
    groups = {f"Site {n}": "@group" for n in range(4)}
    answer = send(as_alice, batch, "assess", **groups)
    assert len([*answer.context["form"].problems()]) == 4
    assert "At most 3 columns" in text_of(answer)
    groups.popitem()
    assert send(as_alice, batch, "assess", **groups).status_code == 302


@pytest.mark.parametrize("header", ["Gender", "Nom"])
def test_what_is_protected_or_names_a_person_is_no_group(as_alice, header):
    content = export(30, Religion=["a", "b"])
    batch = bring(as_alice, content)
    header = "Religion" if header == "Gender" else header
    answer = send(as_alice, batch, "look", **{header: "@group"})
    assert answer.status_code == 200
    assert answer.context["form"].errors


def test_a_use_that_is_none_is_refused(as_alice, draft):
    assert send(as_alice, draft, "assess", Nom="salary_of_the_boss").status_code == 200


def test_a_file_that_answers_no_question_begins_nothing(as_alice, draft):
    answer = send(as_alice, draft, "assess", OverTime="", MonthlyIncome="", JobRole="")
    assert "No column answers any of the model’s questions" in text_of(answer)
    draft.refresh_from_db()
    assert draft.state == BatchState.DRAFT


def test_the_other_language_keeps_what_was_chosen(as_alice, draft):
    page = as_alice.get(columns_of(draft))
    sent = chosen(page, Department="@group", Age="") | {"_language": "fr"}
    answer = as_alice.post(columns_of(draft), sent)
    assert answer.context["form"]["column-6"].value() == "@group"
    assert answer.context["form"]["column-5"].value() == ""
    assert "Rémunération mensuelle" in text_of(answer)
    draft.refresh_from_db()
    assert draft.matched == {}
    assert as_alice.post(columns_of(draft), sent | {"_language": "xx"}).status_code == 400


# ------------------------------------------------------------------ what is remembered


def test_the_next_file_of_the_same_headers_is_matched_as_the_last_one(as_alice, draft):
    send(as_alice, draft, "assess", Department="@group", Age="")
    turned = b"\n".join(
        b",".join(reversed(line.split(b","))) for line in export(5).replace(b"\r", b"").split(b"\n")
    )
    found = uses(as_alice.get(columns_of(bring(as_alice, turned))))
    assert found["Department"] == ("@group", "remembered")
    assert found["OverTime"] == ("over_time", "header")
    assert found["Age"] == ("", "")


def test_a_likeness_that_was_confirmed_is_remembered_as_such(as_alice):
    content = export(Heures_sup=["Oui", "Non"], without=["OverTime"])
    first = bring(as_alice, content)
    assert uses(as_alice.get(columns_of(first)))["Heures sup"] == ("over_time", "likeness")
    send(as_alice, first, "assess")
    again = uses(as_alice.get(columns_of(bring(as_alice, content))))
    assert again["Heures sup"] == ("over_time", "remembered")


def test_headers_of_other_capitals_and_spaces_are_the_same_file(as_alice, draft):
    send(
        as_alice, draft, "assess", Department="@group", Age="", Nom="employee_id", EmployeeNumber=""
    )
    header, rows = export().split(b"\r\n", 1)
    again = bring(as_alice, header.upper().replace(b",", b" , ") + b"\r\n" + rows)
    found = uses(as_alice.get(columns_of(again)))
    assert found["DEPARTMENT"] == ("@group", "remembered")
    assert found["NOM"] == ("employee_id", "remembered")
    assert found["OVERTIME"][0] == "over_time"
    assert (found["AGE"], found["EMPLOYEENUMBER"]) == (("", ""), ("", ""))


def test_headers_that_differ_in_their_capitals_alone_are_told_apart(as_alice):
    content = export(Site=["Lyon", "Lille"], SITE=["Nord", "Sud"])
    send(as_alice, bring(as_alice, content), "assess", SITE="@group", Site="")
    found = uses(as_alice.get(columns_of(bring(as_alice, content))))
    assert (found["SITE"][0], found["Site"][0]) == ("@group", "")


def test_no_header_is_kept_with_what_is_remembered(as_alice, draft):
    """In a file without any they are the first employee."""
    send(as_alice, draft, "assess", Department="@group", Nom="employee_id", EmployeeNumber="")
    draft.refresh_from_db()
    remembered = str([*FileShape.objects.values("matched", "grouped")])
    assert not [header for header in draft.headers if f"'{header}'" in remembered]


def test_a_correction_that_was_only_looked_at_is_not_remembered(as_alice, draft):
    send(as_alice, draft, "look", Department="@group")
    assert not FileShape.objects.exists()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_rows_are_downloaded_corrected_and_brought_again_as_they_are(as_alice, language):
    batch = bring(as_alice, export(MonthlyIncome=["2000", "a lot"]))
    send(as_alice, batch, "assess", Department="@group", JobRole="")
    work_to_the_end(batch)
    refused = reverse("batches:refused", args=[batch.pk])
    download = as_alice.get(refused, {"export": "csv"}, headers={"Accept-Language": language})
    corrected = download.getvalue().decode("utf-8-sig").replace("a lot", "2500")
    again = bring(as_alice, corrected.encode(), query=f"?corrects={batch.pk}")
    page = as_alice.get(columns_of(again))
    found = uses(page)
    assert found["Department"] == ("@group", "remembered")
    assert not {"Nom", "JobRole"} & found.keys()
    if language == "en":
        assert "Written by the download" in text_of(page)
    send(as_alice, again, "assess")
    work_to_the_end(again)
    assert (again.state, again.corrects) == (BatchState.DONE, batch)
    assert Prediction.objects.filter(batch=again).count() == 6


def test_a_column_that_is_called_line_is_one_like_others():
    assert matching.own_columns(["A", "Line"]) == 2
    assert matching.own_columns(["A", "Line", "What to do"]) == 1
    assert matching.own_columns(["Line", "What to do", "A"]) == 3


def test_other_headers_are_another_shape():
    assert matching.fingerprint(["A", "B"]) == matching.fingerprint(["b", " a "])
    assert matching.fingerprint(["A", "B"]) != matching.fingerprint(["A", "B", "C"])
    assert matching.fingerprint(["A", "B"]) != matching.fingerprint(["AB"])


# ------------------------------------------------------------------ another model


@pytest.fixture
def replace_model():
    def replace():
        version = services.register(
            files=artifact.files_of(other_model.ARTIFACT), origin=Origin.TRAINED
        )
        services.activate(version=version, reason="for the test")
        registry.forget()

    return replace


def test_a_model_activated_meanwhile_is_said_and_the_columns_matched_anew(
    as_alice,
    draft,
    replace_model,
):
    page = as_alice.get(columns_of(draft))
    sent = chosen(page) | {"action": "assess"}
    replace_model()
    answer = as_alice.post(columns_of(draft), sent)
    assert "another model is active now" in text_of(answer)
    draft.refresh_from_db()
    assert draft.state == BatchState.DRAFT
    assert not Prediction.objects.exists()


def test_what_was_kept_for_another_model_is_matched_anew(as_alice, draft, replace_model):
    send(as_alice, draft, "look", Age="")
    replace_model()
    page = as_alice.get(columns_of(draft))
    assert "Another model is active since someone last looked" in text_of(page)
    assert page.context["form"].proposal.rematched


# ------------------------------------------------------------------ what begins


def test_trying_records_nothing_and_assessing_begins(as_alice, draft):
    assert send(as_alice, draft, "try").url == draft.get_absolute_url()
    draft.refresh_from_db()
    assert draft.state == BatchState.CHECKING
    while jobs.work(draft.pk):
        pass
    draft.refresh_from_db()
    assert draft.state == BatchState.CHECKED
    assert not Prediction.objects.exists()
    assert send(as_alice, draft, "assess").url == draft.get_absolute_url()
    draft.refresh_from_db()
    assert draft.state == BatchState.RUNNING


def test_columns_changed_after_a_try_are_those_that_are_assessed(as_alice, draft):
    send(as_alice, draft, "try")
    while jobs.work(draft.pk):
        pass
    send(as_alice, draft, "look", OverTime="")
    draft.refresh_from_db()
    assert draft.state == BatchState.DRAFT  # what was tried says nothing of these columns
    send(as_alice, draft, "assess")
    while jobs.work(draft.pk):
        pass
    assert {p.inputs["over_time"] for p in Prediction.objects.all()} == {None}


def test_what_another_began_meanwhile_is_not_begun_twice(as_alice, draft, carol):
    page = as_alice.get(columns_of(draft))
    send(as_alice, draft, "assess")
    answer = as_alice.post(columns_of(draft), chosen(page) | {"action": "assess"}, follow=True)
    assert answer.redirect_chain[0][0] == draft.get_absolute_url()


def test_a_name_of_two_hundred_letters_and_odd_headers_are_shown_as_they_are(as_alice):
    content = export(3, **{"<script>alert(1)</script>": ['"><b>x']})
    answer = as_alice.post("/batches/new/", {"file": upload(content, "x" * 200 + ".csv")})
    page = as_alice.get(answer.url).content.decode()
    assert "<script>alert" not in page
    assert '"><b>x' not in page
    assert Batch.objects.get().name.startswith("xxx")
