from __future__ import annotations

from django.urls import path

from predictions.batches import column_views, result_views, views

app_name = "batches"

urlpatterns = [
    path("", views.batches, name="list"),
    path("new/", views.bring, name="new"),
    path("new/template/", views.template, name="template"),
    path("<int:pk>/", views.batch, name="detail"),
    path("<int:pk>/columns/", column_views.columns, name="columns"),
    path("<int:pk>/progress/", views.progress, name="progress"),
    path("<int:pk>/start/", views.start, name="start"),
    path("<int:pk>/cancel/", views.cancel, name="cancel"),
    path("<int:pk>/discard/", views.discard, name="discard"),
    path("<int:pk>/refused/", result_views.refused, name="refused"),
]
