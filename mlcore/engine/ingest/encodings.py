"""In which encoding a file's text is written."""

from __future__ import annotations

import codecs
import re

from mlcore.engine.ingest.refusals import TableError

OLE = b"\xd0\xcf\x11\xe0"
"""How old Excel files begin, and encrypted ones."""
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
"""What no text holds."""

_BY_CHANCE = 3  # characters
_PROBE = 4096  # bytes that tell whether each second one is NUL
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
"""Bytes that stand for nothing in Windows-1252."""
_SEQUENCE = re.compile(rb"[\xc2-\xc5][\x80-\xbf]|\xe2[\x80-\x84][\x80-\xbf]")
"""Letters and quotation marks of Western text in UTF-8. In Windows-1252 it is `Ã©` or `â€™`; but
`É` with a sign behind it, as before a French colon, is UTF-8 too, of what no such text holds."""


class Spelling:
    """Finds the encoding of bytes given piece by piece.

    UTF-16 when it says so or when each second byte of plain text is NUL; else UTF-8 if all of it
    is; else what Western European systems wrote before it, unless it says that it is UTF-8. (Text
    in latin-1 is text in cp1252 too.)
    """

    def __init__(self, beginning: bytes) -> None:
        self._fixed = _utf16(beginning)
        self._is_marked = beginning.startswith(codecs.BOM_UTF8)
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8 = True
        self._accents = 0
        self._is_cp1252 = True
        self._lines = 1

    def look(self, piece: bytes) -> None:
        """Take the next piece into account. Raises `TableError` when it is not the UTF-8 that the
        file's mark promises.
        """
        if self._fixed:
            return
        if not self._is_utf8:
            self._accents += len(_SEQUENCE.findall(piece))
        elif not (piece.isascii() and not self._utf8.getstate()[0]):
            try:
                self._accents += _accents(self._utf8.decode(piece))
            except UnicodeDecodeError as error:
                if self._is_marked:
                    line = self._lines + error.object.count(b"\n", 0, error.start)
                    raise TableError("not_utf8", line=line) from error
                self._is_utf8 = False
                self._accents += _accents(error.object[: error.start].decode())
                self._accents += len(_SEQUENCE.findall(error.object, error.start))
        if self._is_cp1252 and _UNDEFINED.search(piece):
            self._is_cp1252 = False
        self._lines += piece.count(b"\n")

    def encoding(self, *, whole: bool = True) -> str:
        """The name of the encoding, or `""` if there is none; `whole`: nothing comes after."""
        if self._fixed:
            return self._fixed
        if self._is_utf8 and not (whole and self._utf8.getstate()[0]):
            return "utf-8-sig"
        # Windows text is hardly ever UTF-8 by chance, three times: such a file was put together of
        # both, and read as either it would garble the other's.
        is_both = self._is_marked or self._accents >= _BY_CHANCE
        return "cp1252" if self._is_cp1252 and not is_both else ""


def _accents(text: str) -> int:
    return 0 if text.isascii() else sum(1 for character in text if not character.isascii())


def _utf16(beginning: bytes) -> str:
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    probe = beginning[: min(_PROBE, len(beginning) // 2 * 2)]
    half = len(probe) // 2
    if half < 2:
        return ""
    low, high = probe[0::2].count(0), probe[1::2].count(0)
    # Western text has a NUL beside nearly every letter; accents and curly quotes have too, or few.
    if high > 0.7 * half and not low:
        return "utf-16-le"
    if low > 0.7 * half and not high:
        return "utf-16-be"
    return ""
