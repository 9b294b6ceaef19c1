"""Processes of the background worker are killed by `kill -9` amid a file, and its database goes
away: every row is there in the end, and once. Many workers that share a file are killed in
`tests/batches/test_workers.py`."""

from __future__ import annotations

import time

from mlcore.public_data import ibm_file
from tests.batches.workforces import workforce
from tests.processes import until
from tests.reliability.outages import KILLED, give_back, take_away
from tests.reliability.services import kept_started

PATIENCE = 120  # seconds; only a failure takes that long
GOES_ON = 15.0  # seconds
# In the order in which they are started.
PROCESSES = ("first", "main", "guard", "working", "keeping", "handing out")


class File:
    """A file of employees that is being assessed."""

    def __init__(self, place, folder, name, rows):
        self.place, self.rows = place, rows
        path = folder / f"{name}.csv"
        path.write_bytes(workforce(ibm_file(), rows))
        place.run("-m", "tests.reliability.brought", str(path))
        [[self.number, self._begun]] = place.query(
            "SELECT id, state FROM predictions_batch ORDER BY id DESC LIMIT 1"
        )

    def state(self):
        [[state]] = self.place.query(
            "SELECT state FROM predictions_batch WHERE id = %s", self.number
        )
        return state

    def recorded(self):
        """How many people, and how many lines of the file."""
        [counts] = self.place.query(
            "SELECT count(*), count(DISTINCT row) FROM predictions_prediction WHERE batch_id = %s",
            self.number,
        )
        return counts

    def _done(self):
        [[people]] = self.place.query(
            "SELECT coalesce(sum(accepted), 0) FROM predictions_batchchunk WHERE batch_id = %s",
            self.number,
        )
        return people

    def until_it_goes_on(self, service):
        """Wait until more people are recorded than now."""
        before = self._done()
        until(
            lambda: self._done() > before or self.state() == "done",
            patience=PATIENCE,
            said=service.said,
        )

    def until_it_ends(self, service):
        until(lambda: self.state() != self._begun, patience=PATIENCE, said=service.said)
        assert self.state() == "done", service.said()
        assert self.recorded() == (self.rows, self.rows)


def worker(place):
    """Started again by what starts it, as on a server."""
    return kept_started(place, "-m", "attrition_site.serve", "worker")


def look_after(service):
    """The processes of it that its first one knows of, by what they do."""
    return dict(zip(PROCESSES, [service.process, *service.below()], strict=False))


def nobody_is_left_alone(service):
    """Whether all processes of it run, and none without the one that looks after it."""
    known = look_after(service)
    return len(known) == len(PROCESSES) and {*known.values()} >= {*service.left()}


def test_its_processes_are_killed(place, tmp_path, seen, long):
    kinds = [*PROCESSES, "all"] * 2 if long else ["guard", "all"]
    rows, still = 60_000 if long else 25_000, []
    with worker(place) as service:
        for number, kind in enumerate(kinds):
            until(lambda: nobody_is_left_alone(service), said=service.said)
            file = File(place, tmp_path, f"killed-{number}", rows)
            file.until_it_goes_on(service)
            assert file.state() == "running", "the file is too short"
            processes = look_after(service)
            killed = time.monotonic()
            for name in processes if kind == "all" else [kind]:
                processes[name].kill()
            file.until_it_goes_on(service)
            still.append(time.monotonic() - killed)
            file.until_it_ends(service)
        until(lambda: nobody_is_left_alone(service), said=service.said)
    seen(
        "Each process of the background worker is killed by `kill -9` amid a file, and all of them"
        " at once",
        promised="every row is recorded once; within 15 s the file goes on, by itself; no process"
        " stays that nobody looks after",
        saw=f"{len(kinds)} files of {rows:,} rows, each row recorded once; each went on after"
        f" {max(still):.1f} s at most",
    )
    assert max(still) < GOES_ON
    assert "Traceback" not in service.said()


def test_its_database_is_killed(place, database, tmp_path, seen, long):
    times = 5 if long else 1
    still, rows = [], 25_000 * times
    with worker(place) as service:
        file = File(place, tmp_path, "database", rows)
        for _ in range(times):
            file.until_it_goes_on(service)
            take_away(database, KILLED)
            time.sleep(1)
            back = give_back(database)
            file.until_it_goes_on(service)
            still.append(time.monotonic() - back)
        file.until_it_ends(service)
    seen(
        "The database's first process is killed by `kill -9` amid a file",
        promised="every row is recorded once; within 15 s of its return the file goes on, by"
        " itself; no line of the log quotes a cell",
        saw=f"{times} × amid {rows:,} rows, each recorded once; it went on {max(still):.1f} s at"
        " most after the return",
    )
    assert max(still) < GOES_ON
    assert "Sales Executive" not in service.said()
