"""Why an employee was refused, as the API says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from accounts.reader import language
from mlcore.engine.schema import ROW
from mlcore.engine.words import Problem

# The field under which a problem of the whole body is reported; DRF calls it so too.
WHOLE = "non_field_errors"


def by_field(problems: Mapping[str, Sequence[Problem]]) -> dict[str, list[dict[str, str]]]:
    """Every problem of an employee by field, in the reader's language."""
    return {
        WHOLE if field == ROW else field: [
            {"code": problem.code, "message": problem.text(language())} for problem in found
        ]
        for field, found in problems.items()
    }
