from __future__ import annotations

from django.contrib.auth.views import PasswordChangeDoneView
from django.urls import path

from .views import PasswordChange, SignIn, SignOut

app_name = "accounts"

urlpatterns = [
    path("login/", SignIn.as_view(), name="login"),
    path("logout/", SignOut.as_view(), name="logout"),
    path("password/", PasswordChange.as_view(), name="password_change"),
    path(
        "password/done/",
        PasswordChangeDoneView.as_view(
            template_name="accounts/password_change_done.html", http_method_names=("get", "head")
        ),
        name="password_change_done",
    ),
]
