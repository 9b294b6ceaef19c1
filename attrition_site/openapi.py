"""The API's description: what the endpoints say of themselves, the active model, the refusals.

drf-spectacular reads the endpoints; the hooks below add what depends on the model that is active
when the document is asked for, and the problem documents, which every endpoint shares.
"""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.utils.translation import get_language

from attrition_site.requests.problems import MEDIA_TYPE, RETRY_AFTER, TYPE_PREFIX
from mlcore import registry
from mlcore.engine import describe
from predictions.serializers import MAX_EMPLOYEES

PREFIX = "/api/v1/"

DESCRIPTION = """\
How likely is an employee to leave, and why?

1. Exchange a username and a password for a token at `auth/token`.
2. Send it with every request: `Authorization: Bearer <access>`.
3. Describe an employee to `predict/attrition`. Every prediction explains itself exactly, is
   recorded before it is answered, and is found again under `predict/history`.

**Language.** Labels and messages follow `Accept-Language`: English or French.

**Refusals** are problem documents (RFC 9457, `application/problem+json`): `type` says what kind,
`detail` says why, `errors` lists every problem by field, and `request_id` is what to quote when
you ask about it.

**Request numbers.** Every answer has `X-Request-ID`. Send your own (letters, digits, `.`, `_`, `-`;
at most 64) and it is kept in the record.
"""

TAGS = [
    {"name": "Sign-in", "description": "Tokens: obtain, renew, revoke."},
    {"name": "Predictions", "description": "Assess employees; read what was answered."},
    {"name": "Models", "description": "What the active model asks, and how good it is."},
    {"name": "Service", "description": "Whether the service works."},
]

_FIELD_PROBLEM = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string", "description": "For programs: stays the same."},
        "message": {"type": "string", "description": "For people, in their language."},
    },
}
_PROBLEM = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri",
            "description": "What kind of problem it is, for programs.",
            "examples": [TYPE_PREFIX + "invalid-employee"],
        },
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What happened here, for people."},
        "instance": {"type": "string", "description": "The address that was asked."},
        "request_id": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "Every problem by field; `non_field_errors` for the body as a whole.",
            "additionalProperties": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/FieldProblem"},
            },
        },
    },
}

_REASONS = {
    400: "The request cannot be understood: its JSON, or a parameter.",
    401: "The token is missing, expired or revoked.",
    403: "The role of the token's holder does not allow this.",
    404: "There is no such prediction, or none that you may see.",
    406: "The answer is JSON; `Accept` refuses that.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    422: "The body is JSON, but what it says cannot be accepted; `errors` says why, by field.",
    429: "Too many requests within a minute, from this address or with this account.",
    503: "The database or the model is gone. Nothing was recorded, unless `detail` says that this"
    " is not known.",
}


def only_versioned(endpoints: list[Any], **kwargs: Any) -> list[Any]:
    """Leave out the bare addresses, which are the same endpoints under older names."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(PREFIX)]


def complete(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the active model's employee, and to each operation its refusals."""
    result["info"]["description"] = DESCRIPTION
    result["servers"] = [{"url": "/", "description": "Where this document comes from."}]
    result["tags"] = TAGS
    schemas = result["components"]["schemas"]
    schemas["Problem"] = _PROBLEM
    schemas["FieldProblem"] = _FIELD_PROBLEM
    schemas["Employee"] = employee = _employee()
    schemas["Batch"] = {
        "type": "object",
        "required": ["employees"],
        "additionalProperties": False,
        "properties": {
            "employees": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_EMPLOYEES,
                # Each is judged on its own, so that one that is refused does not refuse the rest.
                "items": {
                    "description": "An employee as in `predict/attrition`. What does not match is "
                    "answered with its errors, in its place.",
                    "anyOf": [{"$ref": "#/components/schemas/Employee"}, {}],
                },
            }
        },
    }
    if example := employee.get("example"):
        little_known = dict([*example.items()][:2])
        schemas["Batch"]["example"] = {"employees": [example, little_known]}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            _add_refusals(path, method, operation)
    _drop_marks(result)
    return result


def _drop_marks(node: Any) -> None:
    """Take away what drf-spectacular leaves on an enumeration for a hook that is not used here."""
    if isinstance(node, dict):
        node.pop("x-spec-enum-id", None)
    if isinstance(node, (dict, list)):
        for child in node.values() if isinstance(node, dict) else node:
            _drop_marks(child)


def _employee() -> dict[str, Any]:
    """What the active model asks; without one, the document is served all the same."""
    try:
        active = registry.active()
    except (registry.ModelUnavailableError, DatabaseError):
        return {"type": "object", "description": "No model is active at the moment."}
    return describe.json_schema(active.schema, get_language() or "en")


def _add_refusals(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    parameters = {parameter["in"] for parameter in operation.get("parameters", ())}
    statuses = {406, 429, 503}
    if operation.get("security") not in (None, [], [{}]):
        statuses |= {401, 403}
    if "requestBody" in operation:
        statuses |= {400, 413, 415}
        operation["requestBody"]["required"] = True
        if "/predict/" in path:
            statuses.add(422)
    if "query" in parameters:
        statuses.add(400)
    if "path" in parameters:
        statuses.add(404)
    for status in sorted(statuses):
        responses.setdefault(str(status), {"description": _REASONS[status]})
    for status, response in responses.items():
        if int(status) >= 400 and "content" not in response:
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        if status == "503" or status == "429":
            response["headers"] = {
                "Retry-After": {
                    "description": "Seconds after which to try again.",
                    "schema": {"type": "integer", "examples": [RETRY_AFTER]},
                }
            }
        if status == "401":
            response["headers"] = {
                "WWW-Authenticate": {"schema": {"type": "string"}, "required": True}
            }
        if status == "201":
            response["headers"] = {
                "Location": {
                    "description": "The address of the record.",
                    "schema": {"type": "string"},
                }
            }
    operation["responses"] = dict(sorted(responses.items()))
