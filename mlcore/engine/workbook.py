"""The first sheet of a workbook, read in a process of its own.

A file of a few kilobytes can claim a sheet of 17 thousand million cells, unpack to gigabytes, or
repeat one long text a million times. Whoever reads it runs out of memory and dies: so it is a child
that reads, with little memory and little time, and answers in JSON.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from typing import Any, BinaryIO

MOST_CELLS = 5_000_000
LARGEST_ANSWER = 64 * 2**20  # bytes
MEMORY = 2**30  # bytes
SECONDS = 60

_TOO_LARGE = "workbook_too_large"
_UNREADABLE = "workbook_unreadable"
_CODES = (_TOO_LARGE, _UNREADABLE, "empty")


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


def as_csv(file: BinaryIO) -> BinaryIO:
    """The first sheet that holds something as CSV: UTF-8, commas, one line for each row of the
    sheet; in a temporary file of its own. Raises `WorkbookError`.
    """
    converted = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        with tempfile.TemporaryFile() as brought:
            file.seek(0)
            shutil.copyfileobj(file, brought, 2**20)
            brought.seek(0)
            try:
                child = subprocess.run(  # noqa: S603
                    [sys.executable, "-I", __file__, "csv"],
                    stdin=brought,
                    stdout=converted,
                    stderr=subprocess.PIPE,
                    timeout=SECONDS,
                )
            except subprocess.TimeoutExpired:
                raise WorkbookError(_TOO_LARGE) from None
        if child.returncode:
            code = child.stderr.decode(errors="replace").strip()
            raise WorkbookError(code if code in _CODES else _TOO_LARGE)
    except BaseException:
        converted.close()
        raise
    converted.seek(0)
    return converted


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
        return _UNREADABLE


def _write_csv() -> str:
    import csv
    import io

    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        for number in range(len(book.sheet_names)):
            sheet = book.get_sheet_by_index(number)
            if sheet.height * sheet.width > MOST_CELLS:
                return _TOO_LARGE
            if sheet.height:
                break
        else:
            return "empty"
    except (python_calamine.CalamineError, IndexError, ValueError):
        return _UNREADABLE
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=False)
    write = csv.writer(out, lineterminator="\n").writerow
    for row in sheet.to_python(skip_empty_area=False):
        write([_word(cell) for cell in row])
    out.flush()
    return ""


def _word(cell: Any) -> str:
    """A cell as a text of one line: whole numbers without decimals, dates as ISO writes them."""
    if isinstance(cell, str):
        return " ".join(cell.split("\n")) if "\n" in cell or "\r" in cell else cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return str(cell)


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
    if sys.argv[1:] == ["csv"]:
        if complaint := _write_csv():
            sys.stderr.write(complaint)
            sys.exit(1)
        return
    answer = json.dumps(_read(sys.stdin.buffer.read()), separators=(",", ":"), default=str)
    if len(answer) > LARGEST_ANSWER:
        answer = json.dumps(_TOO_LARGE)
    sys.stdout.write(answer)


if __name__ == "__main__":
    main()
