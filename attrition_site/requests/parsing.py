"""Bodies of the API: JSON as RFC 8259 has it, read once, and refused when it is anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn, cast

import orjson
from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from mlcore.uploads import length_of

_DOUBTFUL = object()
_NAME = re.compile(rb'"[ \t\n\r]*:')
_LOOKED_INTO = {dict, list, float}
# From here on orjson rounds whole numbers.
_WHOLE_NUMBERS_END = 2.0**63


class StrictJSONParser(BaseParser):
    """Refuses what Python's reader lets pass: NaN, infinities, a name given twice.

    An object with one name twice has two readings; which of two salaries was meant is not for us
    to guess.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read()
        if len(body) < length_of(cast("HttpRequest", stream)):
            raise ParseError(_("The connection ended before the body did."))
        return read_json(body)


def read_json(body: bytes) -> Any:
    """The value that `body` holds. Raises `ParseError` in words for whoever wrote it."""
    found = _read_quickly(body)
    return _read_strictly(body) if found is _DOUBTFUL else found


def _read_quickly(body: bytes) -> Any:
    """What `_read_strictly` gives, many times as fast; `_DOUBTFUL` where it may say otherwise."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _DOUBTFUL
    # Each name stands before a colon. A name given twice is read once; a text may hold what looks
    # like a name, so that there are never too few of them.
    names = len(_NAME.findall(body))
    within = [found]
    while within:
        part = within.pop()
        if type(part) is float:
            if abs(part) >= _WHOLE_NUMBERS_END:
                return _DOUBTFUL
            continue
        if type(part) is dict:
            names -= len(part)
            part = part.values()
        elif type(part) is not list:
            continue
        if not _LOOKED_INTO.isdisjoint(map(type, part)):
            within += [inner for inner in part if type(inner) in _LOOKED_INTO]
    return _DOUBTFUL if names else found


def _read_strictly(body: bytes) -> Any:
    try:
        return _decoder.decode(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ParseError(_("The body is not UTF-8: see byte %s.") % (error.start + 1)) from error
    except json.JSONDecodeError as error:
        raise ParseError(
            _("The body is not JSON: see line %(line)s, column %(column)s.")
            % {"line": error.lineno, "column": error.colno}
        ) from error
    except RecursionError as error:
        raise ParseError(_("The body is nested too deeply.")) from error
    except ValueError as error:  # the longest integer that Python converts has 4,300 digits
        raise ParseError(_("The body holds a number that is too long.")) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ParseError(_("The body is not JSON: %s is not a value of JSON.") % name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ParseError(_("The body gives a name twice in one object."))
    return found


# Made once: `json.loads` with options makes one for each call.
_decoder = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_object)
