"""Who may do what: one table from role to permissions.

A role is a Django Group, and a person has at most one. The table is the only place where a role's
permissions are written, and what `User.has_perm` goes by. `grant_roles` carries it into the
database after every migration, so a change here needs no migration of its own, and a change by
hand there grants nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.apps.registry import Apps
from django.apps.registry import apps as installed_apps
from django.contrib.auth.models import Group
from django.db import DEFAULT_DB_ALIAS, models, router, transaction
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from .models import User


class Role(models.TextChoices):
    """The value is the name of the role's Group."""

    ANALYST = "analyst", _("HR analyst")
    AUDITOR = "auditor", _("Auditor")
    API = "api", _("API consumer")
    ADMINISTRATOR = "administrator", _("Administrator")


ACCESS_ADMIN = "accounts.access_admin"

_ANALYST = frozenset(
    {
        "predictions.assess_by_form",
        "predictions.assess_by_file",
        "predictions.view_prediction",
        "predictions.view_batch",
        "mlcore.view_modelversion",
        "mlcore.view_activation",  # with it, models have pages
    }
)
_AUDITOR = frozenset(
    {
        ACCESS_ADMIN,
        "predictions.view_prediction",
        "predictions.view_batch",
        "mlcore.view_modelversion",
        "mlcore.view_activation",
        "mlcore.view_activationproposal",
        "mlcore.view_operatingdecision",
    }
)
_API = frozenset(
    {
        "predictions.assess_by_api",
        "predictions.view_own_prediction",
        "mlcore.view_modelversion",
    }
)
_ADMINISTRATOR = (
    _ANALYST
    | _AUDITOR
    | {
        "mlcore.train_model",
        "mlcore.activate_model",
        "accounts.add_user",
        "accounts.change_user",
        "accounts.view_user",
        "auth.view_group",
        "axes.view_accessattempt",
        "axes.delete_accessattempt",  # lifts a lock before its time
        "django_q.view_task",
        "django_q.view_success",
        "django_q.view_failure",
        "django_q.view_schedule",
        "django_q.view_ormq",
    }
)

ROLE_PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.ANALYST: _ANALYST,
    Role.AUDITOR: _AUDITOR,
    Role.API: _API,
    Role.ADMINISTRATOR: _ADMINISTRATOR,
}


def assign_role(user: User, role: Role | str | None) -> None:
    """Give `user` exactly this role, or none.

    Raises ValueError when there is no such role.
    """
    chosen = None if role is None else Role(role)
    with transaction.atomic():
        groups = [] if chosen is None else [Group.objects.get_or_create(name=chosen.value)[0]]
        user.groups.set(groups)
    user.forget_role()


def grant_roles(
    sender: AppConfig,
    *,
    using: str = DEFAULT_DB_ALIAS,
    apps: Apps = installed_apps,
    **kwargs: Any,
) -> None:
    """Make every role's permissions over the app `sender` those of the table.

    Receives `post_migrate`, which Django sends once per app, after it has created that app's
    permissions. It also follows `flush`, where it makes the groups themselves again.
    """
    try:
        group_model = apps.get_model("auth", "Group")
        permission_model = apps.get_model("auth", "Permission")
    except LookupError:  # a migration of a few apps, that stops before auth's tables exist
        return
    if not router.allow_migrate_model(using, group_model):
        return
    through: Any = group_model._meta.get_field("permissions").remote_field.through

    groups = dict(
        group_model.objects.using(using).filter(name__in=Role.values).values_list("name", "pk")
    )
    for name in Role.values:
        if name not in groups:
            groups[name] = group_model.objects.using(using).create(name=name).pk

    available = dict(
        permission_model.objects.using(using)
        .filter(content_type__app_label=sender.label)
        .values_list("codename", "pk")
    )
    wanted = {
        (groups[role.value], available[codename])
        for role, codenames in _codenames(sender.label).items()
        for codename in codenames & available.keys()
    }
    granted = through.objects.using(using).filter(
        group_id__in=groups.values(), permission__content_type__app_label=sender.label
    )
    rows = {(group, permission): pk for pk, group, permission in granted.values_list()}
    if surplus := [pk for pair, pk in rows.items() if pair not in wanted]:
        through.objects.using(using).filter(pk__in=surplus).delete()
    through.objects.using(using).bulk_create(
        (
            through(group_id=group, permission_id=permission)
            for group, permission in sorted(wanted - rows.keys())
        ),
        ignore_conflicts=True,  # two processes may migrate at once
    )


def _codenames(app_label: str) -> dict[Role, set[str]]:
    """The table's permissions over one app, by role."""
    found: defaultdict[Role, set[str]] = defaultdict(set)
    for role, permissions in ROLE_PERMISSIONS.items():
        for permission in permissions:
            label, codename = permission.split(".")
            if label == app_label:
                found[role].add(codename)
    return found
