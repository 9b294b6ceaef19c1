"""How the list of a file's people is narrowed, as its address says it.

What is chosen stands in the address, so that a list can be shared and come back to:

    band=high                a level of risk, as often as wanted
    f.job_role=Manager       an answer to what the model asks; `f.job_role=` is one not given
    g.Department=Sales       a group
    employee=E-10            the beginning of a reference
    sort=lowest, sort=line   another order than the highest risk first
    by=g.Department          what the comparison of groups compares
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from mlcore.engine.operating import BANDS, Band
from predictions.batches import ranking
from predictions.batches.ranking import ANSWER, GROUP

SORTS = ("", "lowest", "line")
ALL = "*"
"""What a form sends for a dimension that nothing was chosen of."""
TYPED = "typed."
"""What the name of a field begins with in which a group is typed: `typed.g.Team`."""
ADD = "add"
"""By which the form names one more answer: `job_role:Manager`."""

HIGHEST_FIRST: tuple[Band, ...] = tuple(reversed(BANDS))


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """What is chosen, as the address says it."""

    bands: tuple[Band, ...] = ()
    where: Mapping[str, tuple[str, ...]]
    """By dimension, the values."""
    employee: str = ""
    sort: str = ""
    by: str = ""

    @classmethod
    def read(cls, query: QueryDict) -> Filters:
        """What cannot be read is left out; values that the file does not have match nobody."""
        chosen: dict[str, tuple[str, ...]] = {
            key: tuple(dict.fromkeys(v for v in query.getlist(key) if v != ALL))
            for key in query
            if key.startswith((ANSWER, GROUP))
        }
        for added in query.getlist(ADD):
            name, colon, value = added.partition(":")
            if colon:
                key = ranking.answer_key(name)
                chosen[key] = tuple(dict.fromkeys((*chosen.get(key, ()), value)))
        for name in query:
            key, value = name.removeprefix(TYPED), query.get(name, "").strip()
            if name.startswith(TYPED) and key.startswith(GROUP) and value:
                chosen[key] = (value,)
        sort = query.get("sort", "")
        return cls(
            bands=tuple(band for band in HIGHEST_FIRST if band in query.getlist("band")),
            where={key: values for key, values in chosen.items() if values},
            employee=query.get("employee", "").strip(),
            sort=sort if sort in SORTS else "",
            by=query.get("by", ""),
        )

    @property
    def any(self) -> bool:
        """Whether somebody may be left out."""
        return bool(self.bands or self.where or self.employee)

    def address(
        self,
        *,
        sort: str | None = None,
        only: tuple[str, str] | None = None,
        without: tuple[str, str] | None = None,
    ) -> str:
        """The address of this list from its first page on; `""` for everyone.

        `only` sets a dimension to one value, `without` takes one away.
        """
        return urlencode(self.fields(sort=sort, only=only, without=without))

    def fields(
        self,
        *,
        sort: str | None = None,
        only: tuple[str, str] | None = None,
        without: tuple[str, str] | None = None,
    ) -> list[tuple[str, str]]:
        """The same as names and values."""
        where = dict(self.where)
        if only:
            where[only[0]] = (only[1],)
        if without:
            where[without[0]] = tuple(v for v in where.get(without[0], ()) if v != without[1])
        order = self.sort if sort is None else sort
        once = (("employee", self.employee), ("sort", order), ("by", self.by))
        return [
            *(("band", band) for band in self.bands),
            *((key, value) for key, values in where.items() for value in values),
            *((name, text) for name, text in once if text),
        ]
