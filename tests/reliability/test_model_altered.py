"""The model's files are altered while the product runs: no answer by any but the recorded model.

Whoever owns the database can change a row of it; here it is the superuser, past every trigger. What
a process has in memory it goes on with; what it reads anew it refuses, until the row is put back.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time

import psycopg
import pytest
from django.conf import settings

from mlcore import registry
from mlcore.engine import artifact
from tests import other_model
from tests.conftest import EMPLOYEE
from tests.processes import until
from tests.reliability.installation import ASSESS
from tests.reliability.traffic import judge, traffic

NOT_READY = "No model is ready to assess employees. Nothing was recorded."
SAME = "Every one came out the same, to the last bit."
PROMISED_SECONDS = 5


# ------------------------------------------------------------------ what is done to a model


def one_byte(content):
    """In the middle of what is compressed."""
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def truncated(content):
    return content[: len(content) // 2]


def emptied(content):
    return b""


def another_model(content):
    return artifact.pack(artifact.files_of(other_model.ARTIFACT))


def own_hashes(content):
    """One number of the model, and every hash in the archive, so that it is sound in itself."""
    files = artifact.unpack(content)
    loaded = artifact.parse(files)
    model = loaded.model.to_json() | {"intercept": loaded.model.intercept + 0.01}
    return artifact.pack(
        artifact.files_of(
            artifact.Artifact(
                loaded.schema,
                type(loaded.model).from_json(model),
                loaded.operating_point,
                loaded.card,
            )
        )
    )


def sha256_of(content):
    return hashlib.sha256(artifact.unpack(content)[artifact.MANIFEST]).hexdigest()


class Row:
    """The active model as the database holds it."""

    def __init__(self, place):
        self._place = place
        [(self._pk, self.version, self.sha256, self.content)] = place.query(
            "SELECT v.id, v.version, v.sha256, f.content FROM mlcore_modelversion v"
            " JOIN mlcore_modelfiles f ON f.model_version_id = v.id"
            " JOIN mlcore_activation a ON a.model_version_id = v.id WHERE a.is_current"
        )

    def write(self, content, sha256=""):
        with psycopg.connect(self._place.database_url) as connection:
            connection.execute("SET session_replication_role = replica")  # no trigger fires
            connection.execute(
                "UPDATE mlcore_modelfiles SET content = %s WHERE model_version_id = %s",
                (content, self._pk),
            )
            connection.execute(
                "UPDATE mlcore_modelversion SET sha256 = %s WHERE id = %s",
                (sha256 or self.sha256, self._pk),
            )

    def put_back(self):
        self.write(self.content)


@pytest.fixture
def row(place):
    row = Row(place)
    yield row
    row.put_back()


# ------------------------------------------------------------------ what then happens


def refuses(web):
    """Wait for a process that assesses nobody; it says so, and so does its health."""
    answers = {}

    def is_refused(*request):
        answers[request[0]] = answer = web.ask(*request)
        return answer.status == 503

    until(lambda: is_refused(ASSESS, EMPLOYEE, web.token))
    until(lambda: is_refused("/health"))
    assert answers[ASSESS].body["detail"] == NOT_READY
    assert (answers["/health"].body["status"], answers["/health"].body["model_loaded"]) == (
        "unhealthy",
        False,
    )


def replace_a_worker(web):
    """Kill one, and return when another works in its place."""
    oldest, *_ = web.workers()
    os.kill(oldest, signal.SIGKILL)
    until(lambda: oldest not in web.workers() and len(web.workers()) == 2)


def python(place, *command, folder=settings.BASE_DIR):
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=place.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def computed_again(place):
    """What is said of all predictions, once the models that they name were asked again."""
    return python(place, "manage.py", "replay_predictions").stdout


def named(flow):
    return {one.body["model_version"] for one in flow.assessed()}


def test_the_files_of_the_active_model_are_altered(row, place, web, seen, long):
    ways = [one_byte, own_hashes]
    if long:
        ways += [truncated, emptied, another_model]
    assessed, refused, resumed = 0, 0, 0.0
    for alter in ways:
        with traffic(web) as flow:
            flow.until_assessed_again(time.monotonic())
            row.write(alter(row.content))
            replace_a_worker(web)
            refuses(web)
            row.put_back()
            back = time.monotonic()
            flow.until_assessed_again(back)
        judge(flow, place)
        assert named(flow) == {row.version}
        assessed += len(flow.assessed())
        refused += len(flow.refused())
        resumed = max(resumed, flow.until_assessed_again(back))
    again = computed_again(place)
    seen(
        "The active model's files are altered in the database, under load, and a web worker begins",
        promised="no answer by another model: who holds the model goes on with it, who begins"
        " refuses with 503 in words, and `/health` says so; every prediction computes again to the"
        " same, by the model that it names; within 5 s of the files' return, everyone is answered",
        saw=f"{len(ways)} ways: {assessed} assessed, {refused} answered 503; all again after"
        f" {resumed:.1f} s; computed again: “{again.splitlines()[-1]}”",
    )
    assert SAME in again
    assert resumed < PROMISED_SECONDS


def test_the_recorded_hash_is_altered_with_the_files(row, place, web, seen):
    """They fit one another: that they are another model's shows in the name alone."""
    content = own_hashes(row.content)
    with traffic(web) as flow:
        flow.until_assessed_again(time.monotonic())
        row.write(content, sha256_of(content))
        altered = time.monotonic()
        refuses(web)
        until(lambda: _all_refused_since(flow, altered))
        row.put_back()
        back = time.monotonic()
        flow.until_assessed_again(back)
    judge(flow, place)
    again = computed_again(place)
    resumed = flow.until_assessed_again(back)
    seen(
        "The active model's files and its recorded hash are altered to fit one another, under load",
        promised="no answer by it: within 5 s every process refuses with 503 in words; within 5 s"
        " of their return, everyone is answered",
        saw=f"{len(flow.assessed())} assessed, {len(flow.refused())} answered 503; all again after"
        f" {resumed:.1f} s",
    )
    assert named(flow) == {row.version}
    assert SAME in again
    assert resumed < PROMISED_SECONDS


def _all_refused_since(flow, moment):
    """Whether each connection's last answer was a refusal."""
    assert time.monotonic() < moment + PROMISED_SECONDS
    last = {one.connection: one.status for one in list(flow.answers)}
    return set(last.values()) == {503}


def test_the_bundled_model_s_folder_is_altered(place, tmp_path, seen):
    """In a copy of the product."""
    for name in ("attrition_site", "accounts", "mlcore", "predictions", "templates", "static"):
        shutil.copytree(settings.BASE_DIR / name, tmp_path / name)
    file = tmp_path / registry.BUNDLED_FOLDER.relative_to(settings.BASE_DIR) / "model.json"
    file.write_bytes(one_byte(file.read_bytes()))
    before = place.query("SELECT version, sha256 FROM mlcore_modelversion")
    ended = python(place, "-m", "attrition_site.serve", "migrate", folder=tmp_path)
    seen(
        "The bundled model's folder is altered, and the product is installed or upgraded",
        promised="it ends with a sentence, and registers nothing",
        saw=f"“{ended.stderr.splitlines()[0]}”",
    )
    assert ended.returncode == 1
    assert "The model that ships with the code cannot be used." in ended.stderr
    assert "model.json was altered after it was written." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert place.query("SELECT version, sha256 FROM mlcore_modelversion") == before


def test_an_installation_gets_its_own_model_back_at_the_next_start(row, place, web, seen):
    row.write(truncated(row.content))
    ended = python(place, "-m", "attrition_site.serve", "migrate")
    [(content,)] = place.query(
        "SELECT content FROM mlcore_modelfiles f JOIN mlcore_modelversion v"
        " ON v.id = f.model_version_id WHERE v.version = %s",
        row.version,
    )
    seen(
        "The bundled model's files are truncated in the database, and the product is started",
        promised="it has them back from its own folder",
        saw=f"{len(truncated(row.content))} bytes before, {len(content)} after",
    )
    assert ended.returncode == 0
    assert artifact.unpack(content) == artifact.unpack(row.content)
