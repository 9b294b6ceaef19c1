"""Backups of everything the product knows, their way back, and the move to PostgreSQL."""
