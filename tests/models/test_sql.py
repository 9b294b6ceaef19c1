"""A model as SQL gives each row what the model gives it, and nothing to a row that is refused."""

from __future__ import annotations

import io
import random
import shutil
from contextlib import closing
from dataclasses import replace

import duckdb
import pytest
import sqlglot
from django.core.management import CommandError, call_command
from django.db import connection

from mlcore.engine import sql
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.schema import FeatureSchema, SchemaError
from mlcore.engine.shapes import Curve
from tests import other_model

ROWS = 600
_KINDS = {
    "postgresql": ("double precision", "text", "integer"),
    "sqlite": ("REAL", "TEXT", "INTEGER"),
    "duckdb": ("DOUBLE", "VARCHAR", "INTEGER"),
}


def made_rows(schema, model, seed):
    """Rows at and beside knots and limits, with blanks, and now and then an impossible value."""
    draw = random.Random(seed)
    pools = {}
    for feature in schema.features:
        if feature.kind != "number":
            pools[feature.name] = [choice.value for choice in feature.choices]
            odd = 99 if isinstance(pools[feature.name][0], int) else "D'accord"
        else:
            shape = model.shapes[feature.name]
            found = [*getattr(shape, "knots", ()), feature.minimum, feature.maximum]
            found += [draw.uniform(feature.minimum, feature.maximum) for _ in range(40)]
            found = [x for x in found if feature.minimum <= x <= feature.maximum]
            pools[feature.name] = [float(int(x)) for x in found] if feature.integer else found
            odd = feature.maximum + 1 if draw.random() < 0.5 else feature.minimum - 0.5
        pools[feature.name] = [*pools[feature.name] * 8, None, None]
        pools[feature.name] += [odd] if draw.random() < 0.5 else []
    rows = [{name: draw.choice(pool) for name, pool in pools.items()} for _ in range(ROWS)]
    return [*rows, dict.fromkeys(pools)]


def own(schema, model, row):
    """The probability and the contributions by the product's own way; None for a refused row."""
    try:
        score = model.score(schema.clean(row))
    except SchemaError:
        return None
    return [score.probability, *score.contributions.values()]


def table_of(schema, dialect):
    numbers, texts, wholes = _KINDS[dialect]
    columns = []
    for feature in schema.features:
        kind = numbers
        if feature.kind != "number":
            kind = wholes if isinstance(feature.choices[0].value, int) else texts
        columns.append(f'"{feature.name}" {kind}')
    return f"CREATE TEMPORARY TABLE staff (place integer, {', '.join(columns)})"


def answered(cursor, artifact, rows, *, mark, dialect):
    schema, model = artifact.schema, artifact.model
    cursor.execute(table_of(schema, dialect))
    places = ", ".join([mark] * (1 + len(schema.features)))
    cursor.executemany(
        f"INSERT INTO staff VALUES ({places})",
        [[place, *row.values()] for place, row in enumerate(rows)],
    )
    explained = len(model.shapes) < 10  # the bundled model's query would be read for seconds
    query = sql.query(model, schema, sql.DIALECTS[dialect], "staff", explained=explained)
    cursor.execute(f"{query.replace('%', '%%')}\nORDER BY place")
    return [row[1 + len(schema.features) :] for row in cursor.fetchall()]


def check(artifact, found, rows):
    refused = 0
    for row, answer in zip(rows, found, strict=True):
        wanted = own(artifact.schema, artifact.model, row)
        if wanted is None:
            refused += 1
            assert answer[0] is None, row
        else:
            assert list(answer) == pytest.approx(wanted[: len(answer)], abs=1e-9, rel=1e-9), row
    assert 0 < refused < len(rows)


@pytest.fixture(scope="module")
def many_knots():
    """A curve of as many knots as training writes, at most."""
    feature = replace(other_model.SCHEMA.by_name["salaire_base"], minimum=0.0, maximum=2_047.0)
    draw = random.Random(0)
    curve = Curve(tuple(map(float, range(2_048))), tuple(draw.gauss(0, 1) for _ in range(2_048)))
    model = GlassBoxModel(intercept=-1.0, base_rate=0.2, shapes={feature.name: curve})
    return replace(other_model.ARTIFACT, schema=FeatureSchema(features=(feature,)), model=model)


@pytest.fixture(params=["bundled", "other", "many knots"])
def artifact(request):
    if request.param == "other":
        return other_model.ARTIFACT
    return request.getfixturevalue(request.param.replace(" ", "_"))


@pytest.mark.django_db
def test_the_database_gives_what_the_model_gives(artifact):
    rows = made_rows(artifact.schema, artifact.model, seed=1)
    with connection.cursor() as cursor:
        found = answered(cursor, artifact, rows, mark="%s", dialect=connection.vendor)
    check(artifact, found, rows)


def test_duckdb_gives_what_the_model_gives(artifact):
    rows = made_rows(artifact.schema, artifact.model, seed=2)
    with closing(duckdb.connect()) as cursor:
        found = answered(cursor, artifact, rows, mark="?", dialect="duckdb")
    check(artifact, found, rows)


@pytest.fixture(scope="module")
def spark():
    """Spark on this machine, where it and a Java are installed: half a gigabyte, for one test."""
    found = pytest.importorskip("pyspark.sql", reason="Spark is not installed: pip install pyspark")
    if not shutil.which("java"):
        pytest.skip("Spark needs a Java.")
    settings = {
        "spark.driver.memory": "2g",  # it reads the bundled model's expression, not in its usual 1
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
    }
    session = found.SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    yield session
    session.stop()


@pytest.mark.parametrize("artifact", ["bundled", "other"], indirect=True)
def test_spark_gives_what_the_model_gives(spark, artifact):
    rows = made_rows(artifact.schema, artifact.model, seed=3)
    kinds = {"place": "int"}
    for feature in artifact.schema.features:
        kinds[feature.name] = "double"
        if feature.kind != "number":
            whole = isinstance(feature.choices[0].value, int)
            kinds[feature.name] = "int" if whole else "string"
    values = [
        [place]
        + [
            float(cell) if kinds[name] == "double" and cell is not None else cell
            for name, cell in row.items()
        ]
        for place, row in enumerate(rows)
    ]
    schema = ", ".join(f"`{name}` {kind}" for name, kind in kinds.items())
    spark.createDataFrame(values, schema).createOrReplaceTempView("staff")
    explained = len(artifact.model.shapes) < 10
    dialect = sql.DIALECTS["spark"]
    query = sql.query(artifact.model, artifact.schema, dialect, "staff", explained=explained)
    found = spark.sql(f"{query}\nORDER BY place").collect()
    check(artifact, [tuple(row)[len(kinds) :] for row in found], rows)


@pytest.mark.parametrize("dialect", sql.DIALECTS)
def test_each_dialect_reads_it(dialect):
    """Where Spark itself is not installed, a parser of its grammar stands in."""
    grammar = "postgres" if dialect == "postgresql" else dialect
    model, schema = other_model.MODEL, other_model.SCHEMA
    read = sqlglot.parse_one(sql.probability(model, schema, sql.DIALECTS[dialect]), read=grammar)
    names = {column.name for column in read.find_all(sqlglot.exp.Column)}
    assert names == {feature.name for feature in schema.features}


def test_what_could_overflow_is_not_written(many_knots):
    [name] = many_knots.model.shapes
    steep = replace(many_knots.model, shapes={name: Curve((1.0, 2.0), (0.0, 1e6))})
    with pytest.raises(sql.NoFormulaError, match="overflow"):
        sql.probability(steep, many_knots.schema, sql.DIALECTS["sqlite"])


class TestTheCommand:
    def run(self, tmp_path, *arguments):
        file = tmp_path / "model.out"
        call_command("export_model", *arguments, output=file)
        return file

    def test_an_expression_says_which_model_and_what_its_columns_hold(self, active_model, tmp_path):
        text = self.run(tmp_path, "--format=sql", "--dialect=spark").read_text()
        head = [line for line in text.splitlines() if line.startswith("--")]
        assert active_model.version in head[0]
        assert active_model.artifact.sha256 in head[0]
        assert "--   over_time: 'Yes', 'No'" in head or "--   over_time: 'No', 'Yes'" in head

    def test_a_query_of_a_table_explains_itself(self, active_model, tmp_path):
        file = self.run(tmp_path, "--format=sql", "--table=hr.staff", "--explain")
        text = file.read_text()
        assert 'AS "over_time_contribution"' in text
        assert text.endswith("\nFROM hr.staff AS employees\n")

    def test_an_archive_comes_in_again(self, active_model, tmp_path):
        file = self.run(tmp_path, active_model.version, "--format=zip")
        told = io.StringIO()
        call_command("import_model", file, stdout=told)
        assert active_model.version in told.getvalue()

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["none-such", "--format=sql"], "no model none-such"),
            (["--format=sql", "--explain"], "needs --table"),
        ],
    )
    def test_what_cannot_be_done_is_said(self, active_model, tmp_path, arguments, said):
        with pytest.raises(CommandError, match=said):
            self.run(tmp_path, *arguments)
        assert not [*tmp_path.iterdir()]
