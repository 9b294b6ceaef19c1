"""The product, broken on purpose: what was promised for that case, and what was seen.

Each module brings its own PostgreSQL and its own web server, so it runs once, with the suite on
SQLite. `--long` tries harder; `make reliability` does that, and prints the table of
docs/reliability.md.
"""
