"""Every index serves a read of the product: it is asked, and PostgreSQL says by which it goes.

What an index is for stands above it in the models, and from there in docs/database.md.
"""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

from accounts.models import User
from mlcore import registry
from mlcore.models import (
    ActivationProposal,
    ModelVersion,
    OperatingDecision,
    ProposalState,
    TrainingRun,
)
from predictions.audit_list import numbered
from predictions.criteria import Criteria
from predictions.models import Batch, BatchChunk, Overview, Prediction
from predictions.search import Search
from tests.database.conftest import asking

ON_POSTGRESQL = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's plans")

OURS = ("accounts", "mlcore", "predictions")


def person(name):
    return User.objects.get(username=name)


def page(**criteria):
    return Search(Criteria(**criteria)).page(size=50).rows


READS = {
    "prediction_newest": lambda: page(),
    "prediction_own": lambda: page(requested_by=person("api").pk),
    "prediction_employee": lambda: page(employee="1"),
    "prediction_kind": lambda: page(bands=("high", "very_high")),
    "prediction_request": lambda: numbered("test-request"),
    "one_prediction_per_row": lambda: list(Prediction.objects.filter(batch=1, row__in=[2, 3])),
    "batch_last_finished": lambda: Batch.objects.finished().first(),
    "batch_of_person": lambda: list(
        Batch.objects.filter(uploaded_by=person("hr"), state__in=("running", "draft"))
    ),
    "batch_corrections": lambda: list(Batch.objects.finished().filter(corrects__in=[1]).reverse()),
    "chunk_to_do": lambda: (
        BatchChunk.objects.filter(batch=1, done_at=None).order_by("number").first()
    ),
    "overview_newest": lambda: Overview.objects.order_by("-computed_at", "-id").first(),
    "activation_newest": lambda: ModelVersion.objects.active_at(timezone.now()),
    "activation_of_model": lambda: list(ModelVersion.objects.with_state()),
    "one_model_is_active": lambda: registry.active(),
    "one_open_proposal_per_model": lambda: list(
        ActivationProposal.objects.filter(model_version=1, state=ProposalState.OPEN)
    ),
    "operating_decision_newest": lambda: registry.active(),
    "training_run_of_file": lambda: TrainingRun.objects.filter(file=1, state="running").exists(),
}
"""What each of our indexes is for, as the product asks it."""


def named():
    """Our own indexes, and unique constraints with a condition, which are indexes too."""
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            for index in model._meta.indexes:
                yield model, index.name
            for constraint in model._meta.constraints:
                if isinstance(constraint, models.UniqueConstraint) and constraint.condition:
                    yield model, constraint.name


def indexes():
    """Every index in the database of one of our tables, and what it is."""
    tables = [
        model._meta.db_table
        for label in OURS
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, tablename, indexdef FROM pg_indexes WHERE tablename = ANY(%s)",
            [tables],
        )
        return {name: (table, sql) for name, table, sql in cursor.fetchall()}


def plans(read):
    """How PostgreSQL would find what is read, had the tables many rows."""
    asked = []

    def note(execute, sql, parameters, many, context):
        if sql.startswith(("SELECT", "(SELECT")):
            asked.append((sql, parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        read()
    said = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql, parameters in asked:
            cursor.execute(f"EXPLAIN {sql}", parameters)
            said += [line for (line,) in cursor.fetchall()]
    return "\n".join(said)


MORE = """
INSERT INTO predictions_batch ({batch}, id, uploaded_by_id, corrects_id)
    SELECT {batch}, id + n, (SELECT array_agg(id) FROM accounts_user)[n % 4 + 1],
        CASE WHEN n % 50 = 0 THEN id END
    FROM predictions_batch, generate_series(1, 2000) AS n;
INSERT INTO predictions_batchchunk ({chunk}, batch_id, number, done_at)
    SELECT {chunk}, batch_id, number + n, CASE WHEN n % 200 = 0 THEN NULL ELSE done_at END
    FROM predictions_batchchunk, generate_series(1, 5000) AS n;
INSERT INTO mlcore_modelversion ({version}, version, sha256)
    SELECT {version}, md5(n::text), md5(n::text)
    FROM mlcore_modelversion, generate_series(1, 50) AS n;
INSERT INTO mlcore_activation (model_version_id, activated_at, reason, is_current)
    SELECT v.id, now() - n * interval '1 hour', '', false
    FROM mlcore_modelversion v, generate_series(1, 100) AS n;
INSERT INTO mlcore_activationproposal
    (model_version_id, reason, proposed_by_id, proposed_at, state, note)
    SELECT v.id, '', (SELECT min(id) FROM accounts_user), now(), 'declined', ''
    FROM mlcore_modelversion v, generate_series(1, 100);
INSERT INTO mlcore_operatingdecision ({decision}, model_version_id)
    SELECT {decision}, v.id
    FROM mlcore_operatingdecision d, mlcore_modelversion v, generate_series(1, 100);
INSERT INTO mlcore_trainingfile (name, sha256, rows, columns, content, uploaded_at)
    SELECT '', '', 1, 1, '', now() FROM generate_series(1, 500);
INSERT INTO mlcore_trainingrun
    (file_id, plan, findings, state, step, done, total, message, created_at, claim, attempts)
    SELECT id, '{{}}', '[]', 'done', '', 0, 0, '{{}}', now(), '', 0 FROM mlcore_trainingfile;
INSERT INTO predictions_overview (computed_at, seconds, content)
    SELECT now() - n * interval '1 hour', 1, '{{}}' FROM generate_series(1, 1000) AS n;
ANALYZE;
"""


def other_columns(model, *but):
    columns = [field.column for field in model._meta.concrete_fields]
    return ", ".join(f'"{name}"' for name in columns if name not in but)


@pytest.fixture(scope="module")
def filled(databases, lived_in):
    """A database with enough in it for PostgreSQL to choose."""
    name = databases.copy_of(lived_in)
    sql = MORE.format(
        batch=other_columns(Batch, "id", "uploaded_by_id", "corrects_id"),
        chunk=other_columns(BatchChunk, "id", "batch_id", "number", "done_at"),
        version=other_columns(ModelVersion, "id", "version", "sha256"),
        decision=other_columns(OperatingDecision, "id", "model_version_id"),
    )
    with asking(name), connection.cursor() as cursor:
        cursor.execute(sql)
    return name


def test_each_has_a_read_that_it_is_for():
    assert sorted(name for _model, name in named()) == sorted(READS)


@ON_POSTGRESQL
@pytest.mark.parametrize("name", READS)
def test_the_read_goes_by_it(filled, name):
    with asking(filled):
        assert re.search(rf"(using|on) {name}\b", plans(READS[name])), name


def test_what_it_is_for_is_written_down():
    document = (settings.BASE_DIR / "docs" / "database.md").read_text()
    for _model, name in named():
        rows = [line for line in document.splitlines() if line.startswith(f"| `{name}` |")]
        assert len(rows) == 1
        assert rows[0].rstrip("| ").count("|") == 3, f"{name} does not say what it is for"


@ON_POSTGRESQL
def test_there_is_no_other(db):
    """But for rules, each of which is an index, and what Django makes with a unique text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype IN ('p', 'u') UNION SELECT 'none'"
        )
        rules = {name for (name,) in cursor.fetchall()}
    of_django = re.compile(r"_[0-9a-f]{8}_like$")
    between = "accounts_user_groups"  # of Django's making: who has which role
    others = {
        name
        for name, (table, _sql) in indexes().items()
        if name not in rules
        and name not in READS
        and not of_django.search(name)
        and table != between
    }
    assert others == set()


@ON_POSTGRESQL
def test_none_is_the_beginning_of_another(db):
    """What the longer one finds as well needs no index of its own."""
    columns = {
        name: (table, re.search(r"\((.*?)\)(?: WHERE (.*))?$", sql).groups())
        for name, (table, sql) in indexes().items()
        if not name.endswith("_like") and table != "accounts_user_groups"
    }
    double = [
        (name, other)
        for name in READS
        for other in columns
        if name != other
        and columns[name][0] == columns[other][0]
        and columns[other][1][1] is None
        and columns[name][1][1] is None
        and f"{columns[other][1][0]}, ".startswith(f"{columns[name][1][0]}, ")
    ]
    assert double == []
