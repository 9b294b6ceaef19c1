"""The product's processes as they are run, on the test's own database, and what they tell."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from tests.processes import PATIENCE, free_port, until
from tests.training.test_jobs import database_url


class Process:
    """A process of the product that shows metrics."""

    def __init__(self, folder, *command, **variables):
        self.port, self.metrics_port = free_port(), free_port()
        self.log = folder / "output.log"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        if not command:
            from attrition_site.serving import web_server

            command = tuple(web_server.arguments("127.0.0.1", self.port))
        environment = os.environ | {
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "attrition_site.settings",
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "INFO",
            "METRICS_PORT": str(self.metrics_port),
            "WORKER_METRICS_PORT": str(self.metrics_port),
            "TMPDIR": str(self.temporary),
        }
        with self.log.open("w") as output:
            self.process = psutil.Popen(
                [sys.executable, "-m", *command],
                cwd=settings.BASE_DIR,
                env=environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def lines(self):
        """What it wrote, every line of it."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    @property
    def folders(self):
        """Those of its metrics."""
        places = (self.temporary, Path("/dev/shm"))
        return [
            p for place in places for p in place.glob(f"attrition-metrics-{self.metrics_port}-*")
        ]

    def ask(self, path, *, port=None, body=None, **headers):
        """Status and body of what is answered."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=20)
        with contextlib.closing(connection):
            content = None if body is None else json.dumps(body)
            headers = {"Content-Type": "application/json"} | headers
            connection.request("POST" if body else "GET", path, content, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def metrics(self):
        """Every sample by its name and its labels, in the order of their names."""
        status, text = self.ask("/metrics", port=self.metrics_port)
        assert status == 200
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def families(self):
        """The metrics by name: their kind, their labels, and what they say of themselves."""
        _, text = self.ask("/metrics", port=self.metrics_port)
        return {family.name: family for family in text_string_to_metric_families(text)}

    def until(self, holds, patience=PATIENCE):
        """Wait for something to be so."""

        def holds_by_now():
            with contextlib.suppress(KeyError):  # of a metric that has counted nothing yet
                return holds()

        until(holds_by_now, patience=patience, alive=[self.process], said=self.log.read_text)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(psutil.TimeoutExpired):
                self.process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()
