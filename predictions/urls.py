from __future__ import annotations

from django.urls import path

from predictions import views

app_name = "predictions"

urlpatterns = [
    path("", views.history, name="history"),
    path("new/", views.assess, name="new"),
    path("<uuid:pk>/", views.result, name="detail"),
]
