from __future__ import annotations

from django.urls import path

from predictions import person_views, views

app_name = "predictions"

urlpatterns = [
    path("", views.history, name="history"),
    path("new/", views.assess, name="new"),
    path("employee/", person_views.employee, name="employee"),
    path("<uuid:pk>/", person_views.result, name="detail"),
    path("<uuid:pk>/what-if/", person_views.what_if, name="what-if"),
]
