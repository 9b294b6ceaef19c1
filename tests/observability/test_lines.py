"""One line per request, with what whoever is on call asks first, and with nobody's name."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from attrition_site.observability.logs import PlainFormatter, RecordFilter
from tests.conftest import EMPLOYEE
from tests.people import bearer

PREDICT = "/api/v1/predict/attrition"
FIELDS = {
    "time",
    "level",
    "logger",
    "process",
    "message",
    "request_id",
    "method",
    "route",
    "status",
    "duration_ms",
    "queries",
    "database_ms",
    "user_id",
    "door",
}


def documented_fields():
    """Those that the documentation names, and what they are."""
    text = (Path(settings.BASE_DIR) / "docs" / "observability.md").read_text()
    return set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))


def test_a_page(client, alice, record, written):
    prediction = record(alice)
    client.force_login(alice)
    with CaptureQueriesContext(connection) as asked:
        client.get(f"/predictions/{prediction.pk}/", headers={"X-Request-ID": "from-the-proxy"})
    [line] = written.of("request")
    assert line.keys() == FIELDS
    assert line["request_id"] == "from-the-proxy"
    assert line["method"] == "GET"
    assert line["route"] == "/predictions/<uuid:pk>/"
    assert line["status"] == 200
    assert line["user_id"] == alice.pk
    assert line["door"] == "page"
    assert line["queries"] == len(asked) > 0
    assert 0 < line["database_ms"] < line["duration_ms"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_an_assessment_through_the_api(client, dave, active_model, written):
    client.post(PREDICT, EMPLOYEE, content_type="application/json", headers=bearer(dave))
    [line] = written.of("request")
    assert line["status"] == 201
    assert line["user_id"] == dave.pk
    assert line["door"] == "api"
    assert line["route"] == PREDICT
    assert line["queries"] == 2  # the person, and the record


def test_a_refusal_names_its_problem(client, dave, active_model, written):
    wrong = EMPLOYEE | {"job_level": "director"}
    client.post(PREDICT, wrong, content_type="application/json", headers=bearer(dave))
    [line] = written.of("request")
    assert line["status"] == 422
    assert line["problem"] == "invalid-employee"
    assert "director" not in written.text


def test_a_download_is_written_when_its_last_byte_is_sent(client, alice, record, written):
    record(alice)
    client.force_login(alice)
    response = client.get("/predictions/?export=csv&search=E-1024")
    assert written.of("request") == []
    before = len(b"".join(response.streaming_content))
    response.close()
    [line] = written.of("request")
    assert before > 0
    assert line["route"] == "/predictions/"
    assert line["queries"] > 1
    assert line["user_id"] == alice.pk


def test_a_sign_in_names_who_came_by_number_alone(client, alice, written, quick_passwords):
    alice.set_password("of no importance")
    alice.save()
    body = {"username": "alice", "password": "of no importance"}
    client.post("/api/v1/auth/token", body, content_type="application/json")
    client.post("/accounts/login/", body)
    lines = written.of("request")
    assert [line["user_id"] for line in lines] == [alice.pk, alice.pk]
    assert "alice" not in written.text


def test_a_failed_sign_in_names_nobody(client, alice, written):
    for _ in range(6):
        client.post("/accounts/login/", {"username": "alice", "password": "wrong guess"})
    lines = written.of("request")
    assert [line["user_id"] for line in lines] == [None] * 6
    for said in ("alice", "wrong guess", "127.0.0.1"):
        assert said not in written.text


@pytest.mark.parametrize(
    "address",
    [
        "/predictions/employee/?employee_id=E-1024",
        "/no/such/E-1024/",
        "/predictions/?search=E-1024",
    ],
)
def test_an_address_with_a_reference_leaves_none(client, alice, active_model, written, address):
    client.force_login(alice)
    client.get(address)
    assert len(written.of("request")) == 1
    assert "E-1024" not in written.text


def test_what_leads_nowhere_is_one_route(client, db, written):
    client.get("/no/such/page")
    client.get("/wp-login.php")
    client.generic("BREW", "/coffee")
    lines = written.of("request")
    assert {line["route"] for line in lines} == {"unmatched"}
    assert [line["method"] for line in lines] == ["GET", "GET", "other"]


def test_what_is_asked_every_few_seconds_is_not_written_unless_it_fails(client, db, written):
    client.get("/health/live")
    client.get("/static/img/icon.svg").close()
    assert written.of("request") == []
    client.get("/health/ready")  # there is no model
    [line] = written.of("request")
    assert (line["route"], line["status"]) == ("/health/ready", 503)


def test_a_fault_says_where_it_was_and_not_what_it_said(client, alice, active_model, written):
    def broken(execute, sql, *args):
        if not sql.startswith("INSERT INTO predictions_prediction"):
            return execute(sql, *args)
        raise IntegrityError(
            'duplicate key value violates unique constraint "once"\n'
            "DETAIL:  Key (employee_id)=(E-1024) already exists."
        ) from ValueError("Ada Lovelace earns 5993")

    client.force_login(alice)
    client.raise_request_exception = False
    with connection.execute_wrapper(broken):
        client.post("/predictions/new/", EMPLOYEE)
    [fault] = written.of("Internal Server Error")
    [line] = written.of("request")
    assert line["status"] == 500
    assert fault["request_id"] == line["request_id"]
    assert fault["route"] == "/predictions/new/"
    assert "in broken" in fault["exception"]
    assert fault["exception"].splitlines()[0] == "ValueError"
    assert fault["exception"].endswith(
        'IntegrityError: duplicate key value violates unique constraint "once"'
    )
    for said in ("E-1024", "Ada", "5993", "DETAIL"):
        assert said not in written.text


def test_a_forged_host_is_not_repeated(client, db, written, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    client.get("/accounts/login/", headers={"Host": "e-1024.example.org"})
    assert written.of("Bad Request (DisallowedHost)")
    assert "e-1024" not in written.text


@pytest.mark.parametrize(
    ("logger", "message", "args", "written_as"),
    [
        (
            "gunicorn.error",
            "Error handling request %s %s",
            ("GET", "/predictions/?search=E-1024"),
            "Error handling request",
        ),
        (
            "gunicorn.error",
            "Invalid request from ip=10.0.0.7: Invalid HTTP request line: 'E-1024'",
            (),
            "Invalid request",
        ),
        ("gunicorn.error", "Worker (pid:%s) was sent %s!", (7, "SIGKILL"), None),
        (
            "django-q",
            "Failed 'tasks.work' (two-red-fish) - E-1024 : Trace\nback",
            (),
            "Failed 'tas",
        ),
        ("django-q", ValueError("E-1024"), (), "ValueError"),
    ],
)
def test_what_libraries_say_of_addresses_and_values_is_put_in_other_words(
    written, logger, message, args, written_as
):
    logging.getLogger(logger).error(message, *args)
    [line] = written.lines
    assert line["message"].startswith(written_as or message % args)
    assert "E-1024" not in written.text
    assert "10.0.0.7" not in written.text


def test_lines_for_people_hold_the_same():
    record = logging.makeLogRecord(
        {"name": "attrition.requests", "levelname": "INFO", "msg": "request", "status": 200}
    )
    RecordFilter().filter(record)
    assert (
        PlainFormatter().format(record).endswith("Z INFO attrition.requests [-] request status=200")
    )


def test_the_documentation_names_every_field():
    assert FIELDS | {"problem", "exception", "sql", "many"} <= documented_fields()


class TestQueries:
    """What is asked of the database."""

    LONG = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        " SELECT count(*) FROM n WHERE %s <> ''"
    )

    def test_a_slow_one_is_written_without_its_values(self, client, alice, record, written):
        from attrition_site.observability.spans import QueryWatch

        with connection.execute_wrapper(QueryWatch(slow_ms=1)), connection.cursor() as cursor:
            cursor.execute(self.LONG, ["E-1024"])
        [line] = written.of("slow query")
        assert line["sql"] == self.LONG
        assert line["duration_ms"] >= 1
        assert "E-1024" not in written.text

    def test_of_a_very_long_one_the_beginning_is_written(self, db, written):
        from attrition_site.observability.spans import QueryWatch

        watch = QueryWatch(slow_ms=5000)
        watch._slow = 0
        with connection.execute_wrapper(watch), connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(['12345'] * 1000)}")
        [line] = written.of("slow query")
        assert line["sql"].startswith("SELECT 12345, 12345")
        assert line["sql"].endswith("…")
        assert len(line["sql"]) == 2001

    def test_a_quick_one_is_not(self, db, written):
        from attrition_site.observability.spans import QueryWatch

        with connection.execute_wrapper(QueryWatch(slow_ms=5000)), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert written.lines == []

    def test_it_bears_the_number_of_its_request(self, client, dave, active_model, written):
        from attrition_site.observability.spans import QueryWatch

        watch = QueryWatch(slow_ms=5000)
        watch._slow = 0
        token = bearer(dave)
        with connection.execute_wrapper(watch):
            client.post(PREDICT, EMPLOYEE, content_type="application/json", headers=token)
        [request] = written.of("request")
        slow = written.of("slow query")
        assert {line["request_id"] for line in slow} == {request["request_id"]}
        assert any("INSERT INTO" in line["sql"] for line in slow)
        assert "E-1024" not in written.text

    def test_rows_in_bulk_are_one_query(self, client, dave, active_model, written):
        body = {"employees": [EMPLOYEE] * 3}
        client.post(f"{PREDICT}/batch", body, content_type="application/json", headers=bearer(dave))
        [line] = written.of("request")
        assert line["status"] == 200
        assert 2 <= line["queries"] <= 4
        assert line["database_ms"] > 0


def test_the_filter_takes_a_request_for_what_it_is():
    record = logging.makeLogRecord({"name": "django.request", "msg": "x", "request": None})
    assert RecordFilter().filter(record)
    assert not hasattr(record, "request")
    other = logging.makeLogRecord({"name": "other", "msg": "x", "request": SimpleNamespace()})
    assert RecordFilter().filter(other)
    assert other.msg == "x"
