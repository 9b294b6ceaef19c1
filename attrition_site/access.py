"""Which door is open to whom: every address, every method, every role.

The views ask for permissions, and `accounts.roles` says which role has them. This table is the
claim that both are held against: a test walks every address of the product as everyone, by every
method, and fails where the answer differs from what is written here, or where an address is not
written here. `docs/access.md` is drawn from it.

It imports nothing of the product, so that no fault there can hide in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class Visitor(StrEnum):
    """Who may stand before a door. A role's value is that of `accounts.roles.Role`.

    Whoever was deactivated is a stranger again. A superuser, whom only the server's owner can make,
    may do what any role may.
    """

    STRANGER = "stranger"
    NO_ROLE = "no role"
    ANALYST = "analyst"
    AUDITOR = "auditor"
    API = "api"
    ADMINISTRATOR = "administrator"


Visitors = frozenset[Visitor]

NONE: Visitors = frozenset()
EVERYONE: Visitors = frozenset(Visitor)
SIGNED_IN = EVERYONE - {Visitor.STRANGER}
ANY_ROLE = SIGNED_IN - {Visitor.NO_ROLE}
READERS = ANY_ROLE - {Visitor.API}
ANALYSTS: Visitors = frozenset({Visitor.ANALYST, Visitor.ADMINISTRATOR})
AUDITORS: Visitors = frozenset({Visitor.AUDITOR, Visitor.ADMINISTRATOR})
ADMINISTRATORS: Visitors = frozenset({Visitor.ADMINISTRATOR})
PROGRAMS: Visitors = frozenset({Visitor.API})


class Proof(Enum):
    """How a visitor shows who they are. What proves it at one kind of door proves nothing at the
    other."""

    SESSION = "the cookie of a session; a stranger is sent to sign in"
    TOKEN = "an access token; a stranger is answered 401"  # noqa: S105 - no password


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """One address. A method that nobody is named for is refused, as all other methods are."""

    address: str
    """As the URL configuration writes it."""
    what: str
    reads: Visitors = NONE
    """GET and HEAD."""
    acts: Visitors = NONE
    """POST."""
    own: Visitors = NONE
    """Of those who are let in, who finds their own records alone: others' are as if not there."""
    proof: Proof = Proof.SESSION

    @property
    def enters(self) -> Visitors:
        return self.reads | self.acts


def _page(address: str, what: str, reads: Visitors) -> Door:
    return Door(address=address, what=what, reads=reads)


def _form(address: str, what: str, both: Visitors) -> Door:
    return Door(address=address, what=what, reads=both, acts=both)


def _action(address: str, what: str, acts: Visitors) -> Door:
    return Door(address=address, what=what, acts=acts)


# ------------------------------------------------------------------ pages

PAGES: tuple[Door, ...] = (
    _page("/", "The dashboard; for a program's account, what it can do here", ANY_ROLE),
    _form("/accounts/login/", "Sign in", EVERYONE),
    _action("/accounts/logout/", "Sign out", SIGNED_IN),
    _form("/accounts/password/", "Change one's own password", SIGNED_IN),
    _page("/accounts/password/done/", "That it was changed", SIGNED_IN),
    _action("/i18n/setlang/", "Choose the language", EVERYONE),
    _page("/favicon.ico", "The icon", EVERYONE),
    _page("/predictions/", "The history of all assessments, and its downloads", READERS),
    _form("/predictions/new/", "Assess one employee; begin from a stored assessment", ANALYSTS),
    _page("/predictions/employee/", "All assessments of one employee", READERS),
    _page("/predictions/<uuid:pk>/", "One assessment, with its reasons", READERS),
    _page("/predictions/<uuid:pk>/what-if/", "What could change it", ANALYSTS),
    _page("/batches/", "The files of employees", READERS),
    _form("/batches/new/", "Bring a file", ANALYSTS),
    _page("/batches/new/template/", "An empty file with the columns asked", ANALYSTS),
    _page("/batches/<int:pk>/", "What came of a file, and its downloads", READERS),
    _form("/batches/<int:pk>/columns/", "What its columns are read as; its first rows", ANALYSTS),
    _page("/batches/<int:pk>/progress/", "How far it is", READERS),
    _action("/batches/<int:pk>/start/", "Try it, or have everyone in it assessed", ANALYSTS),
    _form("/batches/<int:pk>/cancel/", "Stop the work on it", ANALYSTS),
    _form("/batches/<int:pk>/discard/", "Throw it away", ANALYSTS),
    _page("/batches/<int:pk>/refused/", "Its refused rows, and their download", READERS),
    _page("/models/", "All models, and what was active when", READERS),
    _page("/models/compare/", "Two models side by side", READERS),
    _page("/models/<version:version>/", "A model's card", READERS),
    _page("/models/<version:version>/card.json", "The card as it is stored", READERS),
    _page("/models/<version:version>/model.zip", "A model's files", ADMINISTRATORS),
    Door(
        address="/models/<version:version>/operating-point/",
        what="Where the list begins: tried out, and decided",
        reads=READERS,
        acts=ADMINISTRATORS,
    ),
    _form("/models/<version:version>/activate/", "Put a model to work, approve", ADMINISTRATORS),
    _form("/models/import/", "Import a model", ADMINISTRATORS),
    _action("/models/roll-back/", "Go back to the model before", ADMINISTRATORS),
    _page("/models/training/", "All trainings", ADMINISTRATORS),
    _form("/models/training/new/", "Bring a history to train on", ADMINISTRATORS),
    _page("/models/training/<int:pk>/", "One training", ADMINISTRATORS),
    _form("/models/training/<int:pk>/columns/", "What its columns mean", ADMINISTRATORS),
    _page("/models/training/<int:pk>/progress/", "How far it is", ADMINISTRATORS),
    _action("/models/training/<int:pk>/cancel/", "Stop it", ADMINISTRATORS),
    _action("/models/training/<int:pk>/again/", "Train once more on its file", ADMINISTRATORS),
    _form("/models/training/files/<int:pk>/erase/", "Erase its file", ADMINISTRATORS),
)

# ------------------------------------------------------------------ the API


def _endpoint(
    address: str,
    what: str,
    *,
    reads: Visitors = NONE,
    acts: Visitors = NONE,
    own: Visitors = NONE,
) -> Door:
    return Door(address=address, what=what, reads=reads, acts=acts, own=own, proof=Proof.TOKEN)


_HISTORY = READERS | PROGRAMS
_ASSESS_ONE = "Assess one employee"
_ASSESS_MANY = "Assess up to 1,000 employees"
_LIST = "The history; one's own part of it for a program"
_RECORD = "One assessment"
_HEALTH = "Whether the service works"

API: tuple[Door, ...] = (
    _endpoint("/api/v1/auth/token", "Sign in: name and password are the proof", acts=EVERYONE),
    _endpoint("/api/v1/auth/refresh", "The next tokens: the token is the proof", acts=EVERYONE),
    _endpoint("/api/v1/auth/revoke", "Sign out: the token is the proof", acts=EVERYONE),
    _endpoint("/api/v1/predict/attrition", _ASSESS_ONE, acts=PROGRAMS),
    _endpoint("/api/v1/predict/attrition/batch", _ASSESS_MANY, acts=PROGRAMS),
    _endpoint("/api/v1/predict/history", _LIST, reads=_HISTORY, own=PROGRAMS),
    _endpoint("/api/v1/predict/history/<uuid:pk>", _RECORD, reads=_HISTORY, own=PROGRAMS),
    _endpoint("/api/v1/models/active", "The active model: its questions, its card", reads=ANY_ROLE),
    _endpoint("/api/v1/health", _HEALTH, reads=EVERYONE),
    _endpoint("/api/v1/schema", "The API's description", reads=EVERYONE),
    _endpoint("/api/v1/docs", "The API's documentation", reads=EVERYONE),
    _endpoint("/health", _HEALTH, reads=EVERYONE),
    _endpoint("/health/live", "Whether the process answers", reads=EVERYONE),
    _endpoint("/health/ready", "Whether requests may be sent to it", reads=EVERYONE),
    _endpoint("/predict/attrition", _ASSESS_ONE, acts=PROGRAMS),
    _endpoint("/predict/attrition/batch", _ASSESS_MANY, acts=PROGRAMS),
    _endpoint("/predict/history", _LIST, reads=_HISTORY, own=PROGRAMS),
    _endpoint("/predict/history/<uuid:pk>", _RECORD, reads=_HISTORY, own=PROGRAMS),
)

# ------------------------------------------------------------------ the admin


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """The pages of one kind of record in the admin."""

    kind: str
    """Its app and model, as the address names them."""
    what: str
    reads: Visitors
    adds: Visitors = NONE
    changes: Visitors = NONE
    deletes: Visitors = NONE

    @property
    def doors(self) -> tuple[Door, ...]:
        base, one = f"/admin/{self.kind}/", f"/admin/{self.kind}/<path:object_id>/"
        return (
            # A list takes actions on what was selected: downloads, or deletions.
            _form(base, f"{self.what}: the list", self.reads),
            _form(f"{base}add/", f"{self.what}: add", self.adds),
            Door(
                address=f"{one}change/",
                what=f"{self.what}: one of them",
                reads=self.reads | self.changes,
                acts=self.changes,
            ),
            _form(f"{one}delete/", f"{self.what}: delete", self.deletes),
            _page(f"{one}history/", f"{self.what}: what was changed in the admin", self.reads),
            _page(one, f"{self.what}: leads to one of them", AUDITORS),
        )


RECORDS: tuple[Records, ...] = (
    Records(kind="predictions/prediction", what="Assessments", reads=AUDITORS),
    Records(kind="predictions/batch", what="Files of employees", reads=AUDITORS),
    Records(kind="mlcore/modelversion", what="Models", reads=AUDITORS),
    Records(kind="mlcore/activation", what="Activations", reads=AUDITORS),
    Records(kind="mlcore/activationproposal", what="Proposals", reads=AUDITORS),
    Records(kind="mlcore/operatingdecision", what="Decisions on the list", reads=AUDITORS),
    Records(
        kind="accounts/user",
        what="People",
        reads=ADMINISTRATORS,
        adds=ADMINISTRATORS,
        changes=ADMINISTRATORS,
    ),
    Records(kind="auth/group", what="Roles", reads=ADMINISTRATORS),
    Records(
        kind="axes/accessattempt",
        what="Failed sign-ins",
        reads=ADMINISTRATORS,
        deletes=ADMINISTRATORS,
    ),
    Records(kind="django_q/success", what="Jobs that succeeded", reads=ADMINISTRATORS),
    Records(kind="django_q/failure", what="Jobs that failed", reads=ADMINISTRATORS),
    Records(kind="django_q/schedule", what="Scheduled jobs", reads=ADMINISTRATORS),
    Records(kind="django_q/ormq", what="Waiting jobs", reads=ADMINISTRATORS),
)

ADMIN: tuple[Door, ...] = (
    _page("/admin/", "What there is to look up", AUDITORS),
    _page("/admin/(?P<app_label>…)/", "The same, of one app", AUDITORS),
    _form("/admin/login/", "Leads in; a stranger to the sign-in page", AUDITORS),
    _action("/admin/logout/", "Sign out", AUDITORS),
    _page("/admin/password_change/", "Leads to one's own password", AUDITORS),
    _page("/admin/password_change/done/", "That it was changed", AUDITORS),
    _page("/admin/autocomplete/", "Records by name, of the kinds one may look up", AUDITORS),
    _page("/admin/jsi18n/", "The words of its scripts", AUDITORS),
    _page("/admin/r/<path:content_type_id>/<path:object_id>/", "Leads to a record", AUDITORS),
    _form("/admin/accounts/user/<id>/password/", "People: set a password", ADMINISTRATORS),
    _page("/admin/(?P<url>.*)", "Any other address below: there is nothing", AUDITORS),
)

DOORS: tuple[Door, ...] = (
    *PAGES,
    *API,
    *ADMIN,
    *(door for records in RECORDS for door in records.doors),
)

# ------------------------------------------------------------------ within


@dataclass(frozen=True, kw_only=True, slots=True)
class Within:
    """What lies behind doors that are open to more people than may read it."""

    what: str
    reads: Visitors
    how: str


WITHIN: tuple[Within, ...] = (
    Within(
        what="Stored attributes for fairness checks (age, gender, marital status, …)",
        reads=AUDITORS,
        how="On an assessment’s page and in the admin, and in the admin’s downloads. The form and "
        "a file take them from whoever types or brings them; nobody else reads them from there, "
        "but in the first rows and the refused rows of a file, until those are erased.",
    ),
    Within(
        what="The cells of a file: its first rows, a download of its refused rows",
        reads=ANALYSTS,
        how="While the file is kept. Others read what is to be corrected in a refused row.",
    ),
    Within(
        what="Others’ assessments",
        reads=READERS,
        how="A program finds its own alone, also by any filter.",
    ),
    Within(
        what="What could change a risk",
        reads=ANALYSTS,
        how="On an assessment’s page it is left out for others.",
    ),
    Within(
        what="The rows of a training file, to compare two models on",
        reads=ADMINISTRATORS,
        how="The page of two models offers them to nobody else, and asks again.",
    ),
    Within(
        what="The names and the password of the demo accounts, before sign-in",
        reads=EVERYONE,
        how="In development and in a demonstration; the accounts are refused elsewhere.",
    ),
)
