"""Draws `docs/access.md` from the table of doors: `python -m attrition_site.access_document FILE`.

It is no management command, for the site as a whole is no app.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

from django.apps import apps

from attrition_site.access import ADMIN, API, PAGES, RECORDS, WITHIN, Door, Visitor, Visitors

_INTRODUCTION = """\
# Who may do what, and by which door

Drawn from `attrition_site/access.py` by `python -m attrition_site.access_document docs/access.md`;
a test fails when it is out of date. Another one knocks at every address below as everyone, by every
method, with a session and with a token, and fails when an answer is not the one written here, when
an address is missing, or when a request that was refused has changed a row.

A role is a set of permissions, and the one table of those is `accounts/roles.py`; the views ask for
them. A person has one role or none. Whoever was deactivated is a stranger again, from the next
request on. A superuser, whom only the server’s owner can make (`manage.py createsuperuser`), may do
what any role may, and still neither change nor delete a record.

“read” is GET and HEAD, “act” is POST; all other methods are refused. Who may not is answered 403;
a stranger is sent to sign in, or by the API answered 401. The API believes tokens alone, and
the pages sessions alone: the one proves nothing at the other’s doors. A page that acts also asks
for the token against forged requests.
"""
_ELSEWHERE = """\
## Doors that are no addresses

| door | who | what it can do |
|---|---|---|
| management commands | whoever may start a process with the settings: the server’s owner | They \
ask for no role. What they record names no person |
| background worker | nobody; it takes tasks from a table of the database | Tasks are signed with \
`SECRET_KEY`. They name numbers of rows, and no page or endpoint takes the name of a task |
| the database | whoever has its password: the server’s owner | All of it. Triggers refuse to \
change or delete an assessment, but its owner can drop a trigger first |
| static files | everyone | Style, scripts and pictures of the product and its packages; nothing \
that was brought or recorded |
| error pages | everyone | They name nobody but who is signed in, and the number of the request |
| metrics | whoever reaches their port, which the proxy must not pass on | Counts without names |

Commands of the product:

"""
_HEAD = "nobody signed in | no role | analyst | auditor | API consumer | administrator"


def draw() -> str:
    """The whole document."""
    lines = [_INTRODUCTION, "## Pages", "", *_table(PAGES)]
    lines += ["", "## API", "", "“own”: others’ records are answered as if not there.", ""]
    lines += _table(API)
    lines += ["", "## Admin", "", *_table(ADMIN), "", *_records()]
    lines += ["", "## Within a page", "", *_within(), "", _ELSEWHERE + "\n".join(_commands())]
    return "\n".join(lines) + "\n"


def _table(doors: Iterable[Door]) -> Iterator[str]:
    yield f"| address | what | {_HEAD} |"
    yield f"|---|---|{'---|' * len(Visitor)}"
    for door in doors:
        cells = " | ".join(_cell(door, visitor) for visitor in Visitor)
        yield f"| `{door.address}` | {door.what} | {cells} |"


def _cell(door: Door, visitor: Visitor) -> str:
    said = [word for word, who in (("read", door.reads), ("act", door.acts)) if visitor in who]
    if visitor in door.own:
        said.append("own")
    return ", ".join(said) or "–"


def _records() -> Iterator[str]:
    yield "Each kind of record has a list (`/admin/<kind>/`), a page for one of them, what was"
    yield "changed in the admin, and the addresses to add, change and delete."
    yield ""
    yield "| kind | what | look | add | change | delete |"
    yield "|---|---|---|---|---|---|"
    for each in RECORDS:
        who = (each.reads, each.adds, each.changes, each.deletes)
        yield f"| `{each.kind}` | {each.what} | {' | '.join(map(_named, who))} |"


def _named(visitors: Visitors) -> str:
    return ", ".join(visitor.value for visitor in Visitor if visitor in visitors) or "–"


def _within() -> Iterator[str]:
    yield "| what | who reads it | how |"
    yield "|---|---|---|"
    for each in WITHIN:
        everyone = len(each.reads) == len(Visitor)
        yield f"| {each.what} | {'everyone' if everyone else _named(each.reads)} | {each.how} |"


def _commands() -> Iterator[str]:
    """What each management command of ours is for, in its own words."""
    for label in ("accounts", "mlcore", "predictions"):
        folder = Path(apps.get_app_config(label).path) / "management" / "commands"
        for file in sorted(folder.glob("[a-z]*.py")):
            command = import_module(f"{label}.management.commands.{file.stem}").Command
            yield f"- `{file.stem}`: {command.help or command.__doc__}"


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attrition_site.settings")
    django.setup()
    Path(sys.argv[1]).write_text(draw(), encoding="utf-8")
