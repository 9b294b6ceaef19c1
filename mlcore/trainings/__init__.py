"""Trainings on a person's own file: brought, corrected, run in the background, watched."""
