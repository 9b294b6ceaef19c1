from __future__ import annotations

from django.urls import path

from mlcore.trainings import views as views

urlpatterns = [
    path("", views.trainings, name="trainings"),
    path("new/", views.bring, name="training-new"),
    path("<int:pk>/", views.training, name="training"),
    path("<int:pk>/columns/", views.columns, name="training-columns"),
    path("<int:pk>/progress/", views.progress, name="training-progress"),
    path("<int:pk>/cancel/", views.cancel, name="training-cancel"),
    path("<int:pk>/again/", views.again, name="training-again"),
    path("files/<int:pk>/erase/", views.erase, name="training-erase"),
]
