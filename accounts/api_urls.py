"""To be included under the API's own prefix."""

from __future__ import annotations

from django.urls import path

from .api import RefreshView, RevokeView, TokenView

urlpatterns = [
    path("auth/token", TokenView.as_view(), name="auth-token"),
    path("auth/refresh", RefreshView.as_view(), name="auth-refresh"),
    path("auth/revoke", RevokeView.as_view(), name="auth-revoke"),
]
