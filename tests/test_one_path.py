"""One path for a prediction: whatever the door, the same employee gives the same record."""

from __future__ import annotations

import ast
import csv
import io
import json
from pathlib import Path

import pytest
from openpyxl import Workbook

from mlcore.engine.tabular import match_columns, read_table
from mlcore.public_data import ibm_columns
from predictions.batches import jobs
from predictions.models import Batch, BatchState, Prediction, Source
from predictions.services import Request, record_frame
from tests.api.conftest import Api
from tests.batches.conftest import bring_matched, work_to_the_end
from tests.conftest import EMPLOYEE

PACKAGES = ("attrition_site", "accounts", "mlcore", "predictions")

# What tells one prediction from another of the same employee.
OWN = {"id", "created_at", "requested_by_id", "source", "request_id", "batch_id", "row"}

CASES = {
    "complete": {},
    "blanks": {"monthly_income": None, "job_role": ""},
    "words": {
        "over_time": "no",
        "job_satisfaction": "Very high",
        "business_travel": "travel rarely",
    },
    "texts": {"monthly_income": "12 345", "distance_from_home": " 7 "},
    "audit": {"gender": "Female", "age": 44},
    "nobody": {"employee_id": ""},
}


def content(prediction):
    """The record as the database gives it back, to the last bit.

    JSON writes a float so that it reads back equal, and 1 otherwise than 1.0.
    """
    fields = Prediction.objects.filter(pk=prediction.pk).values().get()
    return json.dumps({name: fields[name] for name in fields.keys() - OWN}, sort_keys=True)


@pytest.fixture(scope="module")
def public():
    """Some of the public file's employees, as its original headers and words have them."""
    columns = ibm_columns()
    return [
        {header: cells[row] for header, cells in columns.items()} for row in range(0, 1470, 147)
    ]


@pytest.fixture
def headers(public, active_model):
    """The public file's header of each field."""
    return match_columns(list(public[0]), active_model.schema).headers


@pytest.fixture
def employees(public, headers):
    """Raw employees by field: the public ones, and one for each way to say or leave out a value."""
    found = [{name: row[header] for name, header in headers.items()} for row in public]
    return found + [EMPLOYEE | case for case in CASES.values()]


def by_form(client, employee):
    form = {name: "" if value is None else str(value) for name, value in employee.items()}
    response = client.post("/predictions/new/", form)
    assert response.status_code == 302, response.content
    return Prediction.objects.get(pk=response.url.strip("/").rpartition("/")[2])


def by_api(api, employee):
    answer = api.post("/api/v1/predict/attrition", employee, expect=201).json()
    return Prediction.objects.get(pk=answer["prediction_id"])


def by_batch(api, employees):
    """The first and the last cannot be accepted, which must not move the others."""
    body = {"employees": [{}, *employees, {"over_time": "perhaps"}]}
    answer = api.post("/api/v1/predict/attrition/batch", body, expect=200).json()
    assert answer["refused"] == 2
    return [Prediction.objects.get(pk=r["prediction_id"]) for r in answer["results"][1:-1]]


def by_columns(active, columns, alice):
    frame = active.schema.clean_frame(columns)
    batch = Batch.objects.create(name="staff", sha256="0" * 64, size=1, uploaded_by=alice)
    record_frame(
        frame,
        active.model.score_frame(frame),
        using=active,
        request=Request(requested_by=alice, source=Source.FILE),
        batch=batch,
        rows=frame.positions,
        groups={},
    )
    return frame, list(Prediction.objects.filter(batch=batch).order_by("row"))


def by_frame(active, employees, headers, alice):
    """With values as a program has them, and between two rows that are refused."""
    columns = {
        name: ["", *(employee.get(name) for employee in employees), "\x00"] for name in headers
    }
    frame, made = by_columns(active, columns, alice)
    assert frame.positions == list(range(1, len(employees) + 1))
    return made


def by_file(active, content, alice):
    table = read_table(content)
    columns = table.columns()
    matched = match_columns(table.headers, active.schema)
    assert matched.missing == []
    given = {name: columns[header] for name, header in matched.headers.items()}
    frame, made = by_columns(active, given, alice)
    assert frame.problems == {}
    return made


def by_the_whole_road(content, name, alice):
    """Brought, matched and assessed by the product's own jobs."""
    batch = bring_matched(alice, content, name=name)
    assert jobs.begin(batch, record=True, by=alice)
    work_to_the_end(batch)
    assert (batch.state, batch.refused_rows.count()) == (BatchState.DONE, 0)
    return list(Prediction.objects.filter(batch=batch).order_by("row"))


def as_csv(rows, delimiter=",", encoding="utf-8-sig"):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def as_xlsx(rows):
    book = Workbook()
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_form_api_batch_and_files_record_the_same_bit_for_bit(
    client, alice, dave, active_model, employees, headers
):
    api = Api(dave)
    client.force_login(alice)
    rows = [{headers[name]: employee.get(name) for name in headers} for employee in employees]
    by_door = {
        "form": [by_form(client, employee) for employee in employees],
        "batch": by_batch(api, employees),
        "frame": by_frame(active_model, employees, headers, alice),
        "csv": by_file(active_model, as_csv(rows), alice),
        "csv, semicolons": by_file(active_model, as_csv(rows, ";", "utf-16"), alice),
        "xlsx": by_file(active_model, as_xlsx(rows), alice),
        "csv, brought": by_the_whole_road(as_csv(rows), "staff.csv", alice),
        "csv with tabs, brought": by_the_whole_road(as_csv(rows, "\t", "utf-16"), "t.csv", alice),
        "xlsx, brought": by_the_whole_road(as_xlsx(rows), "staff.xlsx", alice),
    }
    expected = [content(by_api(api, employee)) for employee in employees]
    assert len(set(expected)) == len(employees) == 16
    for door, records in by_door.items():
        assert [content(record) for record in records] == expected, door


@pytest.mark.parametrize("case", CASES)
def test_what_is_answered_is_what_is_recorded(dave, active_model, case):
    answer = Api(dave).post("/api/v1/predict/attrition", EMPLOYEE | CASES[case], expect=201).json()
    record = Prediction.objects.get(pk=answer["prediction_id"])
    for name in ("probability", "log_odds", "intercept", "floor", "base_rate", "threshold"):
        assert answer[name].hex() == getattr(record, name).hex()
    for reason in answer["explanation"]:
        assert reason["contribution"].hex() == record.contributions[reason["feature"]].hex()
        assert reason["values"] == [record.inputs[feature] for feature in reason["features"]]
    blank = [f.name for f in active_model.schema.features if record.inputs[f.name] is None]
    assert answer["missing"] == blank


def test_what_the_service_returns_is_what_the_database_holds(alice, record):
    made = record(alice, gender="Female", job_satisfaction=None)
    fields = vars(made)
    assert content(made) == json.dumps(
        {name: value for name, value in fields.items() if name not in OWN and name[0] != "_"},
        sort_keys=True,
    )


def calls_that_write_in_bulk(source: str) -> list[str]:
    """What is called of a cursor to write many rows, past the models."""
    return [
        node.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (node.func.attr == "executemany" or ast.unparse(node.func) == "cursor.copy")
    ]


def test_the_service_alone_writes_past_the_models():
    assert calls_that_write_in_bulk("c.executemany(sql, rows)\ncursor.copy('COPY t')") == [
        "executemany",
        "copy",
    ]
    root = Path(__file__).parent.parent
    writers = {
        str(file.relative_to(root))
        for package in PACKAGES
        for file in (root / package).rglob("*.py")
        if calls_that_write_in_bulk(file.read_text(encoding="utf-8"))
    }
    # Beside it, what brings whole tables from elsewhere: records that were made by it before.
    assert writers - {f"predictions/backups/{name}.py" for name in ("moving", "postgresql")} == {
        "predictions/services.py"
    }


# Who imports whom, from the outside in.
ALLOWED = {
    "attrition_site": {"attrition_site", "predictions", "mlcore", "accounts"},
    "predictions": {"predictions", "mlcore", "accounts"},
    "mlcore": {"mlcore", "accounts"},
    "mlcore/engine": {"mlcore.engine"},
    "accounts": {"accounts"},
}


def imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_run_one_way(package):
    root = Path(__file__).parent.parent
    for file in (root / package).rglob("*.py"):
        if package == "mlcore" and (root / "mlcore/engine") in file.parents:
            continue
        for module in imports(file):
            if module.split(".")[0] in PACKAGES:
                assert any(
                    module == allowed or module.startswith(allowed + ".")
                    for allowed in ALLOWED[package]
                ), f"{file.relative_to(root)} imports {module}"


def test_nothing_outside_a_models_own_schema_knows_a_features_name(active_model):
    root = Path(__file__).parent.parent
    names = set(active_model.schema.by_name) - {"department", "age", "gender", "education"}
    for package in (*PACKAGES, "templates", "static"):
        for file in (root / package).rglob("*"):
            if file.suffix in (".py", ".html", ".js", ".css"):
                words = set(file.read_text().replace('"', " ").replace("'", " ").split())
                assert not words & names, f"{file} knows {words & names}"
