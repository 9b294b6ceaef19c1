"""Someone of every role, and something real behind every door."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from axes.models import AccessAttempt
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django_q.models import Failure, OrmQ, Schedule, Success
from django_q.signing import SignedPackage

from accounts.models import User
from accounts.roles import Role
from attrition_site.access import Visitor
from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Activation, Basis, ModelVersion, Origin
from predictions.batches import jobs
from predictions.models import Batch, Prediction, Source
from predictions.services import Request, predict
from tests.accounts.factories import make_person
from tests.batches.conftest import bring_matched, work_to_the_end
from tests.conftest import EMPLOYEE
from tests.people import bearer
from tests.training.conftest import make_draft
from tests.training.histories import history

FILE = (
    b"EmployeeNumber,OverTime,JobLevel,MonthlyIncome,TotalWorkingYears,Department\n"
    b"E-1,No,5,19000,30,Sales\nE-2,Yes,1,1200,1,Sales\nE-3,Yes,1,much,1,Sales\n"
)


@dataclass
class Someone:
    """A person at a browser and as a program; `rights` is the line of the table that holds."""

    name: str
    rights: Visitor
    user: User | None
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class World:
    people: dict[str, Someone]
    addresses: dict[str, str]
    """A real address behind each door whose address has a blank in it."""
    prediction_of_alice: Prediction
    prediction_of_dave: Prediction
    done: Batch
    # One for all: each new one would load all middleware again.
    browser: Client = field(default_factory=lambda: Client(raise_request_exception=False))


def make_world() -> World:
    people = {someone.name: someone for someone in _people()}
    alice, carol, dave = (people[name].user for name in ("alice", "carol", "dave"))
    version = services.register(files=artifact.read(registry.BUNDLED_FOLDER), origin=Origin.BUNDLED)
    services.activate(version=version, reason="for the test")
    of_alice, of_dave = _recorded(alice, Source.FORM), _recorded(dave, Source.API)
    done, draft, running = (
        bring_matched(alice, FILE, name=f"{name}.csv") for name in ("done", "draft", "running")
    )
    assert jobs.begin(done, record=True, by=alice)
    work_to_the_end(done)
    assert jobs.begin(running, record=True, by=alice)
    training = make_draft(carol, history(60))
    finished = make_draft(carol, history(60, seed=1))
    type(finished).objects.filter(pk=finished.pk).update(state="cancelled")
    blanks = {
        "/predictions/<uuid:pk>/": of_alice.pk,
        "/predictions/<uuid:pk>/what-if/": of_alice.pk,
        "/api/v1/predict/history/<uuid:pk>": of_dave.pk,
        "/predict/history/<uuid:pk>": of_dave.pk,
        "/batches/<int:pk>/": done.pk,
        "/batches/<int:pk>/columns/": draft.pk,
        "/batches/<int:pk>/progress/": running.pk,
        "/batches/<int:pk>/start/": draft.pk,
        "/batches/<int:pk>/cancel/": running.pk,
        "/batches/<int:pk>/discard/": draft.pk,
        "/batches/<int:pk>/refused/": done.pk,
        "/models/training/<int:pk>/": finished.pk,
        "/models/training/<int:pk>/columns/": training.pk,
        "/models/training/<int:pk>/progress/": finished.pk,
        "/models/training/<int:pk>/cancel/": training.pk,
        "/models/training/<int:pk>/again/": finished.pk,
        "/models/training/files/<int:pk>/erase/": finished.file_id,
        "/admin/accounts/user/<id>/password/": alice.pk,
        "/admin/(?P<app_label>…)/": "predictions",
        "/admin/(?P<url>.*)": "nothing/here/",
    } | {
        f"/models/<version:version>/{rest}": version.version
        for rest in ("", "card.json", "model.zip", "operating-point/", "activate/")
    }
    addresses = {address: _filled(address, blank) for address, blank in blanks.items()}
    addresses["/batches/new/template/"] = "/batches/new/template/?export=csv"
    addresses["/admin/autocomplete/"] = autocomplete("mlcore", "activation", "model_version")
    addresses["/admin/r/<path:content_type_id>/<path:object_id>/"] = (
        f"/admin/r/{ContentType.objects.get_for_model(Prediction).pk}/{of_alice.pk}/"
    )
    for kind, pk in _records(version, of_alice, done, alice, carol).items():
        one = f"/admin/{kind}/<path:object_id>/"
        for rest in ("", "change/", "delete/", "history/"):
            addresses[one + rest] = _filled(one + rest, pk)
    return World(people, addresses, of_alice, of_dave, done)


def autocomplete(app: str, model: str, field: str) -> str:
    return f"/admin/autocomplete/?app_label={app}&model_name={model}&field_name={field}"


def _people():
    roles = {
        "alice": Role.ANALYST,
        "bob": Role.AUDITOR,
        "dave": Role.API,
        "carol": Role.ADMINISTRATOR,
    }
    yield Someone("nobody", Visitor.STRANGER, None)
    for name, role in roles.items():
        yield _signed_in(name, Visitor(role.value), make_person(role, username=name))
    yield _signed_in("erin", Visitor.NO_ROLE, make_person(None, username="erin"))
    # What a superuser may is what every role may: the administrator's line, and the program's.
    root = User.objects.create_superuser("root", name="Root")
    yield _signed_in("root", Visitor.ADMINISTRATOR, root)
    gone = make_person(Role.ADMINISTRATOR, username="gone")
    someone = _signed_in("gone", Visitor.STRANGER, gone)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    yield someone


def _signed_in(name, rights, user):
    browser = Client()
    browser.force_login(user)
    cookies = {key: morsel.value for key, morsel in browser.cookies.items()}
    return Someone(name, rights, user, cookies, bearer(user))


def _recorded(user, source):
    active = registry.active()
    row = active.schema.clean(EMPLOYEE | {"employee_id": f"of-{user}"})
    request = Request(requested_by=user, source=source, request_id=f"request-of-{user}")
    return predict(row, using=active, request=request)


def _records(version: ModelVersion, prediction, batch, alice, carol) -> dict[str, object]:
    """One of each kind of record that the admin shows: its key."""
    then = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
    job = {"func": "builtins.print", "args": (), "kwargs": {}, "started": then, "stopped": then}
    waiting = {"id": "q" * 32, "name": "queued", "func": "builtins.print", "args": (), "kwargs": {}}
    proposal = version.proposals.create(proposed_by=carol, reason="because", state="withdrawn")
    decision = version.operating_decisions.create(
        moderate_from=0.1,
        threshold=0.2,
        very_high_from=0.4,
        basis=Basis.COST,
        basis_value=4.0,
        workforce=100,
        reason="because",
        decided_by=carol,
    )
    return {
        "predictions/prediction": prediction.pk,
        "predictions/batch": batch.pk,
        "mlcore/modelversion": version.pk,
        "mlcore/activation": Activation.objects.latest("pk").pk,
        "mlcore/activationproposal": proposal.pk,
        "mlcore/operatingdecision": decision.pk,
        "accounts/user": alice.pk,
        "auth/group": Group.objects.get(name=Role.ANALYST).pk,
        "axes/accessattempt": AccessAttempt.objects.create(
            username="alice", ip_address="127.0.0.1", failures_since_start=1
        ).pk,
        "django_q/success": Success.objects.create(
            id="s" * 32, name="done", success=True, **job
        ).pk,
        "django_q/failure": Failure.objects.create(
            id="f" * 32, name="failed", success=False, **job
        ).pk,
        "django_q/schedule": Schedule.objects.create(name="daily", func="builtins.print").pk,
        "django_q/ormq": OrmQ.objects.create(
            key="attrition", payload=SignedPackage.dumps(waiting), lock=then
        ).pk,
    }


def _filled(address: str, blank: object) -> str:
    head, _open, rest = address.partition("(?P<" if "(?P<" in address else "<")
    tail = rest.partition(")" if "(?P<" in address else ">")[2]
    return f"{head}{blank}{tail}"
