"""What every request passes, and how it is refused: limits, bodies, sessions of pages, problems."""
