"""Measures speed and memory, prints what it found, and leaves nothing behind.

Exits with 1 when a request was not answered as it must be, or not recorded; never because a figure
is low: a figure says as much about the machine and who else uses it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import signal
import sys
from types import FrameType

from benchmarks import measurements, models, processes
from benchmarks.installation import BenchmarkError, Installation, installation

MODELS = "models"  # minutes of training, and needs neither server nor database


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"what to measure, instead of all: {', '.join(measurements.BENCHMARKS)}; {MODELS}: the"
        " bundled model and a simulated history, beside other learners. Only when named:"
        f" {', '.join(sorted({MODELS, *measurements.ONLY_NAMED}))}",
    )
    parser.add_argument(
        "--quick", action="store_true", help="see that it works, in seconds; the figures are rough"
    )
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="length of a round (default: %(default)s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds, of which the median counts (%(default)s)"
    )
    parser.add_argument(
        "--predictions",
        type=int,
        default=10_000_000,
        help="how many are stored when growth is measured (default: %(default)s)",
    )
    options = parser.parse_args()
    known = {MODELS, *measurements.BENCHMARKS}
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"there is no benchmark {unknown[0]!r}")
    if not 0 < options.seconds <= 600 or not 0 < options.rounds <= 100:
        parser.error("--seconds from 0 to 600, --rounds from 1 to 100")
    if not 12_000 <= options.predictions <= 100_000_000:
        parser.error("--predictions from 12000 to 100000000")
    return options


def _say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _machine(place: Installation) -> None:
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("django", "gunicorn", "psycopg")
    )
    _say(f"Machine: {cores} cores, {processes.processor()}, {processes.machine_memory():.0f} GB")
    _say(f"Software: Python {platform.python_version()}, {versions}")
    _say(f"Database: {place.database_facts()}")
    _say("The load runs on the same cores as what it measures.")


def _run(options: argparse.Namespace) -> int:
    plan = (
        measurements.QUICK
        if options.quick
        else measurements.Plan(
            seconds=options.seconds,
            rounds=options.rounds,
            repeats=200,
            predictions=options.predictions,
        )
    )
    failures: list[str] = []
    left_out = measurements.ONLY_NAMED
    if MODELS in options.names:
        models.compare(_say, quick=options.quick)
        if len(options.names) == 1:
            return 0
    with installation() as place:
        _machine(place)
        for name, benchmark in measurements.BENCHMARKS.items():
            if name not in (options.names or measurements.BENCHMARKS.keys() - left_out):
                continue
            found = measurements.Measured()
            benchmark(place, plan, found)
            _say()
            for line in found.lines:
                _say(line)
            failures += found.failures
    for failure in failures:
        sys.stderr.write(f"Failed: {failure}\n")
    return 1 if failures else 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Unwinds every `with`, so the server and the database end with us.
    raise KeyboardInterrupt


def main() -> int:
    options = _options()
    if sys.platform != "linux":
        sys.stderr.write("The benchmarks read /proc and need Linux.\n")
        return 1
    # SIGINT too: whoever starts us in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return _run(options)
    except BenchmarkError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
