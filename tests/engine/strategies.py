"""Raw values as they come through the doors: good ones, awkward ones and junk."""

from __future__ import annotations

import datetime

import numpy as np
from hypothesis import strategies as st

AWKWARD = [
    None, "", "  ", "\u00a0", True, False, 0, 1, -0.0, 0.0, 1.0, 3, 3.0, 4.0, -3, "-3", "3", "3.0",
    "3,0", " 3 ", "+3", "3.5", 3.5, "5 993", "5\u202f993", "5\u00a0993,5", "5,993", "5,993.5",
    "5.993,5", "1,234,567", "0,500", "1_8", "1e3", "NaN", "nan", "Infinity", "-inf", float("nan"),
    float("inf"), float("-inf"), 10**30, -(10**30), 10**400, 10**5000, "1" * 400, "9" * 300, "٣",
    "３", "0x10", "--1", ".", ",", "-", "x" * 3000, "Yes", "yes", " oui ", "TRUE", "R&D", "r d",
    "research_development", "Très Élevée", "tres elevee", "null", "\x00", "\ud800", "a\u202eb",
    [], [1], {}, {"a": 1}, (), (1,), (True,), b"3", datetime.date(2024, 2, 29), object,
    np.float64(3.5), np.float32(2.5), np.int64(3), np.bool_(True), np.str_("Yes"), np.array([3]),
    np.array([1, 2]), np.datetime64("2024-01-01"), np.timedelta64(3, "D"), complex(1, 2),
]  # fmt: skip


def brief(raw):
    """The id of a raw value in a test's name; pytest's own where that is short."""
    if isinstance(raw, (str, bytes)):
        return ascii(raw)[:30]
    if isinstance(raw, int) and raw.bit_length() > 128:
        return f"{raw.bit_length()} bits"
    return None


raw_values = st.one_of(
    st.sampled_from(AWKWARD),
    st.integers(),
    st.floats(),
    st.text(max_size=70),
    st.integers(-2, 20_000).map(str),
    st.floats(-100, 10_000).map(str),
    st.booleans(),
)


def clean_values(feature):
    """What `clean` accepts for a feature, and the value that comes of it: pairs."""
    if feature.choices:
        return st.sampled_from([(choice.value, choice.value) for choice in feature.choices])
    if feature.integer:
        return st.integers(int(feature.minimum), int(feature.maximum)).map(lambda n: (n, n))
    return st.floats(feature.minimum, feature.maximum).map(lambda x: (x, x + 0.0))


def rows(schema, *, blanks=True):
    """Clean rows of a schema, with or without blanks, and never without any value."""
    values = {
        feature.name: clean_values(feature).map(lambda pair: pair[0])
        | (st.none() if blanks else st.nothing())
        for feature in schema.features
    }
    return st.fixed_dictionaries(values).filter(
        lambda row: any(v is not None for v in row.values())
    )
