"""Processes of the web server are killed by `kill -9` under load, and are there again by
themselves."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time

import psutil
import pytest

from tests.processes import free_port, until
from tests.reliability.installation import Web, serving
from tests.reliability.services import kept_started, started
from tests.reliability.traffic import judge, traffic

CONNECTIONS = 12
REPLACED = 10.0  # seconds


@pytest.fixture(scope="module")
def web(place):
    with serving(place, threads=CONNECTIONS) as running:
        yield running


def answering(web):
    """The workers that take connections by now: each is offered some, until it has taken one."""
    with contextlib.ExitStack() as offered:
        for _ in range(16):
            line = socket.create_connection(("127.0.0.1", web.port), 5)
            offered.enter_context(contextlib.closing(line))
        time.sleep(0.05)
        return {pid for pid, count in web.connections().items() if count}


def until_replaced(web, killed, count=2):
    """Wait until there are as many workers as before, none of them one of the dead."""
    until(
        lambda: len(living := answering(web) - killed) == count and living == {*web.workers()},
        patience=30,
        said=web.errors,
    )


def kill(pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_a_worker_is_killed(web, place, seen, long):
    replaced, shared = [], []
    for _ in range(20 if long else 2):
        with traffic(web, CONNECTIONS) as flow:
            flow.until_assessed_again(time.monotonic())
            held, victim = max((count, pid) for pid, count in web.connections().items())
            killed = time.monotonic()
            kill([victim])
            until_replaced(web, {victim})
            replaced.append(time.monotonic() - killed)
            flow.until_assessed_again(killed)
        judge(flow, place)
        assert not flow.refused()
        shared.append((len(flow.broken()), held))
    lost, most = max(shared)
    seen(
        "A web worker is killed by `kill -9` under load",
        promised="at most the requests that it was answering are lost, one for each of its"
        " connections; the others go on; within 10 s it is replaced, by itself",
        saw=f"{len(replaced)} ×: at most {lost} requests lost of {most} connections, none refused;"
        f" replaced after {max(replaced):.1f} s at most",
    )
    assert all(lost <= held for lost, held in shared), shared
    assert max(replaced) < REPLACED


def test_all_workers_are_killed_at_once(web, place, seen, long):
    times, back, broken = 10 if long else 1, [], []
    with traffic(web, CONNECTIONS) as flow:
        for _ in range(times):
            flow.until_assessed_again(time.monotonic())
            victims = {*web.workers()}
            before, killed = len(flow.broken()), time.monotonic()
            kill(victims)
            until_replaced(web, victims)
            flow.until_assessed_again(killed)
            answers = [one for one in flow.answers if one.began >= killed and one.status == 201]
            first_of_each = {one.connection: one.ended for one in reversed(answers)}
            back.append(max(first_of_each.values()) - killed)
            broken.append(len(flow.broken()) - before)
    judge(flow, place)
    seen(
        "All web workers are killed at once by `kill -9` under load",
        promised="the requests under way are lost, and new ones fail until a worker listens; within"
        " 10 s everyone is answered, by itself",
        saw=f"{times} ×: at most {max(broken)} requests of {CONNECTIONS} connections lost, none"
        f" refused; all assessed again after {max(back):.1f} s at most",
    )
    assert not flow.refused()
    assert max(back) < REPLACED


def at(port, service):
    """A web server that a service keeps started, or `make run` did."""
    return Web(port=port, process=service.process, _log=service._log)


def test_the_process_that_starts_the_workers_is_killed(place, seen, long):
    port, back, orphans = free_port(), [], []
    serve = "-m", "attrition_site.serve", "web"
    limits = {"PORT": str(port), "WEB_THREADS": str(CONNECTIONS)}
    with kept_started(place, *serve, **limits) as service:
        web = at(port, service)
        web.until_healthy()
        with traffic(web, CONNECTIONS) as flow:
            for _ in range(5 if long else 1):
                flow.until_assessed_again(time.monotonic())
                workers = service.below()
                killed = time.monotonic()
                service.process.kill()
                _, alive = psutil.wait_procs(workers, timeout=15)
                orphans.append(time.monotonic() - killed)
                assert not alive
                flow.until_assessed_again(time.monotonic())
                back.append(time.monotonic() - killed)
                until(lambda: len(service.below()) == 2)
        judge(flow, place)
        said = service.said()
    seen(
        "gunicorn's first process is killed by `kill -9` under load; a service starts it again a"
        " second after each end",
        promised="its workers end what they are at, and themselves, within 10 s; the next one waits"
        " its turn for the port; within 15 s everyone is answered, by itself",
        saw=f"{len(back)} ×: its workers were gone after {max(orphans):.1f} s at most, everyone was"
        f" answered after {max(back):.1f} s at most; {len(flow.refused())} answered 503",
    )
    assert max(orphans) < 10
    assert max(back) < 15
    assert "Traceback" not in said


def test_the_first_process_of_make_run_s_web_server_is_killed(place, seen, long):
    if not long:
        pytest.skip("in the long form (--long): tests/test_run.py kills the other server")
    port = free_port()
    with started(place, "-m", "attrition_site.run", PORT=str(port)) as service:
        until(lambda: "Ctrl-C" in service.said(), alive=[service.process], said=service.said)
        [first] = [one for one in service.process.children() if "gunicorn" in one.cmdline()]
        with traffic(at(port, service)) as flow:
            flow.until_assessed_again(time.monotonic())
            killed = time.monotonic()
            first.kill()
            status = service.process.wait(30)
            until(lambda: not service.left(), patience=30)
            ended = time.monotonic() - killed
        judge(flow, place)
        said = service.said()
    seen(
        "gunicorn's first process is killed by `kill -9` under `make run`",
        promised="everything ends within 15 s with a sentence that says what ended: half of it"
        " serves nobody",
        saw=f"ended after {ended:.1f} s, and nothing of it was left",
    )
    assert status == 1
    assert "The web server ended by itself (status -9)." in said
    assert "Traceback" not in said
    assert ended < 15
