"""Every address of the product; each app keeps its own below."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from predictions import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", views.home, name="home"),
    path("accounts/", include("accounts.urls")),
    path("predictions/", include("predictions.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
]
