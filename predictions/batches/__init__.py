"""Whole files of employees: brought, matched, tried, assessed in the background, read as a list."""
