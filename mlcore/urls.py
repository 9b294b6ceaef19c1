from __future__ import annotations

from django.urls import include, path, register_converter

from mlcore import decision_views, views


class VersionConverter:
    """A model's version: what a database is asked for holds no odd character."""

    regex = "[a-z0-9-]{1,64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(VersionConverter, "version")

app_name = "models"

urlpatterns = [
    path("", views.registry_page, name="registry"),
    path("training/", include("mlcore.trainings.urls")),
    path("compare/", views.compare, name="compare"),
    path("import/", decision_views.import_model, name="import"),
    path("roll-back/", decision_views.roll_back, name="roll-back"),
    # A version's name ends in eight digits of its hash: it is none of the words above.
    path("<version:version>/", views.card_page, name="card"),
    path("<version:version>/card.json", views.card_json, name="card-json"),
    path("<version:version>/model.zip", decision_views.export_model, name="export"),
    path(
        "<version:version>/operating-point/",
        decision_views.operating_point,
        name="operating-point",
    ),
    path("<version:version>/activate/", decision_views.activate, name="activate"),
]
