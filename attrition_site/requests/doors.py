"""Which addresses cost or risk more than others, by their names in the URL configuration.

Bodies and the throttle are judged by this table. A test finds each name among the addresses.
"""

from __future__ import annotations

from django.http import HttpRequest

from accounts.throttling import SIGN_IN, Limit

SIGN_INS = frozenset({"accounts:login", "accounts:password_change", "auth-token"})
"""Where a password is tried."""

UPLOADS = frozenset({"batches:new", "models:training-new", "models:import"})
"""Where a file is brought; the view judges the size by the file's own limit."""

ASSESSMENTS = frozenset({"predictions:new", "predictions:what-if"})
"""Where an employee is scored for a page."""

FILES = frozenset(
    {"batches:template", "models:export", "models:card-json", "api-schema", "api-docs"}
)
"""Where a file is made, whatever the address says besides; the documents of the API are open to
all, and are drawn anew for each who asks."""

_ASSESSING = Limit("THROTTLE_ASSESS")
"""Forms sent and trials made by one person."""

_OF_FILES = Limit("THROTTLE_FILES")
"""Files brought and files made for one person; documents made for one address."""

_EXPORT = "export"  # how an address asks for a list as a file, and an action of the admin begins
_EXPORTS = ("csv", "xlsx")


def limits_of(request: HttpRequest, door: str) -> Limit | None:
    """What a request to a door of this name counts towards, besides its person's own limit."""
    posted = request.method == "POST"
    if door in SIGN_INS and posted:
        return SIGN_IN
    if door in ASSESSMENTS and (posted or door == "predictions:what-if"):
        return _ASSESSING
    if door in FILES or (door in UPLOADS and posted):
        return _OF_FILES
    if not posted and request.GET.get(_EXPORT, "") in _EXPORTS:
        return _OF_FILES
    # Its body is small: larger ones have been refused unread.
    if posted and door.startswith("admin:") and request.POST.get("action", "").startswith(_EXPORT):
        return _OF_FILES
    return None
