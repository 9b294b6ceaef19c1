"""The database goes away in the middle of a file and comes back: the file goes on by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from django.conf import settings

from tests.batches.test_workers import Clusters
from tests.batches.workforces import workforce
from tests.postgres import stoppable_server

pytestmark = pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgres"),
    reason="runs with the suite on PostgreSQL",
)

PATIENCE = 90  # seconds: the queue's own `retry`
COUNT = 40_000

BRING = """
import sys, django
django.setup()
from accounts.models import User
from predictions.batches import jobs
from tests.batches.conftest import bring_matched
hr = User.objects.get(username="hr")
batch = bring_matched(hr, open(sys.argv[1], "rb").read())
assert jobs.begin(batch, record=True, by=hr)
"""


def test_the_database_restarts_in_the_middle_of_a_file(ibm_file, tmp_path):
    import psycopg

    file = tmp_path / "employees.csv"
    file.write_bytes(workforce(ibm_file, COUNT))
    with stoppable_server(fast=True) as database:
        environment = os.environ | {
            "DATABASE_URL": database.url,
            "DJANGO_SETTINGS_MODULE": "attrition_site.settings",
        }

        def run(*command):
            subprocess.run(
                [sys.executable, *command],
                cwd=settings.BASE_DIR,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )

        def ask(sql):
            with psycopg.connect(database.url) as connection:
                return connection.execute(sql).fetchone()[0]

        def until(condition):
            deadline = time.monotonic() + PATIENCE
            while not condition():
                assert time.monotonic() < deadline, clusters.log()
                time.sleep(0.1)

        for command in ("migrate", "register_bundled_model", "make_demo_accounts"):
            run("manage.py", command)
        clusters = Clusters(tmp_path, database.url)
        try:
            run("-c", BRING, str(file))
            clusters.start()
            until(lambda: ask("SELECT count(*) FROM predictions_batchchunk WHERE accepted > 0") > 2)
            database.stop()
            time.sleep(1)
            database.start()
            assert ask("SELECT state FROM predictions_batch") == "running"
            until(lambda: ask("SELECT state FROM predictions_batch") != "running")
        finally:
            for cluster in list(clusters.running):
                clusters.kill(cluster)
        assert ask("SELECT state FROM predictions_batch") == "done"
        assert ask("SELECT count(DISTINCT row) FROM predictions_prediction") == COUNT
        assert ask("SELECT count(*) FROM predictions_prediction") == COUNT
        # What went wrong was said, and what the file says was not.
        assert "COPY" not in clusters.log()
        assert "Sales Executive" not in clusters.log()
