from __future__ import annotations

from django.urls import include, path

from mlcore import decision_views, views

app_name = "models"

urlpatterns = [
    path("", views.registry_page, name="registry"),
    path("training/", include("mlcore.trainings.urls")),
    path("compare/", views.compare, name="compare"),
    path("import/", decision_views.import_model, name="import"),
    path("roll-back/", decision_views.roll_back, name="roll-back"),
    # A version's name ends in eight digits of its hash: it is none of the words above.
    path("<str:version>/", views.card_page, name="card"),
    path("<str:version>/card.json", views.card_json, name="card-json"),
    path("<str:version>/operating-point/", decision_views.operating_point, name="operating-point"),
    path("<str:version>/activate/", decision_views.activate, name="activate"),
]
