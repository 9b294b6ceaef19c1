"""The API's addresses, below `/api/v1/`."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from attrition_site.health import HealthView
from mlcore.api import ActiveModelViewSet

# A document does not describe itself.
schema = extend_schema(exclude=True)(SpectacularJSONAPIView).as_view(
    http_method_names=("get", "head")
)
docs = SpectacularSwaggerSplitView.as_view(
    template_name="api/docs.html", url_name="api-schema", http_method_names=("get", "head")
)

urlpatterns = [
    path("", include("accounts.api_urls")),
    path("", include("predictions.api_urls")),
    path("models/active", ActiveModelViewSet.as_view({"get": "retrieve"}), name="models-active"),
    path("health", HealthView.as_view(), name="health"),
    path("schema", schema, name="api-schema"),
    path("docs", docs, name="api-docs"),
]
