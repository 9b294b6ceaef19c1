"""The benchmarks run to their end and leave nothing behind; how fast, no test asserts."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

BASE_DIR = Path(__file__).resolve().parent.parent
PATIENCE = 120  # seconds; only a failure takes that long

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks read /proc")


@pytest.fixture
def temporary(tmp_path_factory):
    """A temporary directory for the command that a database's user can reach too."""
    with tempfile.TemporaryDirectory(prefix="attrition-test-") as folder:
        yield folder


@contextlib.contextmanager
def running(temporary, *arguments):
    """Start it, and never leave it behind. Its output goes to a file, so it never waits for us."""
    with tempfile.TemporaryFile("w+") as output:
        process = psutil.Popen(
            [sys.executable, "-m", "benchmarks", *arguments],
            cwd=BASE_DIR,
            env={**os.environ, "TMPDIR": temporary},
            stdout=output,
            stderr=subprocess.STDOUT,
        )

        def printed():
            output.seek(0)
            return output.read()

        try:
            yield process, printed
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE)


def left_behind(temporary):
    """What is still there, but for the lock of the package that carries PostgreSQL."""
    return [name for name in os.listdir(temporary) if name != ".lockfile"]


def is_web_server(process):
    try:
        return "gunicorn" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def test_a_quick_run_answers_and_records_everything(temporary):
    with running(temporary, "--quick") as (process, printed):
        process.wait(PATIENCE)
        output = printed()
    assert process.returncode == 0, output
    assert "fsync on, synchronous_commit on" in output
    rows = re.findall(
        r"^ +(1|8) +\d+ +\d+ +\d+ +[\d.]+ +[\d.]+ +[\d.]+ +(\d+) +(\d+)$", output, re.M
    )
    assert [connections for connections, *_ in rows] == ["1", "8"]
    assert all(errors == "0" and int(answers) > 0 for _, errors, answers in rows)
    recorded = re.findall(r"recorded: (\d+) rows for (\d+) ", output)
    assert len(recorded) == 2  # one by one, and in batches
    assert all(rows == answers != "0" for rows, answers in recorded)
    assert "numpy yes, sklearn no, scipy no, pandas no" in output
    assert "50,000 employees scored and explained at once" in output
    figures = re.findall(r"^ +(?:bundled|large): ([\d.]+) s \(.*\), (\d+) MB beyond", output, re.M)
    assert len(figures) == 2
    assert output.count("goal") == 8
    assert left_behind(temporary) == []


def test_a_file_is_brought_through_the_pages_and_everyone_in_it_recorded(temporary):
    with running(temporary, "--quick", "files") as (process, printed):
        process.wait(PATIENCE)
        output = printed()
    assert process.returncode == 0, output
    assert "A CSV file of 1,500 employees, 35 columns" in output
    assert "A file of 9,000 employees" in output
    assert len(re.findall(r"[\d,]+ rows/s", output)) == 2
    figures = re.search(r"first 10 % visible after ([\d.]+) s", output)
    assert figures
    assert float(figures[1]) > 0
    assert re.search(r"at most: \d{2,3} MB RSS", output)
    assert left_behind(temporary) == []


def test_pages_are_timed_at_two_sizes(temporary):
    with running(temporary, "--quick", "pages") as (process, printed):
        process.wait(PATIENCE)
        output = printed()
    assert process.returncode == 0, output
    assert "3,000 predictions stored" in output
    assert "4,000 predictions stored" in output
    timed = re.findall(r"^  (\S.*?) +[\d.]+ +[\d.]+ +[\d.]+   ", output, re.M)
    assert {"history", "history, deep", "one result", "dashboard", "audit"} <= set(timed)
    assert left_behind(temporary) == []


def test_growth_is_measured_until_a_month_is_put_away(temporary):
    with running(temporary, "--quick", "growth") as (process, printed):
        process.wait(PATIENCE)
        output = printed()
    assert process.returncode == 0, output
    assert len(re.findall(r"^[\d,]+ predictions are there$", output, re.M)) == 4
    assert re.search(r"^Backup of [\d,]+ predictions: [\d.]+ s", output, re.M)
    assert re.search(r"A month of [\d,]+ predictions: detached in \d+ ms", output)
    assert left_behind(temporary) == []


def test_an_interrupted_run_takes_its_servers_along(temporary):
    with running(temporary, "--seconds", "60", "api") as (process, printed):
        deadline = time.monotonic() + PATIENCE
        while not any(map(is_web_server, process.children())):
            assert process.poll() is None, printed()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        started = process.children(recursive=True)
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        assert process.returncode == 128 + signal.SIGINT, printed()
    _, alive = psutil.wait_procs(started, timeout=5)
    assert alive == []
    assert left_behind(temporary) == []
