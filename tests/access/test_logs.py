"""Nothing personal is logged: all doors are gone through with planted words, and what was written
is searched for them, in both formats, at the level that writes most."""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, OperationalError, connection
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ, Task
from openpyxl import Workbook

from attrition_site.observability.logs import JSONFormatter, PlainFormatter, RecordFilter
from attrition_site.observability.spans import QueryWatch
from mlcore import registry
from predictions import services
from predictions.models import Batch, RefusedRow
from tests.accounts.factories import make_person
from tests.batches.conftest import upload, work_to_the_end
from tests.batches.pages import chosen
from tests.conftest import EMPLOYEE
from tests.training.histories import as_csv, history

FORMATTERS = {"json": JSONFormatter, "plain": PlainFormatter}
# Each planted word begins like this, but for what cannot.
MARK = "zplant"
PASSWORD, WRONG_PASSWORD = "zplant walks in the rain", "zplant-wrong-password"
BIRTH = "1961-07-13"
REFERENCE = "ZPLANT-4711"
FILE = (
    "EmployeeNumber,OverTime,JobLevel,MonthlyIncome,TotalWorkingYears,Department,Name,Born\n"
    f"{REFERENCE},Yes,1,1200,1,zplant-department,Zplant Durand,{BIRTH}\n"
    f"ZPLANT-4712,Yes,1,zplant-much,1,zplant-department,Zplant Dupont,{BIRTH}\n"
)


class Written:
    """What every handler wrote, and the words that must not be in it."""

    def __init__(self, capture):
        self.streams = {name: io.StringIO() for name in FORMATTERS}
        self.capture = capture
        self.secrets = {MARK, BIRTH}

    def everything(self):
        output, errors = self.capture.readouterr()
        logs = {name: stream.getvalue() for name, stream in self.streams.items()}
        return logs | {"standard output": output, "standard error": errors}

    def check(self):
        """Fails where a planted word was written; answers the JSON lines."""
        everything = self.everything()
        for where, text in everything.items():
            for line in text.splitlines():
                told = [word for word in self.secrets if word.lower() in line.lower()]
                assert not told, f"{where}: {line}"
        return [json.loads(line) for line in everything["json"].splitlines()]


@pytest.fixture
def written(capfd, settings, quick_passwords):
    """Logs at DEBUG, in every format, as the product's own handler writes them."""
    written, root, handlers = Written(capfd), logging.getLogger(), []
    for name, formatter in FORMATTERS.items():
        handler = logging.StreamHandler(written.streams[name])
        handler.setFormatter(formatter())
        handler.addFilter(RecordFilter())
        handlers.append(handler)
        root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    with connection.execute_wrapper(QueryWatch(1e-9)):  # every statement is a slow one
        yield written
    root.setLevel(level)
    for handler in handlers:
        root.removeHandler(handler)


@pytest.fixture
def web(db):
    return Client(raise_request_exception=False, headers={"User-Agent": "a browser"})


def person(role, username):
    return make_person(
        role,
        username=f"{MARK}-{username}",
        name="Zplant Persona",
        email=f"{MARK}-{username}@example.org",
        password=PASSWORD,
    )


def signed_in(written, web, role):
    someone = person(role, role)
    sent = {"username": someone.username, "password": PASSWORD}
    assert web.post("/accounts/login/", sent).status_code == 302
    written.secrets |= {morsel.value for morsel in web.cookies.values() if morsel.value}
    return someone


def read(response):
    return b"".join(response) if response.streaming else response.content


# ------------------------------------------------------------------ sign-in


def test_signing_in(written, web):
    someone = person("analyst", "analyst")
    address = f"/accounts/login/?next=/predictions/employee/%3Freference%3D{REFERENCE}"
    for username in (someone.username, "zplant-typed-by-mistake"):
        for _ in range(7):  # to the lock and beyond
            sent = {"username": username, "password": WRONG_PASSWORD}
            web.post(address, sent)
            web.post("/api/v1/auth/token", sent, content_type="application/json")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(days=1))
    sent = {"username": someone.username, "password": PASSWORD}
    assert web.post(address, sent).status_code == 302
    pair = web.post("/api/v1/auth/token", sent, content_type="application/json").json()
    written.secrets |= {pair["access"], pair["refresh"]}
    for endpoint in ("refresh", "refresh", "revoke", "revoke"):  # the second time it is a used one
        sent = {"refresh": pair["refresh"]}
        web.post(f"/api/v1/auth/{endpoint}", sent, content_type="application/json")
    web.get("/api/v1/predict/history", headers={"Authorization": f"Bearer {pair['access']}x"})
    fresh = {"old_password": PASSWORD, "new_password1": WRONG_PASSWORD, "new_password2": "zplant"}
    assert web.post("/accounts/password/", fresh).status_code == 200
    assert any(line["logger"].startswith("axes") for line in written.check())


def test_what_is_kept_of_failed_sign_ins_is_a_username_and_no_more(written, web):
    address = f"/accounts/login/?next=/predictions/employee/%3Freference%3D{REFERENCE}"
    web.post(address, {"username": "typed", "password": WRONG_PASSWORD, "x": "zplant-x"})
    kept = str(list(AccessAttempt.objects.values_list()))
    assert "typed" in kept
    assert MARK not in kept.lower()


# ------------------------------------------------------------------ pages and their searches


def test_pages_forms_and_searches(written, web, active_model):
    signed_in(written, web, "administrator")
    made = web.post("/predictions/new/", EMPLOYEE | {"employee_id": REFERENCE})
    assert made.status_code == 302
    wrong = {"employee_id": REFERENCE, "monthly_income": "zplant-much", "job_role": "zplant-role"}
    assert web.post("/predictions/new/", wrong).status_code == 200
    assert web.get(f"{made.url}what-if/?monthly_income=zplant-much").status_code == 200
    for address in (
        f"/predictions/employee/?reference={REFERENCE}",
        f"/predictions/?search={REFERENCE}",
        f"/predictions/?export=csv&search={REFERENCE}",
        f"/predictions/?export=xlsx&search={REFERENCE}",
        f"/admin/predictions/prediction/?q={REFERENCE}",
        "/admin/predictions/prediction/?file=zplant",
        "/admin/predictions/batch/?uploaded_at__gte=zplant",
        "/admin/mlcore/activation/?activated_at__gte=zplant",
        "/admin/accounts/user/?q=zplant&is_active__exact=zplant",
        f"/admin/accounts/user/?last_login__gte={BIRTH}x&name__regex=zplant",
        f"/predictions/{REFERENCE}/",
        f"/{REFERENCE}/?name=zplant",
        f"/models/?on={BIRTH}",
    ):
        read(web.get(address))
    web.post(f"/predictions/new/?from={REFERENCE}", {"form-language": "zplant"})
    add = {"username": "zplant-new", "name": "Zplant New", "usable_password": "false"}
    assert web.post("/admin/accounts/user/add/", add).status_code in (200, 302)
    statuses = {line.get("status") for line in written.check()}
    assert {200, 302, 404, 400} <= statuses
    assert MARK not in str(list(LogEntry.objects.values_list("change_message")))


@pytest.mark.parametrize(
    "fault",
    [
        ValueError("could not convert string to float: 'zplant'"),
        KeyError("zplant"),
        IntegrityError(f"duplicate key\nDETAIL:  Key (employee_id)=({REFERENCE}) already exists."),
        OperationalError(f"canceling statement\nCONTEXT:  while reading {REFERENCE}"),
        RuntimeError({"name": "Zplant Durand"}),
    ],
    ids=lambda fault: type(fault).__name__,
)
@pytest.mark.parametrize("address", ["/predictions/new/", "/api/v1/models/active"])
def test_faults_of_ours(written, web, active_model, monkeypatch, fault, address):
    someone = signed_in(written, web, "administrator")
    sent = {"username": someone.username, "password": PASSWORD}
    pair = web.post("/api/v1/auth/token", sent, content_type="application/json").json()

    def fail():
        try:
            raise LookupError(f"the cause: {MARK}")
        except LookupError as cause:
            raise fault from cause

    monkeypatch.setattr(registry, "active", fail)
    headers = {"Authorization": f"Bearer {pair['access']}"} if "/api/" in address else {}
    answer = web.get(f"{address}?name=zplant-query", headers=headers)
    assert answer.status_code in (500, 503)
    assert MARK not in answer.text
    told = [line for line in written.check() if line["level"] == "ERROR"]
    if answer.status_code == 500:
        assert any("exception" in line for line in told), "where it happened is not told"
    else:
        assert any(type(fault).__name__ in json.dumps(line) for line in told)


# ------------------------------------------------------------------ files


def workbook(content):
    book = Workbook()
    for line in content.splitlines():
        book.active.append(line.split(","))
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


@pytest.mark.parametrize("kind", ["csv", "xlsx"])  # a workbook is read by a process of its own
def test_a_file_of_employees(written, web, active_model, kind):
    signed_in(written, web, "analyst")
    content = FILE.encode() if kind == "csv" else workbook(FILE)
    brought = web.post("/batches/new/", {"file": upload(content, f"Zplant Durand.{kind}")})
    assert brought.status_code == 302
    page = web.get(brought.url)
    sent = chosen(page) | {"action": "assess"}
    assert web.post(brought.url, sent).status_code == 302
    batch = Batch.objects.get()
    work_to_the_end(batch)
    assert RefusedRow.objects.count() == 1
    for query in ("", "?export=csv", "?export=xlsx"):
        assert REFERENCE in str(read(web.get(batch.get_absolute_url() + query))) or query
        read(web.get(f"{batch.get_absolute_url()}refused/{query}"))
    written.check()
    assert MARK not in str([entry.task for entry in OrmQ.objects.all()]).lower()


def test_a_file_that_cannot_be_read_and_one_whose_work_fails(
    written, web, active_model, monkeypatch
):
    signed_in(written, web, "analyst")
    for content, name in (
        (b"PK\x03\x04zplant-broken", "zplant.xlsx"),
        (b"\x00\x01zplant\xff\xfe\n" * 9, "zplant.csv"),
        (b"%PDF-1.7 zplant", "zplant.pdf"),
    ):
        assert web.post("/batches/new/", {"file": upload(content, name)}).status_code == 200
    brought = web.post("/batches/new/", {"file": upload(FILE.encode(), "zplant.csv")})
    sent = chosen(web.get(brought.url)) | {"action": "assess"}
    assert web.post(brought.url, sent).status_code == 302

    def fail(*_args, **_kwargs):
        raise ValueError(f"could not convert string to float: '{MARK}' of {REFERENCE}")

    monkeypatch.setattr(services, "record_frame", fail)
    batch = Batch.objects.get()
    work_to_the_end(batch)
    assert batch.state == "failed"
    assert any("failed" in line["message"] for line in written.check())


def test_a_history_to_train_on(written, web, active_model):
    signed_in(written, web, "administrator")
    rows = [[f"Zplant-{row[0]}", *row[1:]] for row in history(60)]
    content = as_csv(rows)
    brought = web.post("/models/training/new/", {"file": upload(content, "Zplant.csv")})
    assert brought.status_code == 302
    assert "Zplant-M1000" in web.get(brought.url).text
    assert web.post(brought.url, {"title": "zplant", "target": "zplant"}).status_code == 200
    written.check()


# ------------------------------------------------------------------ the API


def test_the_api(written, web, active_model, settings):
    someone = person("api", "api")
    sent = {"username": someone.username, "password": PASSWORD}
    pair = web.post("/api/v1/auth/token", sent, content_type="application/json").json()
    headers = {"Authorization": f"Bearer {pair['access']}"}
    written.secrets |= set(pair.values()) - {pair["expires_in"]}

    def post(body, path="predict/attrition", **more):
        more = {"content_type": "application/json", "headers": headers} | more
        return web.post(f"/api/v1/{path}?name=zplant-query", body, **more).status_code

    employee = EMPLOYEE | {"employee_id": REFERENCE}
    assert post(employee) == 201
    assert post(employee | {"monthly_income": "zplant-much", "zplant-field": 1}) == 422
    wrong = {"employees": [employee, {"job_role": "zplant"}]}
    assert post(wrong, "predict/attrition/batch") == 200
    assert post('{"zplant": ', content_type="application/json") == 400
    assert post("<zplant/>", content_type="application/xml") == 415
    settings.API_MAX_BODY = 20
    assert post(employee) == 413
    for path in (
        f"predict/history?employee_id={REFERENCE}",
        "predict/history?created_from=zplant",
        "predict/history?cursor=zplant",
        f"predict/history/{REFERENCE}",
        "models/active?name=zplant",
    ):
        web.get(f"/api/v1/{path}", headers=headers)
    web.get("/api/v1/predict/history", headers={"Authorization": "Bearer zplant.zplant.zplant"})
    web.get("/api/v1/predict/history", headers={"X-Request-ID": "zplant\nzplant"})
    written.check()
    assert MARK not in str(list(Task.objects.values_list())).lower()
