from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcore.engine.describe import json_schema
from mlcore.engine.draft import Draft
from mlcore.engine.inference import draft
from mlcore.engine.plan import TrainingPlan
from mlcore.engine.schema import EMPLOYEE_ID, ROW, FeatureSchema
from mlcore.engine.tabular import Table, TableError, match_columns
from predictions.forms import EmployeeForm
from tests.engine.strategies import tables


def through_json(value):
    return json.loads(json.dumps(value))


class TestAnyTable:
    @settings(max_examples=400)
    @given(tables(), st.text(max_size=60))
    def test_it_is_a_draft_or_a_sentence_and_the_draft_reads_its_own_rows(self, table, name):
        try:
            made = draft(table, name=name)
        except TableError as refused:
            assert refused.words["en"]
            assert refused.words["fr"]
            return
        assert [finding.column for finding in made.findings] == table.headers
        assert Draft.from_json(through_json(made.to_json())) == made
        if made.plan:
            assert TrainingPlan.from_json(through_json(made.plan.to_json())) == made.plan
        self._check_schema(made.schema, table)
        self._check_roles(made)

    def _check_schema(self, schema, table):
        assert FeatureSchema.from_json(through_json(schema.to_json())) == schema
        for feature in schema.everything:
            assert re.fullmatch(r"[a-z][a-z0-9_]{0,59}", feature.name)
            assert feature.name.isidentifier()
            assert feature.label["en"].strip()
            assert feature.label["fr"].strip()
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

    def _check_roles(self, made):
        roles = {finding.column: finding.role for finding in made.findings}
        assert [c for c, role in roles.items() if role == "target"] == [made.target] * bool(
            made.target
        )
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
