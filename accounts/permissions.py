"""What an endpoint of the API asks of a role."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


def needs(*permissions: str) -> type[BasePermission]:
    """A DRF permission class: one of these permissions, each as "app_label.codename"."""

    class Needs(BasePermission):
        def has_permission(self, request: Request, view: Any) -> bool:
            return any(map(request.user.has_perm, permissions))

    return Needs
