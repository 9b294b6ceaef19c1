"""The first sheet of a workbook, read in a process of its own.

A file of a few kilobytes can claim a sheet of 17 thousand million cells, unpack to gigabytes, or
repeat one long text a million times. Whoever reads it runs out of memory and dies: so it is a child
that reads, with little memory and little time, and answers in JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

MOST_CELLS = 5_000_000
LARGEST_ANSWER = 64 * 2**20  # bytes
MEMORY = 2**30  # bytes
SECONDS = 60

_TOO_LARGE = "workbook_too_large"


class WorkbookError(ValueError):
    """A workbook that cannot be read; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def first_sheet(content: bytes) -> list[list[Any]]:
    """The cells of the first sheet: texts, numbers, booleans; `""` where it is empty; dates as
    texts. Raises `WorkbookError`.
    """
    try:
        child = subprocess.run(  # noqa: S603
            [sys.executable, "-I", __file__], input=content, capture_output=True, timeout=SECONDS
        )
        answer = json.loads(child.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        # It was too slow, or it died.
        raise WorkbookError(_TOO_LARGE) from None
    if isinstance(answer, str):
        raise WorkbookError(answer)
    cells: list[list[Any]] = answer
    return cells


def _read(content: bytes) -> list[list[Any]] | str:
    import io

    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheet = book.get_sheet_by_index(0)
        if sheet.height * sheet.width > MOST_CELLS:
            return _TOO_LARGE
        return sheet.to_python(skip_empty_area=True)
    except (python_calamine.CalamineError, IndexError, ValueError):
        return "workbook_unreadable"


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """The child: a workbook on its standard input, its cells or a complaint on the output."""
    _limit_memory()
    answer = json.dumps(_read(sys.stdin.buffer.read()), separators=(",", ":"), default=str)
    if len(answer) > LARGEST_ANSWER:
        answer = json.dumps(_TOO_LARGE)
    sys.stdout.write(answer)


if __name__ == "__main__":
    main()
