"""No small group is shown, and none can be worked out from those that are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.overview.small_groups import FEWEST, Group, shown

sizes = st.lists(st.integers(1, 30), max_size=12)


def groups(people):
    return [Group(f"site {place}", count, count // 2) for place, count in enumerate(people)]


def people(found):
    return [group.people for group in found]


@pytest.mark.parametrize(
    ("given_people", "expected"),
    [
        ([40, 5, 12], [40, 5, 12]),
        ([40, 4, 5, 12], [40, 12]),  # of 4 alone, everyone less the rest would tell
        ([40, 2, 2, 12], [40]),  # and of 2 and 2 that they are four
        ([40, 3, 2, 12], [40, 12]),
        ([40, 1], []),
        ([4], []),
        ([], []),
    ],
)
def test_what_is_hidden_with_a_small_group(given_people, expected):
    assert people(shown(groups(given_people))) == expected


@given(sizes)
def test_what_is_hidden_is_nobody_or_several_groups_that_are_no_small_one_together(given_people):
    everyone = groups(given_people)
    visible = shown(everyone)
    hidden = [group for group in everyone if group not in visible]
    assert all(group.people >= FEWEST for group in visible)
    if hidden and visible:
        assert len(hidden) > 1
        assert sum(people(hidden)) >= FEWEST


@given(sizes)
def test_the_largest_are_shown_and_the_order_stays(given_people):
    visible = shown(groups(given_people))
    assert [group for group in groups(given_people) if group in visible] == visible
    hidden = sorted(set(given_people) - set(people(visible)))
    assert not visible or not hidden or hidden[-1] <= min(people(visible))
