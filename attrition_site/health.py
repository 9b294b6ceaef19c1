"""Whether this process can do its work: for load balancers and whoever is on call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import module_has_submodule
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from attrition_site.observability.queue import oldest_waiting
from attrition_site.probe import Probe, answers
from attrition_site.requests.problems import answer
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
        database = _probe.ask(answers, PATIENCE) is True
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


_probe = Probe()


# ------------------------------------------------------------------ for whoever runs the processes


def _read_only(
    view: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answers GET and HEAD, and anything else as the API does."""

    @wraps(view)
    def read(request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return view(request)
        allowed = {"Allow": "GET, HEAD"}
        return answer(request, 405, code="method_not_allowed", detail="", headers=allowed)

    return read


@login_not_required
@_read_only
def live(request: HttpRequest) -> JsonResponse:
    """Whether this process answers at all; nothing else is asked."""
    return _told({"status": "alive", "version": settings.VERSION}, 200)


@login_not_required
@_read_only
def ready(request: HttpRequest) -> JsonResponse:
    """Whether requests may be sent to this process: 503 while they could not be answered.

    `oldest_task_seconds` is for information: files wait for a background worker, pages do not.
    """
    seen = _probe.ask(_look, PATIENCE) or _Seen()
    is_ready = seen.database and seen.migrations and seen.model
    found = {
        "status": "ready" if is_ready else "not ready",
        "database": seen.database,
        "migrations": seen.migrations,
        "model": seen.model,
        "oldest_task_seconds": seen.oldest_task_seconds,
        "version": settings.VERSION,
    }
    return _told(found, 200 if is_ready else 503)


def _told(found: Mapping[str, object], status: int) -> JsonResponse:
    return JsonResponse(dict(found), status=status, headers={"Cache-Control": "no-store"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    database: bool = False
    migrations: bool = False
    model: bool = False
    oldest_task_seconds: float | None = None


def _look() -> _Seen:
    if not _is_migrated():
        return _Seen(database=True)
    oldest = oldest_waiting()
    return _Seen(
        database=True,
        migrations=True,
        model=_model_is_ready(),
        oldest_task_seconds=None if oldest is None else round(oldest, 1),
    )


# Once they have all been applied, nobody takes one back while this process serves.
_migrated = False


def _is_migrated() -> bool:
    """Whether the database has had every migration of this release."""
    global _migrated
    if not _migrated:
        applied = MigrationRecorder(connection).applied_migrations()
        _migrated = migrations_of_this_release() <= applied.keys()
    return _migrated


def migrations_of_this_release() -> set[tuple[str, str]]:
    """All migrations by app and name, from the names of their files.

    Django's own loader imports them all, which costs a web process megabytes.
    """
    found = set()
    for app in apps.get_app_configs():
        module, _explicit = MigrationLoader.migrations_module(app.label)
        if module is None or not module_has_submodule(
            import_module(module.rpartition(".")[0]), module.rpartition(".")[2]
        ):
            continue
        for file in iter_modules(import_module(module).__path__):
            if not file.ispkg and file.name[0] not in "_~":
                found.add((app.label, file.name))
    return found
