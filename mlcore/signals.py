"""What this app tells whoever listens."""

from __future__ import annotations

from django.dispatch import Signal

worker_starting = Signal()
"""In the process that is about to start the background worker's others."""

worker_ended = Signal()
"""In the same process, when the others have ended."""
