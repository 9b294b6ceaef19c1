"""Whether this process can do its work: for load balancers and whoever is on call."""

from __future__ import annotations

import threading
import time
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mlcore import registry

# Seconds the database has to answer. A caller waits two at most, whatever happens to it.
PATIENCE = 1.5


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["healthy", "unhealthy"])
    model_loaded = serializers.BooleanField()
    database_connected = serializers.BooleanField()
    version = serializers.CharField(help_text="Of this service.")


class HealthView(APIView):
    http_method_names = ("get", "head")
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="health",
        summary="Ask whether the service works",
        responses={
            200: OpenApiResponse(HealthSerializer, "It works."),
            503: OpenApiResponse(HealthSerializer, "The database or the model is gone."),
        },
        tags=["Service"],
        auth=[],
    )
    def get(self, request: Request) -> Response:
        """Whether the database answers and a model is ready, within two seconds. Open to all."""
        database = _probe.answers(PATIENCE)
        model = _model_is_ready() if database else registry.is_loaded()
        healthy = database and model
        return Response(
            {
                "status": "healthy" if healthy else "unhealthy",
                "model_loaded": model,
                "database_connected": database,
                "version": settings.VERSION,
            },
            status=200 if healthy else 503,
            headers={"Cache-Control": "no-store"},
        )


def _model_is_ready() -> bool:
    try:
        registry.active()
    except (registry.ModelUnavailableError, DatabaseError):
        return False
    return True


class _Probe:
    """Asks the database something, and does not wait for ever.

    A server that is gone refuses at once; one that hangs, or whose network swallows everything,
    never answers. So it is asked in a thread that can be left behind, one at a time.
    """

    def __init__(self) -> None:
        self._asking = threading.Lock()

    def answers(self, patience: float) -> bool:
        deadline = time.monotonic() + patience
        if not self._asking.acquire(timeout=patience):
            return False  # an earlier question still hangs
        answered: list[bool] = []
        # A daemon: one that hangs must not keep the process from ending.
        thread = threading.Thread(target=self._ask, args=(answered,), daemon=True)
        thread.start()
        thread.join(max(0.0, deadline - time.monotonic()))
        return bool(answered)

    def _ask(self, answered: list[bool]) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchone()
            answered.append(True)
        except DatabaseError:
            pass
        finally:
            connection.close()  # this thread's own
            self._asking.release()


_probe = _Probe()
