"""Who comes into the admin, by which door, and what they find there."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest
from axes.models import AccessFailureLog, AccessLog
from django.contrib import admin
from django_q.models import Failure, OrmQ, Schedule, Success, Task
from django_q.signing import SignedPackage
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

JOBS = ("success", "failure", "schedule", "ormq")


def sections(client) -> set[str]:
    answer = client.get("/admin/")
    assert answer.status_code == 200
    return {
        f"{app['app_label']}.{model['object_name']}"
        for app in answer.context["app_list"]
        for model in app["models"]
    }


@pytest.mark.parametrize("path", ["/admin/", "/admin/predictions/prediction/?band__exact=high"])
def test_whoever_is_not_signed_in_signs_in_on_our_page_and_comes_back(client, db, path):
    answer = client.get(path, follow=True)
    address, status = answer.redirect_chain[-1]
    assert (status, answer.status_code) == (302, 200)
    assert address.startswith("/accounts/login/?next=")
    assert answer.templates[0].name == "accounts/login.html"
    assert parse_qs(answer.request["QUERY_STRING"]) == {"next": [path]}


def test_the_admin_s_own_sign_in_takes_no_password(client, db):
    answer = client.post("/admin/login/?next=/admin/", {"username": "a", "password": "b"})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/admin/")


def test_signing_in_is_not_asked_of_who_is_in(as_bob):
    answer = as_bob.get("/admin/login/?next=https://evil.example/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


@pytest.mark.django_db
@pytest.mark.parametrize("person", ["alice", "dave", "erin"])
@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/predictions/prediction/"])
def test_without_the_role_the_door_stays_shut_and_says_why(client, request, person, path):
    client.force_login(request.getfixturevalue(person))
    answer = client.get(path)
    assert answer.status_code == 403
    assert "This part is not open to you" in answer.text
    assert f"You are signed in as {person.title()}." in answer.text


def test_who_was_shut_out_can_sign_in_as_someone_else(client, alice):
    client.force_login(alice)
    answer = client.post("/accounts/logout/")
    assert answer.status_code == 302
    assert "_auth_user_id" not in client.session


def test_an_auditor_sees_records_and_models_alone(as_bob):
    assert sections(as_bob) == {
        "predictions.Prediction",
        "predictions.Batch",
        "mlcore.ModelVersion",
        "mlcore.Activation",
        "mlcore.ActivationProposal",
        "mlcore.OperatingDecision",
    }


def test_an_administrator_sees_what_their_role_names(client, carol):
    client.force_login(carol)
    assert sections(client) == {
        "predictions.Prediction",
        "predictions.Batch",
        "mlcore.ModelVersion",
        "mlcore.Activation",
        "mlcore.ActivationProposal",
        "mlcore.OperatingDecision",
        "accounts.User",
        "auth.Group",
        "axes.AccessAttempt",
        "django_q.Success",
        "django_q.Failure",
        "django_q.Schedule",
        "django_q.OrmQ",
    }


@pytest.fixture
def jobs(db):
    """A row of each kind of job."""
    then = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
    done = {"func": "builtins.print", "args": (), "kwargs": {}, "started": then, "stopped": then}
    task = {"id": "q" * 32, "name": "queued", "func": "builtins.print", "args": (), "kwargs": {}}
    return {
        "success": Success.objects.create(id="s" * 32, name="done", success=True, **done),
        "failure": Failure.objects.create(id="f" * 32, name="failed", success=False, **done),
        "schedule": Schedule.objects.create(name="each day", func="builtins.print"),
        "ormq": OrmQ.objects.create(key="attrition", payload=SignedPackage.dumps(task), lock=then),
    }


def everything_of(*models) -> list[tuple]:
    return [row for model in models for row in model.objects.order_by("pk").values_list()]


@pytest.mark.parametrize("action", ["resubmit_task", "delete_selected"])
@pytest.mark.parametrize(("person", "status"), [("carol", 200), ("root", 200), ("bob", 403)])
@pytest.mark.parametrize("model", JOBS)
def test_jobs_are_looked_at_and_nothing_else(client, request, jobs, model, person, status, action):
    client.force_login(request.getfixturevalue(person))
    path, job = f"/admin/django_q/{model}/", jobs[model]
    before = everything_of(Task, Schedule, OrmQ)
    for address in (path, f"{path}{job.pk}/change/"):
        assert client.get(address).status_code == status
    for address in (f"{path}add/", f"{path}{job.pk}/change/", f"{path}{job.pk}/delete/"):
        assert client.post(address, {"post": "yes", "name": "mine"}).status_code == 403
    selected = {"action": action, "_selected_action": [str(job.pk)], "post": "yes"}
    for index in ({"index": "0"}, {}):
        assert client.post(path, selected | index).status_code == status
    assert everything_of(Task, Schedule, OrmQ) == before


def test_no_job_has_an_action():
    for model in (Success, Failure, Schedule, OrmQ):
        assert admin.site.get_model_admin(model).actions is None


def test_what_means_nothing_to_a_reader_has_no_page():
    for model in (OutstandingToken, BlacklistedToken, AccessLog, AccessFailureLog):
        assert not admin.site.is_registered(model)


def test_the_way_out_leads_to_the_pages(as_bob):
    page = as_bob.get("/admin/").text
    assert '<a href="/">Back to the application</a>' in page
    assert '<a href="/accounts/password/">' in page


def test_the_password_is_changed_on_our_page(as_bob):
    answer = as_bob.get("/admin/password_change/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/password/")


def test_signing_out_leads_to_our_page(as_bob):
    answer = as_bob.post("/admin/logout/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    assert as_bob.get("/admin/").status_code == 302


def test_the_language_is_switched_where_one_stands(as_bob):
    path = "/admin/predictions/prediction/?q=E-1"
    page = as_bob.get(path).text
    assert '<input type="hidden" name="next" value="/admin/predictions/prediction/?q=E-1">' in page
    assert '<button type="submit" name="language" value="fr" lang="fr">Français</button>' in page
    answer = as_bob.post("/i18n/setlang/", {"language": "fr", "next": path})
    assert (answer.status_code, answer["Location"]) == (302, path)
    assert '<html lang="fr"' in as_bob.get(path).text
