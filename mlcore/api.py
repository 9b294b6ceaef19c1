"""The active model, for programs: what it asks, how it was made, how good it is."""

from __future__ import annotations

from typing import Any

from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.permissions import needs
from mlcore import registry
from mlcore.engine.describe import json_schema
from mlcore.engine.operating import BANDS
from mlcore.engine.words import say


class ActiveModelSerializer(serializers.Serializer[Any]):
    version = serializers.CharField()
    sha256 = serializers.CharField(help_text="SHA-256 of the model; every record holds it.")
    title = serializers.CharField()
    base_rate = serializers.FloatField(help_text="Share of leavers where it was trained.")
    threshold = serializers.FloatField(help_text="Probability from which the risk is elevated.")
    bands = serializers.DictField(
        child=serializers.FloatField(), help_text="The probability at which each level begins."
    )
    schema = serializers.DictField(help_text="One employee, in the words of JSON Schema 2020-12.")
    card = serializers.DictField(help_text="How the model was made, and how good it is.")


class ActiveModelViewSet(ViewSet):
    http_method_names = ("get", "head")
    permission_classes = (needs("mlcore.view_modelversion"),)

    @extend_schema(
        operation_id="models_active",
        summary="Read the active model",
        responses=ActiveModelSerializer,
        tags=["Models"],
    )
    def retrieve(self, request: Request) -> Response:
        """The model that assesses employees now: what it asks, in `schema`, and its card."""
        active = registry.active()
        language = get_language() or "en"
        card = active.artifact.card
        return Response(
            {
                "version": active.version,
                "sha256": active.artifact.sha256,
                "title": say(card.get("title", {}), language, active.version),
                "base_rate": active.model.base_rate,
                "threshold": active.operating_point.threshold,
                "bands": dict(zip(BANDS, (0.0, *active.operating_point.bounds), strict=True)),
                "schema": json_schema(active.schema, language),
                "card": card,
            }
        )
