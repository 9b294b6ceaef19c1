"""Starts the other service over the benchmark's database server."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.installation import START_PATIENCE, BenchmarkError, Server, ask, free_port
from benchmarks.peer import pipeline, tables


@contextlib.contextmanager
def peer(
    people: list[dict[str, Any]], classifier: pipeline.Classifier, *, workers: int
) -> Iterator[Server]:
    """The service with a classifier fitted to these people; it has ended when the block has."""
    import jwt

    from mlcore import registry

    secret, port = secrets.token_hex(32), free_port()
    database = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
    with tempfile.TemporaryDirectory(prefix="attrition-peer-") as folder:
        path = Path(folder) / "pipeline.joblib"
        pipeline.write(path, classifier, registry.active().schema, people)
        tables.create(database)
        begun = time.perf_counter()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "benchmarks.peer.app:app"),
                *(f"--port={port}", f"--workers={workers}"),
                *("--log-level=warning", "--no-access-log"),
            ],
            env={
                **os.environ,
                "PEER_SECRET": secret,
                "PEER_PIPELINE": str(path),
                "PEER_DATABASE": database,
                # A worker is one core's, as the product's is.
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
                # joblib warns of the threads that FastAPI has.
                "PYTHONWARNINGS": "ignore",
            },
        )
        try:
            _wait(process, port)
            starting = time.perf_counter() - begun
            token = jwt.encode({"sub": "benchmark"}, secret, algorithm="HS256")
            serving = [
                child
                for child in processes.children(process.pid)
                if "spawn_main" in _command(child)
            ]
            yield Server(
                address=("127.0.0.1", port), token=token, workers=serving, starting=starting
            )
        finally:
            process.terminate()
            process.wait(20)


def _command(pid: int) -> str:
    """The command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while True:
        if process.poll() is not None:
            raise BenchmarkError("The other service ended by itself.")
        with contextlib.suppress(OSError, BenchmarkError):
            ask("127.0.0.1", port, "/health")
            return
        if time.monotonic() > deadline:
            raise BenchmarkError("The other service did not answer.")
        time.sleep(0.05)
