"""The pages where people sign in and change their password."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.urls import reverse_lazy

from .demo import demo_accounts
from .forms import OwnPasswordForm


class SignIn(LoginView):
    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if settings.DEVELOPMENT:
            kwargs |= {
                "demo_accounts": demo_accounts(),
                "demo_password": settings.DEMO_PASSWORD,
            }
        return super().get_context_data(**kwargs)


class PasswordChange(PasswordChangeView):
    form_class = OwnPasswordForm
    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("accounts:password_change_done")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}
