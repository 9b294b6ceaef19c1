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
from tests.processes import until

pytestmark = pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgres"),
    reason="runs with the suite on PostgreSQL",
)

PATIENCE = 90  # seconds: the queue's own `retry`
COUNT = 40_000

BRING = """
import sys, django
django.setup()
from django.core.management import call_command
from accounts.roles import Role
from predictions.batches import jobs
from tests.batches.conftest import bring_matched
from tests.accounts.factories import make_person
call_command("migrate", verbosity=0)
call_command("register_bundled_model", verbosity=0)
hr = make_person(Role.ANALYST, username="hr")
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

        def ask(sql):
            with psycopg.connect(database.url) as connection:
                return connection.execute(sql).fetchone()[0]

        clusters = Clusters(tmp_path, database.url)
        try:
            subprocess.run(
                [sys.executable, "-c", BRING, str(file)],
                cwd=settings.BASE_DIR,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            clusters.start()
            recorded = "SELECT count(*) FROM predictions_batchchunk WHERE accepted > 0"
            until(lambda: ask(recorded) > 2, patience=PATIENCE, said=clusters.log)
            database.stop()
            time.sleep(1)
            database.start()
            assert ask("SELECT state FROM predictions_batch") == "running"
            until(
                lambda: ask("SELECT state FROM predictions_batch") != "running",
                patience=PATIENCE,
                said=clusters.log,
            )
        finally:
            for cluster in list(clusters.running):
                clusters.kill(cluster)
        assert ask("SELECT state FROM predictions_batch") == "done"
        assert ask("SELECT count(DISTINCT row) FROM predictions_prediction") == COUNT
        assert ask("SELECT count(*) FROM predictions_prediction") == COUNT
        # What went wrong was said, and what the file says was not.
        assert "COPY" not in clusters.log()
        assert "Sales Executive" not in clusters.log()
