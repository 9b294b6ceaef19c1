"""The pages where people sign in and change their password."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_http_methods

from . import demo
from .forms import KEPT_PASSWORD, OwnPasswordForm

# Django's forms would take a PUT for a POST, and lead on who is signed in by whatever method.
_of_a_form = method_decorator(require_http_methods(["GET", "HEAD", "POST"]), name="dispatch")


@_of_a_form
class SignIn(LoginView):
    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if demo.allowed():
            kwargs |= {
                "demo_accounts": demo.demo_accounts(),
                "demo_password": settings.DEMO_PASSWORD,
                "in_public": settings.DEMO,
            }
        return super().get_context_data(**kwargs)


@_of_a_form
class PasswordChange(PasswordChangeView):
    form_class = OwnPasswordForm
    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("accounts:password_change_done")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(kept=KEPT_PASSWORD if settings.DEMO else "", **kwargs)


class SignOut(LogoutView):
    """Asks the browser to forget what it has shown: the next person may use the same machine."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().post(request, *args, **kwargs)
        response["Clear-Site-Data"] = '"cache", "storage"'
        return response
