"""The dashboard: where everyone stands now, how that moved, and what drives it."""
