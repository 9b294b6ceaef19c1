"""Texts by their beginning, as an index has them."""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, Lookup

_LAST_CHARACTER = "\U0010ffff"


@CharField.register_lookup
class BeginsWith(Lookup):
    """Begins with a text, the case of letters counting, on each database and by its index.

    `LIKE` is neither on SQLite, nor in PostgreSQL's prepared statements, which are planned before
    the text is known. What begins with a text lies between it and the same followed by the last
    characters there are.
    """

    lookup_name = "begins_with"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        text = str(right_params[0])
        # The index is sorted by characters, whatever the language of the database sorts by.
        least, most = ("~>=~", "~<=~") if connection.vendor == "postgresql" else (">=", "<=")
        sql = f"({left} {least} {right} AND {left} {most} {right})"
        end = text + _LAST_CHARACTER * 64
        return sql, (*left_params, text, *left_params, end)
