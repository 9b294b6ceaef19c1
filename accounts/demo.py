"""The people of a demonstration: one for each role."""

from __future__ import annotations

from .models import User
from .roles import Role, assign_role

DEMO_ROLES: dict[str, Role] = {
    "hr": Role.ANALYST,
    "auditor": Role.AUDITOR,
    "admin": Role.ADMINISTRATOR,
    "api": Role.API,
}
_NAMES = {
    "hr": "Hannah Reyes",
    "auditor": "Paul Lindqvist",
    "admin": "Ada Martin",
    "api": "Payroll system",
}


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
