"""Clients that send or take a byte a second, or nothing at all, while others go on working."""

import statistics
import time

import pytest

from tests.processes import until
from tests.reliability.slow import crowd
from tests.reliability.traffic import judge, traffic

pytestmark = pytest.mark.no_database


def test_hundreds_of_slow_clients_take_nothing_away_from_others(place, web, seen, long):
    each = 100 if long else 40
    with traffic(web) as alone:
        time.sleep(2)
    with crowd(web.port, each) as slow, traffic(web) as beside:
        until(lambda: slow.still_there() <= 3 * each, patience=30)
    usual = statistics.median(one.seconds for one in alone.answers)
    with_them = statistics.median(one.seconds for one in beside.answers)
    longest = max(one.seconds for one in beside.answers)
    judge(alone, place)
    judge(beside, place)
    assert not beside.refused()
    assert not beside.broken()
    assert with_them < 2 * usual
    assert longest < 2
