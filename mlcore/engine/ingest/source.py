"""A file that somebody brings: examined at its beginning, then given out in pieces."""

from __future__ import annotations

import codecs
import io
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from mlcore.engine.ingest import headers, records
from mlcore.engine.ingest.conversion import as_csv
from mlcore.engine.ingest.dialect import delimiter_of
from mlcore.engine.ingest.encodings import CONTROL, OLE, Spelling
from mlcore.engine.ingest.limits import BATCH, Limits
from mlcore.engine.ingest.refusals import TableError

PIECE = 2**20
"""Bytes of a piece, at most."""

_BINARY = 512  # bytes that tell a picture from a text
_ROWS = 200  # at the beginning, that are looked at


@dataclass(frozen=True, kw_only=True)
class Format:
    """How the bytes of a file are to be read."""

    kind: Literal["csv", "xlsx"]
    """What was brought; a workbook's pieces are CSV too."""
    encoding: str
    delimiter: str
    header_lines: int
    """Lines of the file up to the end of the header; what follows are employees."""
    headers: list[str]
    """Names of the columns, by place; all of them different and none blank."""
    names_from: tuple[int, ...] = ()
    """Lines of the file, 1 being the first, where the rows begin that the names were made of, units
    below them included. Where there are several a person should see them: none is an employee."""
    skipped: tuple[int, ...] = ()
    """Lines where the rows above them begin that hold something and were left out: a title."""

    def to_json(self) -> dict[str, Any]:
        """The format as JSON data; `from_json` gives it back."""
        return {
            "kind": self.kind,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "header_lines": self.header_lines,
            "headers": list(self.headers),
            "names_from": list(self.names_from),
            "skipped": list(self.skipped),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Format:
        """Raises `KeyError` when `stored` is no format."""
        return cls(
            kind=stored["kind"],
            encoding=stored["encoding"],
            delimiter=stored["delimiter"],
            header_lines=stored["header_lines"],
            headers=list(stored["headers"]),
            names_from=tuple(stored.get("names_from", ())),
            skipped=tuple(stored.get("skipped", ())),
        )


__all__ = ["BATCH", "Format", "Incoming", "examine"]


class Incoming:
    """A file whose beginning was found to be a table."""

    def __init__(self, file: BinaryIO, layout: Format, about_rows: int) -> None:
        self._file = file
        self.format = layout
        self.about_rows = about_rows
        """Employees, estimated by the lines: a cell of several lines counts as several."""
        self._end = weakref.finalize(self, file.close) if layout.kind == "xlsx" else None

    def pieces(self) -> Iterator[bytes]:
        """The bytes that `format` describes, at most `PIECE` at once: the file's own, or a
        workbook's first sheet as CSV."""
        self._file.seek(0)
        return iter(lambda: self._file.read(PIECE), b"")

    def close(self) -> None:
        """Take away what a workbook was converted into; the file itself is its owner's."""
        if self._end is not None:
            self._end()


def examine(file: BinaryIO, *, limits: Limits = BATCH) -> Incoming:
    """Look at a file that can be sought in, and refuse what is no table with a `TableError`.

    Its beginning is read as a table; all of it is looked through for its size, its encoding and
    the number of its lines.
    """
    size = file.seek(0, io.SEEK_END)
    if size > limits.megabytes * 2**20:
        raise TableError("too_many_bytes", most=limits.megabytes)
    file.seek(0)
    beginning = file.read(PIECE)
    if beginning.startswith(OLE):
        raise TableError("old_excel")
    kind: Literal["csv", "xlsx"] = "csv"
    if beginning.startswith(b"PK\x03\x04"):
        kind = "xlsx"
        file = as_csv(file, limits)
        file.seek(0)
        beginning = file.read(PIECE)
    try:
        return _examined(file, beginning, kind, limits)
    except BaseException:
        if kind == "xlsx":
            file.close()
        raise


def _examined(
    file: BinaryIO, beginning: bytes, kind: Literal["csv", "xlsx"], limits: Limits
) -> Incoming:
    encoding, lines = _survey(file, beginning)
    text = _text(beginning, encoding, is_whole=len(beginning) < PIECE)
    delimiter = "," if kind == "xlsx" else delimiter_of(text)
    layout, found = _format(kind, beginning, encoding, delimiter, limits)
    if not found:
        raise TableError("no_employees")
    about = max(lines - layout.header_lines, found if len(beginning) < PIECE else 1)
    incoming = Incoming(file, layout, about)
    if about > limits.rows:
        # There may be fewer: lines within cells, blank lines. Reading them all ends at the limit.
        for _ in records.read(incoming.pieces(), layout, most=limits.rows):
            pass
    return incoming


def _survey(file: BinaryIO, beginning: bytes) -> tuple[str, int]:
    """The encoding of the whole file and the number of its lines. Raises `TableError`."""
    if not beginning.strip():
        raise TableError("empty")
    spelling = Spelling(beginning)
    feeds = returns = 0
    last = b""
    try:
        for piece in _narrow(file, spelling.encoding(whole=False)):
            if 0 in piece:
                if not feeds and piece.index(0) < _BINARY:
                    raise TableError("neither")
                raise TableError("nuls", line=feeds + piece.count(b"\n", 0, piece.index(0)) + 1)
            spelling.look(piece)
            feeds += piece.count(b"\n")
            returns += piece.count(b"\r")
            last = piece[-1:] or last
    except UnicodeDecodeError as error:
        raise TableError("undecodable") from error
    if not (encoding := spelling.encoding()):
        raise TableError("undecodable")
    return encoding, max(feeds, returns) + (last not in (b"\n", b"\r"))


def _narrow(file: BinaryIO, encoding: str) -> Iterator[bytes]:
    """All of the file, and UTF-16 as UTF-8: a line end is one byte, and so is a NUL."""
    file.seek(0)
    pieces = iter(lambda: file.read(PIECE), b"")
    if not encoding.startswith("utf-16"):
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    for piece in pieces:
        yield decoder.decode(piece).encode()
    yield decoder.decode(b"", final=True).encode()


def _text(beginning: bytes, encoding: str, *, is_whole: bool) -> str:
    """The beginning as text, checked to be some. Raises `TableError`."""
    if not is_whole:
        end = max(beginning.rfind(b"\n"), beginning.rfind(b"\r"))
        if end < 0:
            raise TableError("long_line")
    try:
        text = io.TextIOWrapper(
            io.BytesIO(beginning), encoding, "strict" if is_whole else "ignore", newline=""
        ).read()
    except UnicodeDecodeError as error:
        raise TableError("undecodable") from error
    if CONTROL.search(text):
        raise TableError("neither")
    start = text.lstrip()[:1]
    if not start:
        raise TableError("empty")
    if start == "<" and not text.lstrip().startswith(headers.MERGE_MARKERS):
        raise TableError("markup")
    if start in "{[" or text.startswith("%PDF-"):
        raise TableError("neither")
    return text


def _format(
    kind: Literal["csv", "xlsx"], beginning: bytes, encoding: str, delimiter: str, limits: Limits
) -> tuple[Format, int]:
    """The format, and how many employees the beginning shows."""
    first: list[list[str]] = []
    begins: list[int] = []
    ends: list[int] = []
    reading = records.rows([beginning], encoding, delimiter)
    try:
        for line, cells in reading:
            if ends and ends[-1] < 0:
                ends[-1] = line - 1
            if not any(map(str.strip, cells)) or (len(ends) == 0 and _tells_delimiter(cells)):
                continue
            if (
                len(cells) > limits.columns
                and sum(map(bool, map(str.strip, cells))) > limits.columns
            ):
                raise TableError("too_many_columns", columns=len(cells), most=limits.columns)
            first.append(cells)
            begins.append(line)
            ends.append(-1)
            if len(first) > _ROWS:
                break
    except TableError as error:
        # The beginning may end within a quotation that closes later, or within a letter.
        cut = len(beginning) == PIECE and error.code in ("unreadable_csv", "undecodable")
        if not cut or len(first) < 2:
            raise
    if not first:
        raise TableError("empty")
    naming = headers.find(first)
    if len(naming.names) < 2:
        raise TableError("one_column_only")
    if len(naming.names) > limits.columns:
        raise TableError("too_many_columns", columns=len(naming.names), most=limits.columns)
    last = naming.rows[-1]
    end = ends[last]
    if end < 0:
        end = sum(1 for _ in io.TextIOWrapper(io.BytesIO(beginning), encoding, newline=""))
    layout = Format(
        kind=kind,
        encoding=encoding,
        delimiter=delimiter,
        header_lines=end,
        headers=naming.names,
        names_from=tuple(begins[place] for place in naming.rows),
        skipped=tuple(begins[: naming.rows[0]]),
    )
    return layout, len(first) - last - 1


def _tells_delimiter(cells: list[str]) -> bool:
    return cells[0].lower().startswith("sep=") and not any(map(str.strip, cells[1:]))
