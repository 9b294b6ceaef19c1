"""How Django asks what a person may do."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model
from django.http import HttpRequest

from . import demo
from .models import User


class RoleBackend(ModelBackend):
    """A person may do what the table of roles says, and nothing else grants anything.

    The role arrives in the query that loads the person. Django's own backend takes three queries
    for the same, the last of them a join of five tables: a third of the time that a prediction
    through the API has. The groups' permissions in the database say the same (see
    `accounts.roles`), for whoever looks them up there.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Where real records are, nobody signs in with a demo's password: everyone knows it."""
        if demo.is_published(password) and not demo.allowed():
            return None
        return super().authenticate(request, username, password, **kwargs)

    def get_user(self, user_id: Any) -> User | None:
        try:
            user = User.objects.load(user_id)
        except User.DoesNotExist:
            return None
        return user if self.user_can_authenticate(user) else None

    def get_user_permissions(
        self, user_obj: User | AnonymousUser, obj: Model | None = None
    ) -> set[str]:
        return set()

    def get_group_permissions(
        self, user_obj: User | AnonymousUser, obj: Model | None = None
    ) -> set[str]:
        return self.get_all_permissions(user_obj, obj)

    def get_all_permissions(
        self, user_obj: User | AnonymousUser, obj: Model | None = None
    ) -> set[str]:
        if isinstance(user_obj, AnonymousUser) or not user_obj.is_active or obj is not None:
            return set()
        return set(user_obj.permissions)
