"""The pages of an analyst: assess, read, find again."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse


def history(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")


def assess(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")


def result(request: HttpRequest, pk: UUID) -> HttpResponse:
    return HttpResponse("")


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")
