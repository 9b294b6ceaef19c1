"""What this app tells whoever listens, once it is committed."""

from __future__ import annotations

from django.dispatch import Signal

chunk_done = Signal()
"""Rows of a file were judged and kept. Arguments: `batch_id`; `recorded`, False when they were only
tried; `accepted` and `refused`, in rows; `seconds` that it took."""
