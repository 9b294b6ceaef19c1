"""Clients that send or take a byte a second, or nothing at all, while others go on working."""

import statistics
import time

from tests.processes import until
from tests.reliability.slow import KINDS, Kind, crowd
from tests.reliability.spoken import Person, people
from tests.reliability.traffic import judge, traffic

# Seconds that a client may be behind the pace; the rest is how exactly that is seen here.
BORNE = 10 + 3.0
TOLD = {"in the request line", "in the head", "in a JSON body", "waits to be told to go on"}
FILES = 12


def slow_file(port):
    """Someone who may bring a file sends 2 MB of it, and then a byte a second."""
    head, body = Person(port).form(people(4))
    return Kind(at_once=head + body[:2_200_000], rest=body[2_200_000:2_200_100])


def usual(asked):
    """Milliseconds of an answer."""
    return 1000 * statistics.median(one.seconds for one in asked.answers)


def test_hundreds_of_slow_clients_take_nothing_away_from_others(place, web, seen, long):
    each = 200 if long else 40
    a_file = {"in a file of someone signed in": slow_file(web.port)}
    with traffic(web) as alone:
        time.sleep(10 if long else 2)
    with (
        crowd(web.port, FILES, a_file) as files,
        crowd(web.port, each) as slow,
        traffic(web) as beside,
    ):
        held = time.monotonic()
        # Those who never look can only be noticed to be gone.
        leaving = [name for name, kind in KINDS.items() if not kind.stays]
        until(
            lambda: (
                all(one.ended for name in leaving for one in slow.of(name))
                and files.statuses(*a_file).get(408, 0) >= 2
                and sum(web.connections().values()) <= 8 + FILES
            ),
            patience=35,
        )
        gone = time.monotonic() - held
        newcomer = web.ask("/health")
    longest = max(one.seconds for one in beside.answers)
    seen(
        "Hundreds of clients send a byte a second (of a line, a head, a body, a file), take a byte"
        " a second, or do nothing",
        promised="Others are answered as they usually are; each slow client is given up"
        " after 10 s, told why where that is possible",
        saw=f"beside {len(slow.clients) + FILES} of them {len(beside.answers)} requests of 8"
        f" clients, all assessed, in {usual(beside):.0f} ms at the median ({usual(alone):.0f} ms"
        f" without them) and {longest:.1f} s at most; all were gone after {gone:.0f} s",
    )
    judge(alone, place)
    judge(beside, place)
    assert beside.statuses() == {201: len(beside.answers)}
    # The slow ones are played by this process, which takes milliseconds from those it asks with.
    assert usual(beside) < 2 * usual(alone) + 20
    assert longest < 2
    assert newcomer.status == 200
    for name in leaving:
        assert max(one.seconds for one in slow.of(name)) < BORNE, name
    for name in TOLD:
        assert slow.statuses(name) == {408: each}, name
    assert slow.statuses("says nothing") == {0: each}
    assert "Traceback" not in web.errors()
