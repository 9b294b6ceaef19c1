"""The API's endpoints: assess one employee or many, and read what was answered."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend
from django_filters.utils import translate_validation
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet, ViewSet

from accounts.models import User
from accounts.permissions import needs
from accounts.reader import language
from accounts.throttling import Limit, charge
from mlcore import registry
from predictions import answers, serializers, services
from predictions.filters import HistoryFilter
from predictions.models import Prediction, Source
from predictions.pagination import HistoryPagination
from predictions.refusals import by_field
from predictions.search import Search

_EMPLOYEES = Limit("THROTTLE_EMPLOYEES")
"""Employees whom one program brings in batches."""

_EMPLOYEE = {"application/json": {"$ref": "#/components/schemas/Employee"}}
_TEXT = {"type": "string", "maxLength": 64, "pattern": r"^[^\x00]*[^\x00\s][^\x00]*$"}
_BATCH = {"application/json": {"$ref": "#/components/schemas/Batch"}}


class UnacceptableBatchError(ValidationError):
    """A body that is JSON but no batch."""

    status_code = 422
    default_code = "invalid_batch"


class PredictViewSet(ViewSet):
    """Assesses employees. The values are judged by `FeatureSchema.clean`, and nowhere else."""

    http_method_names = ("post",)
    permission_classes = (needs("predictions.assess_by_api"),)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """As DRF's, and lets go of what was asked and answered."""
        response = super().dispatch(request, *args, **kwargs)
        # DRF's request and view refer to themselves: until Python's collector comes by they would
        # keep what belongs to a thousand employees, megabytes.
        self.request.parser_context.clear()
        vars(self).clear()
        return response

    @extend_schema(
        operation_id="predict_attrition",
        summary="Assess one employee",
        request=_EMPLOYEE,
        responses={201: OpenApiResponse(serializers.ResultSerializer, "Assessed and recorded.")},
        tags=["Predictions"],
    )
    def one(self, request: Request) -> HttpResponse:
        """Say how likely an employee is to leave, and why.

        The contributions are exact: with `intercept` they sum to `log_odds`, from which, with
        `floor`, the probability follows. Where the model learned what two features do together,
        that is a contribution of its own. What is answered has been recorded; `Location` leads to
        the record.
        """
        active = registry.active()
        row = active.schema.clean(request.data)
        prediction = services.predict(row, using=active, request=_asked(request))
        answer = serializers.result(
            prediction, schema=active.schema, version=active.version, language=language()
        )
        address = reverse("prediction-detail", args=[prediction.pk])
        return _json(answer, status=201, headers={"Location": address})

    @extend_schema(
        operation_id="predict_attrition_batch",
        summary="Assess up to 1,000 employees",
        request=_BATCH,
        responses={
            200: OpenApiResponse(
                serializers.BatchResultSerializer, "Each employee answered on its own."
            )
        },
        tags=["Predictions"],
    )
    def many(self, request: Request) -> HttpResponse:
        """Assess many employees at once; the answers stand in the order of the questions.

        Each is answered on its own, with the `status` it would have had alone: one that cannot be
        accepted costs the others nothing, even if that leaves none. The accepted ones are recorded
        together: all of them, or (with a status other than 200) none.
        """
        active = registry.active()
        employees = _employees(request.data)
        charge(request, _EMPLOYEES, len(employees))
        frame = active.schema.clean_many(employees)
        results: dict[int, dict[str, Any]] = {
            index: {"index": index, "status": 422, "errors": by_field(problems)}
            for index, problems in frame.problems.items()
        }
        if accepted := len(frame):
            recorded = services.predict_frame(frame, using=active, request=_asked(request))
            made = answers.of_many(
                recorded, schema=active.schema, version=active.version, language=language()
            )
            for index, answer in zip(frame.positions, made, strict=True):
                results[index] = {"index": index, "status": 201, **answer}
        body = {
            "accepted": accepted,
            "refused": len(frame.problems),
            "results": [results[index] for index in range(len(results))],
        }
        return _json(body)


class HistoryViewSet(GenericViewSet[Prediction]):
    """What was answered: one's own predictions, or all of them for who reads the history."""

    http_method_names = ("get", "head")
    permission_classes = (needs("predictions.view_prediction", "predictions.view_own_prediction"),)
    pagination_class = HistoryPagination
    filter_backends = (DjangoFilterBackend,)
    filterset_class = HistoryFilter
    serializer_class = serializers.HistorySerializer
    queryset = Prediction.objects.none()

    def get_queryset(self) -> Any:
        return Prediction.objects.visible_to(cast(User, self.request.user))

    @extend_schema(
        operation_id="predict_history",
        summary="List predictions",
        parameters=[
            OpenApiParameter("employee_id", _TEXT, description="Exactly this reference."),
            OpenApiParameter("model_version", _TEXT, description="By the model that answered."),
        ],
        tags=["Predictions"],
    )
    def list(self, request: Request) -> HttpResponse:
        """The predictions you may see, newest first, in pages.

        Follow `next` until it is null. Rows that are added meanwhile neither repeat nor skip any.
        """
        filters = HistoryFilter(request.query_params, request=request)
        if not filters.is_valid():
            raise translate_validation(filters.errors)
        paginator = cast(HistoryPagination, self.paginator)
        rows = paginator.read(Search(filters.criteria(cast(User, request.user))), request)
        shown = [
            serializers.summary(row, version=row.model_version.version) | serializers.origin(row)
            for row in rows
        ]
        return _json(paginator.around(shown))

    @extend_schema(
        operation_id="predict_history_detail",
        summary="Read one prediction",
        responses={200: serializers.HistoryDetailSerializer},
        tags=["Predictions"],
        filters=False,
    )
    def retrieve(self, request: Request, pk: UUID) -> HttpResponse:
        """One prediction as it was answered, with its explanation.

        One that you may not see is answered like one that does not exist.
        """
        prediction = get_object_or_404(self.get_queryset().for_result(), pk=pk)
        version = prediction.model_version
        answer = serializers.result(
            prediction,
            schema=registry.schema_of(version),
            version=version.version,
            language=language(),
        )
        return _json(answer | serializers.origin(prediction))


def _employees(body: Any) -> list[Any]:
    """The employees of a batch. Raises `UnacceptableBatchError`."""
    if not isinstance(body, dict):
        raise _unacceptable(_("Give an object with the field “employees”."), "not_an_object", None)
    if unknown := [name for name in body if name != "employees"]:
        raise _unacceptable(_("There is no such field."), "unknown_field", unknown[0][:40])
    employees = body.get("employees")
    if not isinstance(employees, list):
        raise _unacceptable(_("Give a list of employees."), "not_a_list")
    if not employees:
        raise _unacceptable(_("Give at least one employee."), "empty")
    if len(employees) > serializers.MAX_EMPLOYEES:
        raise _unacceptable(
            _("Give at most %(limit)s employees at once; there are %(count)s.")
            % {"limit": serializers.MAX_EMPLOYEES, "count": len(employees)},
            "too_many",
        )
    return employees


def _unacceptable(message: str, code: str, field: str | None = "employees") -> Exception:
    problem = ValidationError(message, code).detail
    return UnacceptableBatchError(problem if field is None else {field: problem})


def _asked(request: Request) -> services.Request:
    return services.Request(
        requested_by=cast(User, request.user),
        source=Source.API,
        request_id=request.META.get("HTTP_X_REQUEST_ID", ""),
    )


def _json(answer: dict[str, Any], **response: Any) -> HttpResponse:
    """An answer as JSON, and nothing else: DRF's `Response` asks which of many forms is wanted."""
    return HttpResponse(orjson.dumps(answer), content_type="application/json", **response)
