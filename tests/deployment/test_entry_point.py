"""`python -m attrition_site.serve`: each role starts when it may, says why when not, and stops."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.deployment.installation import BASE_DIR
from tests.processes import PATIENCE, free_port, until

# Whoever stops a container kills it after ten seconds.
STOPPED_WITHIN = 10


@pytest.fixture
def place(tmp_path, fresh_database):
    """An installation without tables: `start(role)` a process of it, `run(role)` one to its end."""
    place = Place(tmp_path, *fresh_database)
    try:
        yield place
    finally:
        place.end()


class Place:
    def __init__(self, folder, url, query):
        self.query = query
        self.started = []
        self.variables = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(folder),  # a worker gives its signs of life there
            "VAR_DIR": str(folder / "var"),
            "DATABASE_URL": url,
            "HOST": "127.0.0.1",
            "PORT": str(free_port()),
        }

    def start(self, *role, **variables):
        process = psutil.Popen(
            [sys.executable, "-m", "attrition_site.serve", *role],
            cwd=BASE_DIR,
            env=self.variables | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *role, **variables):
        """Its status and what it said."""
        process = self.start(*role, **variables)
        said, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, said.strip()

    def until_healthy(self, what, process):
        until(lambda: self.run("health", what)[0] == 0, alive=[process], said=process.stdout.read)

    def end(self):
        for process in self.started:
            with contextlib.suppress(psutil.NoSuchProcess):
                for one in [*process.children(recursive=True), process]:
                    one.kill()
            process.communicate()


def stopped(process):
    """How it ended after SIGTERM, all of its processes with it, and within how many seconds."""
    everything = [process, *process.children(recursive=True)]
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    status = process.wait(PATIENCE)
    took = time.monotonic() - asked
    _, alive = psutil.wait_procs(everything, timeout=1)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []
    return status, took


@pytest.mark.parametrize("role", ["web", "worker"])
def test_nothing_is_served_from_a_database_that_was_not_migrated(place, role):
    status, said = place.run(role)
    assert status == 1
    assert "lacks" in said
    assert "python -m attrition_site.serve migrate" in said
    assert "Traceback" not in said


def test_web_is_refused_without_the_files_of_the_pages(place):
    production = {
        "ATTRITION_ENV": "production",
        "SECRET_KEY": "Zq7-vN2_xTj4LrB9wKdM1cHs6YpGfEa8UoRiXbQ3nVtJ5mPlWzCk0S",
        "ALLOWED_HOSTS": "attrition.example.org",
    }
    status, said = place.run("web", **production)
    assert (status, "collectstatic" in said) == (1, True)


def test_two_that_migrate_at_once_do_it_once_and_both_end_well(place):
    both = [place.start("migrate"), place.start("migrate")]
    said = [process.communicate(timeout=PATIENCE)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert place.query("SELECT count(*) FROM mlcore_activation") == [(1,)]
    assert sum("Applying predictions.0001_initial" in text for text in said) == 1


def test_web_and_worker_work_and_stop_in_time(place):
    assert place.run("migrate")[0] == 0
    assert place.run("health")[0] == place.run("health", "worker")[0] == 1  # nothing runs yet
    web, worker = place.start("web"), place.start("worker")
    place.until_healthy("ready", web)
    place.until_healthy("worker", worker)
    assert place.run("health", "live") == (0, "")
    for process in (web, worker):
        status, took = stopped(process)
        assert (status, took < STOPPED_WITHIN) == (0, True)
    status, said = place.run("health")
    assert (status, "does not answer" in said) == (1, True)


# ---------------------------------------------------------------- a container's first process


def watching(work, *, patience=5, before=""):
    """A process that does `work`, some lines of Python, under our watch; `before` stands above."""
    indented = "\n".join(f"    {line}" for line in work.splitlines())
    code = (
        "import os, signal, subprocess, sys, time\n"
        "from attrition_site.serving.first_process import watch_over\n"
        f"{before}\n"
        f"def work():\n{indented}\n"
        f"sys.exit(watch_over(work, stop_patience={patience}))"
    )
    return psutil.Popen(
        [sys.executable, "-c", code], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True
    )


class TestWatchingOver:
    @pytest.mark.parametrize(
        ("work", "status"),
        [("return 0", 0), ("return 3", 3), ("os.kill(os.getpid(), signal.SIGKILL)", 137)],
    )
    def test_it_ends_as_its_work_ends(self, work, status):
        process = watching(work)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == status

    def test_what_it_leaves_behind_when_it_fails_is_killed(self):
        process = watching(
            "print(subprocess.Popen(['sleep', '60']).pid, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)"
        )
        left = psutil.Process(int(process.stdout.readline()))
        process.communicate(timeout=PATIENCE)
        _, alive = psutil.wait_procs([left], timeout=5)
        assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []

    def test_a_signal_is_passed_on(self):
        process = watching(
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
            "print('ready', flush=True)\n"
            "time.sleep(60)"
        )
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 7

    @pytest.mark.parametrize("late", ["SIGTERM", "SIGALRM"])
    def test_a_signal_for_work_that_has_just_ended_changes_nothing(self, late):
        buried = (
            "buried = os.wait\n"
            "def wait():\n"
            "    found = buried()\n"
            f"    os.kill(os.getpid(), signal.{late})\n"
            "    return found\n"
            "os.wait = wait"
        )
        process = watching("return 3", before=buried)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 3

    def test_work_that_does_not_stop_is_killed(self):
        process = watching(
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print('ready', flush=True)\n"
            "time.sleep(60)",
            patience=1,
        )
        assert process.stdout.readline() == "ready\n"
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 137
        assert time.monotonic() - asked < 5

    @pytest.mark.skipif(sys.platform != "linux", reason="Orphans come to us on Linux alone.")
    def test_orphans_are_buried(self):
        """Whoever starts a process and dies leaves it to the first one, which waits for its end."""
        process = watching(
            'starter = \'import subprocess; print(subprocess.Popen(["sleep", "0.3"]).pid)\'\n'
            "subprocess.run([sys.executable, '-c', starter], check=True)\n"
            "sys.stdout.flush()\n"
            "time.sleep(30)"
        )
        orphan = psutil.Process(int(process.stdout.readline()))
        # One that is dead and not buried is running, as well.
        until(lambda: not orphan.is_running(), patience=10, said=orphan.status)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
