"""What the kernel says of processes: memory, processor time, and what is loaded."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# Each brings compiled code of its own, so a process that has imported one maps its files. Numpy
# is what the web process does import: finding it shows that the others would be found.
HEAVY = ("sklearn", "scipy", "pandas")
EXPECTED = "numpy"


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A process's memory, in MB of 1,000,000 bytes."""

    rss: float
    """All that it holds, with what it shares with others."""
    pss: float
    """Its part: what is shared is divided among those who share it."""


def memory(pid: int) -> Memory:
    return Memory(
        rss=_kilobytes(Path(f"/proc/{pid}/status"), "VmRSS:") * 1024 / 1e6,
        pss=_kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") * 1024 / 1e6,
    )


def memory_now_and_most() -> tuple[float, float]:
    """What this process holds (RSS), and the most that it held since that was forgotten; in MB."""
    status = Path("/proc/self/status")
    now, most = (_kilobytes(status, name) * 1024 / 1e6 for name in ("VmRSS:", "VmHWM:"))
    return now, most


def forget_most_memory() -> None:
    """Begin to watch anew; where the kernel does not allow it, the most stays what it was."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _kilobytes(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise LookupError(f"{file} does not say {name}")


def children(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def parent(pid: int) -> int:
    """The process that started a process."""
    return int(_status(pid)[1])


def tree(pid: int) -> list[int]:
    """A process and all that live of those that it started, and they started."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            found.extend(children(one))
    return found


def loaded_packages(pid: int) -> set[str]:
    """Which of the packages named above a process has compiled code of in its memory."""
    folders = {
        part
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
        for part in line.partition("/")[2].split("/")
    }
    return folders & {*HEAVY, EXPECTED}


def cpu_seconds(pids: list[int]) -> float:
    """Processor time that these processes have taken so far; one that has ended counts for 0."""
    return sum(map(_cpu_seconds, pids))


def _cpu_seconds(pid: int) -> float:
    try:
        user, system = _status(pid)[11:13]
    except OSError:
        return 0.0
    return (int(user) + int(system)) / _TICKS


def tree_cpu_seconds(pid: int) -> float:
    """Processor time that a process and those it started have taken, the ended ones included."""
    taken = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            # Its own, and that of the children which it has waited for.
            taken += sum(map(int, _status(one)[11:15]))
    return taken / _TICKS


def _status(pid: int) -> list[str]:
    """What the kernel says of a process, from its state on. Raises `OSError`."""
    # The name comes in parentheses and may hold spaces.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def machine_cpu_seconds() -> float:
    """Processor time that anything on this machine has taken so far."""
    user, nice, system, _idle, _waiting, irq, soft_irq, *_ = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + soft_irq) / _TICKS


def processor() -> str:
    """The processor's name, if the kernel tells."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return "a processor that does not tell its name"


def machine_memory() -> float:
    """The machine's memory, in GB of 1,000,000,000 bytes."""
    return _kilobytes(Path("/proc/meminfo"), "MemTotal:") * 1024 / 1e9
