"""No small group is shown, and none can be worked out from those that are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.small_groups import FEWEST, Group, about, shown

sizes = st.lists(st.integers(1, 30), max_size=12)


def groups(people):
    return [Group(f"site {place}", count, count // 2) for place, count in enumerate(people)]


@pytest.mark.parametrize(
    ("given_people", "expected", "hidden", "rounded"),
    [
        ([40, 5, 12], [40, 5, 12], 0, False),
        ([40, 4, 5, 12], [40, 5, 12], 1, True),  # everyone less the exact rest would tell of 4
        ([905, 565, 1], [905, 565], 1, True),
        ([40, 2, 2, 12], [40, 12], 2, True),
        ([40, 3, 2, 12], [40, 12], 2, False),  # which of the five are the three, nothing tells
        ([4], [], 1, True),
        ([], [], 0, False),
    ],
)
def test_only_small_groups_are_hidden_and_the_others_rounded_where_they_would_tell(
    given_people, expected, hidden, rounded
):
    found = shown(groups(given_people))
    assert [group.people for group in found.groups] == expected
    assert (found.hidden, found.rounded) == (hidden, rounded)


@given(sizes)
def test_exact_numbers_leave_nobody_or_several_groups_that_are_no_small_one_together(given_people):
    everyone = groups(given_people)
    found = shown(everyone)
    hidden = [group.people for group in everyone if group not in found.groups]
    assert all(group.people >= FEWEST for group in found.groups)
    assert all(people < FEWEST for people in hidden)
    if hidden and not found.rounded:
        assert len(hidden) > 1
        assert sum(hidden) >= FEWEST


@pytest.mark.parametrize(
    ("people", "said"), [(5, 10), (14, 10), (15, 20), (578, 580), (1470, 1470)]
)
def test_about_how_many(people, said):
    assert about(people) == said
