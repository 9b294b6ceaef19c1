"""How large a file may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How large a file may be."""

    megabytes: int
    rows: int
    columns: int


HISTORY = Limits(megabytes=50, rows=100_000, columns=200)
"""Of a labelled file that a model is trained on."""

BATCH = Limits(megabytes=200, rows=1_000_000, columns=200)
"""Of a file of employees to assess."""

LONGEST_LINE = 2**20
"""Bytes without any line end, and more is no table of employees."""
