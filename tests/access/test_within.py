"""What lies behind doors that are open to more people than may read it: `WITHIN`, line by line."""

from __future__ import annotations

import csv
import io

import pytest
from django.urls import reverse

from accounts.demo import make_demo_accounts
from predictions.batches import jobs
from predictions.models import Source
from tests.access.world import FILE, autocomplete
from tests.batches.conftest import work_to_the_end
from tests.people import bearer

# Of the attributes that are kept apart, as `apart` gives them.
AUDIT = {"age": 57, "gender": "Female", "marital_status": "Divorced"}
LABELS = ("Age", "Gender", "Marital status")


@pytest.fixture
def apart(alice, record):
    """An assessment with all that is kept for fairness checks alone."""
    prediction = record(alice, **AUDIT)
    assert prediction.audit_attributes == AUDIT
    return prediction


def opened(client, person, address):
    client.force_login(person)
    response = client.get(address)
    assert response.status_code == 200
    return response


class TestAttributesForFairnessChecks:
    @pytest.mark.parametrize("person", ["alice", "carol"])
    def test_the_form_for_another_employee_begins_without_them(
        self, client, request, apart, person
    ):
        page = opened(client, request.getfixturevalue(person), f"/predictions/new/?from={apart.pk}")
        form = page.context["form"]
        assert float(form["monthly_income"].value()) == apart.inputs["monthly_income"]
        assert not [field.name for field in form.audit_fields() if field.value()]

    @pytest.mark.parametrize(
        ("person", "reads"), [("alice", False), ("bob", True), ("carol", True)]
    )
    def test_a_word_of_a_file_that_tells_one_is_read_by_who_may_audit(
        self, client, request, alice, bring, person, reads
    ):
        file = FILE.replace(b"Department", b"Gender").replace(b"Sales", b"Weiblich")
        draft = bring(alice, file)
        draft.answers = {"gender": {"Weiblich": "Female"}}
        draft.save()
        assert jobs.begin(draft, record=True, by=alice)
        work_to_the_end(draft)
        prediction = draft.predictions.first()
        assert prediction.audit_attributes == {"gender": "Female"}
        assert prediction.given == {"gender": "Weiblich"}
        page = opened(client, request.getfixturevalue(person), prediction.get_absolute_url())
        assert ("Weiblich" in page.text) is reads

    @pytest.mark.parametrize("person", ["alice", "bob", "carol"])
    def test_a_download_of_the_history_has_none(self, client, request, apart, person):
        response = opened(client, request.getfixturevalue(person), "/predictions/?export=csv")
        assert not set(LABELS) & set(header(response))

    @pytest.mark.parametrize(("person", "reads"), [("bob", True), ("carol", True)])
    def test_a_download_from_the_admin_has_them(self, client, request, apart, person, reads):
        client.force_login(request.getfixturevalue(person))
        response = client.post(
            "/admin/predictions/prediction/",
            {"action": "export_csv", "_selected_action": [str(apart.pk)]},
        )
        assert bool(set(LABELS) & set(header(response))) is reads

    def test_no_page_for_analysts_names_one(self, client, alice, apart):
        for address in (
            f"/predictions/{apart.pk}/",
            f"/predictions/{apart.pk}/what-if/",
            f"/predictions/employee/?reference={apart.employee_id}",
            "/predictions/",
        ):
            text = opened(client, alice, address).text
            assert not [word for word in ("Divorced", "Female", "Gender") if word in text]

    @pytest.mark.parametrize("person", ["alice", "bob", "carol", "dave"])
    def test_the_api_answers_none(self, client, request, record, person):
        own = record(request.getfixturevalue("dave"), source=Source.API, **AUDIT)
        headers = bearer(request.getfixturevalue(person))
        for address in ("/api/v1/predict/history", f"/api/v1/predict/history/{own.pk}"):
            text = client.get(address, headers=headers).text
            assert str(own.pk) in text
            assert not [
                word for word in (*AUDIT, "divorced", "female") if f'"{word}"' in text.lower()
            ]


class TestCells:
    @pytest.mark.parametrize(("person", "status"), [("alice", 200), ("bob", 403), ("carol", 200)])
    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_refused_rows_are_downloaded_by_who_can_bring_them_again(
        self, client, request, assessed, alice, person, status, kind
    ):
        done = assessed(alice, FILE)
        client.force_login(request.getfixturevalue(person))
        address = reverse("batches:refused", args=[done.pk])
        download = client.get(f"{address}?export={kind}")
        b"".join(download)  # a file that is not read to its end stays open
        assert download.status_code == status
        page = client.get(address)
        assert page.status_code == 200
        assert ("export=csv" in page.text) is (status == 200)

    @pytest.mark.parametrize(("person", "status"), [("alice", 200), ("bob", 403), ("carol", 200)])
    def test_the_first_rows_of_a_file_are_seen_by_who_brings_files(
        self, client, request, bring, alice, person, status
    ):
        draft = bring(alice, FILE)
        client.force_login(request.getfixturevalue(person))
        columns = client.get(reverse("batches:columns", args=[draft.pk]))
        assert columns.status_code == status
        assert "19000" not in client.get(draft.get_absolute_url()).text


class TestOthersAssessments:
    @pytest.mark.parametrize(
        "query",
        [
            "",
            "?employee_id=E-1024",
            "?source=form",
            "?band=high",
            "?created_from=2000-01-01",
        ],
    )
    def test_a_program_finds_its_own_alone_by_any_filter(self, client, alice, dave, record, query):
        of_alice = record(alice, employee_id="E-1024")
        record(dave, source=Source.API, employee_id="E-1024")
        for address in ("/api/v1/predict/history", "/predict/history"):
            response = client.get(address + query, headers=bearer(dave))
            assert response.status_code == 200
            assert {row["requested_by"] for row in response.json()["results"]} <= {"dave"}
            assert str(of_alice.pk) not in response.text

    def test_a_place_in_another_s_history_is_no_way_in(self, client, alice, dave, record):
        for _ in range(3):
            record(alice)
        record(dave, source=Source.API)
        next_page = client.get("/api/v1/predict/history?page_size=1", headers=bearer(alice))
        following = client.get(next_page.json()["next"], headers=bearer(dave))
        assert {row["requested_by"] for row in following.json()["results"]} <= {"dave"}


@pytest.mark.parametrize(("person", "offered"), [("alice", True), ("bob", False), ("carol", True)])
def test_what_could_change_a_risk_is_for_who_assesses(
    client, request, alice, record, person, offered
):
    page = opened(client, request.getfixturevalue(person), record(alice).get_absolute_url())
    assert ("trying" in page.context) is offered


@pytest.mark.parametrize(("person", "offered"), [("alice", False), ("carol", True)])
def test_the_rows_of_a_training_file_are_compared_on_by_administrators(
    client, request, active_model, carol, person, offered
):
    from tests.training.conftest import make_draft

    file = make_draft(carol).file
    page = opened(client, request.getfixturevalue(person), f"/models/compare/?file={file.pk}")
    assert ("file" in page.context["form"].fields) is offered


@pytest.mark.django_db
@pytest.mark.parametrize(("person", "status"), [("bob", 403), ("carol", 200)])
def test_people_are_not_found_by_name_by_who_may_not_look_them_up(client, request, person, status):
    client.force_login(request.getfixturevalue(person))
    address = autocomplete("predictions", "prediction", "requested_by")
    assert client.get(address).status_code == status


@pytest.mark.parametrize(("development", "told"), [(True, True), (False, False)])
def test_the_demo_accounts_are_named_in_development_alone(client, db, settings, development, told):
    settings.PASSWORD_HASHERS = ["tests.people.QuickBCrypt"]
    make_demo_accounts("attrition-demo")
    settings.DEVELOPMENT = development
    page = client.get("/accounts/login/").text
    assert ("attrition-demo" in page) is told


def header(response):
    content = b"".join(response) if response.streaming else response.content
    return next(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=","))
