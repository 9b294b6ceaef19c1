"""Tables to draft from, and what is true of any draft."""

from __future__ import annotations

import json
import re

from mlcore.engine.describe import json_schema
from mlcore.engine.drafting.inference import draft
from mlcore.engine.schema import EMPLOYEE_ID, ROW, FeatureSchema
from mlcore.engine.soundness import schema_fault
from mlcore.engine.tabular import Table, match_columns
from predictions.forms import EmployeeForm


def through_json(value):
    return json.loads(json.dumps(value))


def table_of(**columns):
    """A table of columns of equal length; a name's underscores are spaces in its header."""
    headers = [name.replace("_", " ") for name in columns]
    return Table(headers, [list(row) for row in zip(*columns.values(), strict=True)])


def column(cells, *, name="Thing", rows=200):
    """The finding of a column that repeats `cells`, beside an answer that has nothing to do
    with it and a column to learn from."""
    some = (list(cells) * rows)[:rows]
    left = ["Yes" if (place * 7919) % 10 < 3 else "No" for place in range(rows)]
    hours = [str(30 + (place * 31) % 11) for place in range(rows)]
    table = Table(
        [name, "Attrition", "Weekly hours"], [list(r) for r in zip(some, left, hours, strict=True)]
    )
    return draft(table, name="x").finding(name)


def check_schema(schema, table):
    """The schema survives JSON, reads the table it was made of, and builds what people see."""
    assert FeatureSchema.from_json(through_json(schema.to_json())) == schema
    for feature in schema.everything:
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,59}", feature.name)
        assert feature.name.isidentifier()
        assert feature.label["en"].strip()
        assert feature.label["fr"].strip()
    if schema.features:
        assert schema_fault(schema) == ""
    match = match_columns(table.headers, schema)
    assert match.missing == []
    for feature in schema.everything:
        assert match.headers[feature.name] == feature.column
    wanted = set(schema.by_name)
    if schema.identifier_aliases:
        wanted.add(EMPLOYEE_ID)
        assert (match.headers[EMPLOYEE_ID],) == schema.identifier_aliases
    columns = table.columns()
    frame = schema.clean_frame({name: columns[match.headers[name]] for name in wanted})
    for problems in frame.problems.values():
        assert [p.code for p in problems.pop(ROW)] == ["nothing_known"]
        assert not problems
    assert set(json_schema(schema, "fr")["properties"]) == {EMPLOYEE_ID, *schema.by_name}
    through_json(json_schema(schema, "en"))
    form = EmployeeForm(schema, "fr")
    page = form.as_div()
    for feature in schema.everything:
        assert f'name="{feature.name}"' in page


def check_roles(made):
    """Each column has one role, and the plan knows them all."""
    roles = {finding.column: finding.role for finding in made.findings}
    assert [c for c, role in roles.items() if role == "target"] == [made.target] * bool(made.target)
    asked = {feature.column for feature in made.schema.everything}
    assert asked == {column for column, role in roles.items() if role in ("input", "audit")}
    for finding in made.findings:
        assert finding.reason["en"]
        assert finding.reason["fr"]
        assert (finding.feature is not None) == (finding.role in ("input", "audit"))
    if made.plan:
        plan = made.plan
        everything = [plan.target, plan.identifier, *asked, *plan.left_out]
        assert sorted(filter(None, everything)) == sorted(roles)
