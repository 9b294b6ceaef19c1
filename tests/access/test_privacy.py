"""docs/privacy.md says what is kept, and how someone is told of it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from axes.models import AccessFailureLog, AccessLog
from django.apps import apps
from django.conf import settings

from predictions.models import Source

DOCUMENT = (Path(settings.BASE_DIR) / "docs" / "privacy.md").read_text(encoding="utf-8")


def test_every_table_of_the_database_is_in_it():
    tables = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    }
    assert tables - set(re.findall(r"`([a-z_]+)`", DOCUMENT)) == set()


@pytest.mark.parametrize("name", ["BATCH_FILE_DAYS", "TRAINING_FILE_DAYS"])
def test_the_terms_are_the_settings(name):
    assert set(re.findall(rf"`{name}` \((\d+)\)", DOCUMENT)) == {str(getattr(settings, name))}


def test_what_identifies_someone_stands_in_the_columns_that_it_names(alice, record):
    prediction = record(alice, employee_id="E-4711", age=57)
    for column in re.findall(r"`(\w+)`", re.search(r"columns of its own\s*\((.+?)\)", DOCUMENT)[1]):
        setattr(prediction, column, None)
    rest = {field.name: getattr(prediction, field.name) for field in prediction._meta.fields}
    assert "4711" not in str(rest)
    assert "'age'" not in str(rest)


def test_an_auditor_finds_and_exports_all_that_is_recorded_of_one_person(
    client, alice, bob, dave, record
):
    record(alice, employee_id="E-4711", age=57, monthly_income=4321)
    record(dave, source=Source.API, employee_id="E-4711", over_time="No")
    record(alice, employee_id="E-1024")
    client.force_login(bob)
    listed = client.get("/admin/predictions/prediction/?q=E-4711")
    shown = [str(row.pk) for row in listed.context["cl"].result_list]
    answer = client.post(
        "/admin/predictions/prediction/?q=E-4711",
        {"action": "export_csv", "select_across": "1", "_selected_action": shown},
    )
    rows = list(csv.reader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))
    assert len(rows) == 1 + 2
    assert all("E-4711" in row for row in rows[1:])
    assert "57" in rows[1] + rows[2]
    assert client.get("/predictions/employee/?reference=E-4711").context["count"] == 2


@pytest.mark.django_db
def test_the_logs_of_sign_ins_that_are_switched_off_stay_empty(client, alice):
    client.post("/accounts/login/", {"username": "alice", "password": "wrong"})
    client.force_login(alice)
    client.post("/accounts/logout/")
    assert not AccessLog.objects.exists()
    assert not AccessFailureLog.objects.exists()
