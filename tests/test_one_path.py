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
from predictions.models import Prediction, Source
from predictions.services import Request, predict_frame
from tests.people import bearer

PACKAGES = ("attrition_site", "accounts", "mlcore", "predictions")
RESULT = (
    "employee_id",
    "audit_attributes",
    "inputs",
    "model_sha256",
    "probability",
    "log_odds",
    "intercept",
    "contributions",
    "base_rate",
    "threshold",
    "band",
)


def result(prediction):
    """What a prediction says, to the last bit: JSON writes a float so that it reads back equal."""
    return json.dumps({name: getattr(prediction, name) for name in RESULT}, sort_keys=True)


@pytest.fixture(scope="module")
def rows():
    """Some of the public file's employees, as its original headers and words have them."""
    columns = ibm_columns()
    chosen = range(0, 1470, 147)
    return [{header: cells[row] for header, cells in columns.items()} for row in chosen]


def read_file(active, content, alice):
    table = read_table(content)
    columns = table.columns()
    matched = match_columns(table.headers, active.schema)
    assert matched.missing == []
    frame = active.schema.clean_frame(
        {name: columns[header] for name, header in matched.headers.items()}
    )
    assert frame.problems == {}
    return predict_frame(
        frame, using=active, request=Request(requested_by=alice, source=Source.FILE)
    )


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
    client, alice, dave, active_model, rows
):
    schema = active_model.schema
    matched = match_columns(list(rows[0]), schema)
    raw = [{name: row[header] for name, header in matched.headers.items()} for row in rows]

    by_door = {
        "csv": read_file(active_model, as_csv(rows), alice),
        "csv, semicolons": read_file(active_model, as_csv(rows, ";", "utf-16"), alice),
        "xlsx": read_file(active_model, as_xlsx(rows), alice),
    }
    client.force_login(alice)
    for employee in raw:
        assert client.post("/predictions/new/", employee).status_code == 302
    client.logout()
    by_door["form"] = Prediction.objects.filter(source=Source.FORM).order_by("created_at", "id")
    api = {"content_type": "application/json", "headers": bearer(dave)}
    for employee in raw:
        assert (
            client.post("/api/v1/predict/attrition", json.dumps(employee), **api).status_code == 201
        )
    single = list(Prediction.objects.filter(source=Source.API).order_by("created_at", "id"))
    by_door["api"] = single
    answer = client.post("/api/v1/predict/attrition/batch", json.dumps({"employees": raw}), **api)
    assert answer.status_code == 200
    by_door["batch"] = [
        Prediction.objects.get(pk=item["prediction_id"]) for item in answer.json()["results"]
    ]

    expected = [
        result(prediction)
        for prediction in Prediction.objects.filter(pk__in=[p.pk for p in by_door["csv"]]).order_by(
            "created_at", "id"
        )
    ]
    assert len(expected) == 10
    for door, predictions in by_door.items():
        stored = [result(Prediction.objects.get(pk=p.pk)) for p in predictions]
        assert stored == expected, door


def test_what_the_service_returns_is_what_the_database_holds(alice, record):
    prediction = record(alice, gender="Female", job_satisfaction=None)
    assert result(prediction) == result(Prediction.objects.get(pk=prediction.pk))


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
