"""The people of a demonstration: one for each role."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.hashers import check_password

from .models import User
from .roles import Role, assign_role

DEMO_ROLES: dict[str, Role] = {
    "hr": Role.ANALYST,
    "auditor": Role.AUDITOR,
    "admin": Role.ADMINISTRATOR,
    "api": Role.API,
}
# It stands in the README. DEMO_PASSWORD may be another one, which whoever tried the demo knows.
PUBLISHED_PASSWORD = "attrition-demo"  # noqa: S105
_NAMES = {
    "hr": "Hannah Reyes",
    "auditor": "Paul Lindqvist",
    "admin": "Ada Martin",
    "api": "Payroll system",
}


def allowed() -> bool:
    """Whether this installation may have such accounts: it holds nobody's real records."""
    return bool(settings.DEVELOPMENT or settings.DEMO)


def demo_accounts() -> list[tuple[str, Role]]:
    """Username and role of those demo accounts that exist and can be used."""
    existing = set(
        User.objects.filter(username__in=DEMO_ROLES, is_active=True).values_list(
            "username", flat=True
        )
    )
    return [(username, role) for username, role in DEMO_ROLES.items() if username in existing]


def make_demo_accounts(password: str, *, reset_passwords: bool = False) -> list[str]:
    """Make the accounts that are missing, and give each its role; answers whom it made.

    An account that exists keeps its password, unless `reset_passwords`.
    """
    existing = {
        user.username: user
        for user in User.objects.filter(username__in=DEMO_ROLES).prefetch_related("groups")
    }
    made = []
    for username, role in DEMO_ROLES.items():
        user = existing.get(username)
        if user is None:
            user = User.objects.create_user(username, password, name=_NAMES[username])
            made.append(username)
        elif reset_passwords:
            user.set_password(password)
            user.save(update_fields=["password"])
        if user.role != role:
            assign_role(user, role)
    return made


def is_published(password: str | None) -> bool:
    """Whether this is the password of a demo, which is no secret anywhere."""
    return password in {PUBLISHED_PASSWORD, settings.DEMO_PASSWORD}


def with_published_password(*, using: str = "default") -> list[str]:
    """The usernames of demo accounts that answer to a demo's password.

    One query, and a slow comparison only for a username that exists: a quarter of a second each.
    """
    passwords = {PUBLISHED_PASSWORD, settings.DEMO_PASSWORD}
    accounts = (
        User.objects.using(using)
        .filter(username__in=DEMO_ROLES, is_active=True)
        .values_list("username", "password")
    )
    return [
        username
        for username, encoded in accounts
        if any(check_password(password, encoded) for password in passwords)
    ]


def close_demo_accounts() -> list[str]:
    """Deactivate those accounts and take their passwords away; answers whose it were.

    What they did stays on record.
    """
    usernames = with_published_password()
    for user in User.objects.filter(username__in=usernames):
        user.is_active = False
        user.set_unusable_password()
        user.save(update_fields=["is_active", "password"])
    return usernames
