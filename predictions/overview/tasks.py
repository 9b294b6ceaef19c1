"""What the background worker is asked to do here: short, and harmless done twice."""

from __future__ import annotations

from predictions.overview import keeping


def refresh() -> str:
    """At a file's end and each minute: bring the dashboard's account up to what is recorded."""
    return "computed" if keeping.refresh() else "nothing new"
