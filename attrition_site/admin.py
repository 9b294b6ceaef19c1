"""The admin site: where auditors look things up and administrators keep house."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar, cast

from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ERROR_FLAG
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.db import DataError, ProgrammingError
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

logger = logging.getLogger(__name__)

# What an address that makes no sense ends in, here or in the database.
_UNREADABLE = (ValueError, OverflowError, ValidationError, DataError, ProgrammingError)

# Django's own pages take whatever method comes, and answer most of them as they answer GET.
_SAFE = ["GET", "HEAD"]
_METHODS = {
    "changelist_view": [*_SAFE, "POST"],
    "add_view": [*_SAFE, "POST"],
    "change_view": [*_SAFE, "POST"],
    "delete_view": [*_SAFE, "POST"],
    "user_change_password": [*_SAFE, "POST"],
    "logout": ["POST"],
}


class AuditAdminSite(AdminSite):
    """Django's admin, entered by the product's own sign-in page: there is one policy of lockout,
    and one place to sign in."""

    site_title = _("Attrition audit")
    site_header = _("Attrition audit")
    index_title = _("Records")
    enable_nav_sidebar = False

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Django's own would send a signed-in person without access to sign in, again and again."""
        inner = super().admin_view(view, cacheable)

        def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            methods = _METHODS.get(view.__name__, _SAFE)
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            if request.user.is_authenticated and not self.has_permission(request):
                return self.no_access(request)
            page = getattr(view, "__self__", None)
            if isinstance(page, ModelAdmin) and view.__name__ == "changelist_view":
                return _list(page, inner, request, *args, **kwargs)
            return inner(request, *args, **kwargs)

        return cast(View, update_wrapper(door, inner))

    def no_access(self, request: HttpRequest) -> HttpResponse:
        """403, with what to do about it."""
        context = {**self.each_context(request), "title": _("This part is not open to you")}
        request.current_app = self.name
        return TemplateResponse(request, "admin/no_access.html", context, status=403)

    @method_decorator(never_cache)
    @method_decorator(require_http_methods([*_SAFE, "POST"]))
    @login_not_required
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Whoever is not signed in does so on the product's page, and comes back."""
        index = reverse("admin:index", current_app=self.name)
        if self.has_permission(request):
            return HttpResponseRedirect(index)
        if request.user.is_authenticated:
            return self.no_access(request)
        # The sign-in page judges whether the address is one of ours.
        return redirect_to_login(
            request.GET.get(REDIRECT_FIELD_NAME) or index, reverse("accounts:login")
        )

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("accounts:password_change"))


def _list(
    page: ModelAdmin[Any],
    view: Callable[..., HttpResponseBase],
    request: HttpRequest,
    *args: Any,
    **kwargs: Any,
) -> HttpResponseBase:
    """A list of records; what its address or its selection cannot mean is answered, not a fault.

    Django refuses only the lookups that fail before the database is asked.
    """
    if page.has_view_or_change_permission(request) and not _is_selection(page, request):
        messages.error(request, _("The selection could not be read, so nothing was done."))
        return HttpResponseRedirect(request.get_full_path())
    # Where Django sends a bad lookup; a fault there is the page's own.
    way_out = f"{request.path}?{ERROR_FLAG}=1"
    if not request.GET.keys() - {ERROR_FLAG}:
        return view(request, *args, **kwargs)
    if page.has_view_or_change_permission(request) and _has_expression(page, request):
        return HttpResponseRedirect(way_out)
    try:
        response = view(request, *args, **kwargs)
        if isinstance(response, SimpleTemplateResponse):
            response.render()  # now: much of the list is read from the database as it is drawn
    except _UNREADABLE:
        logger.warning("A list cannot be read at this address.", exc_info=True)
        return HttpResponseRedirect(way_out)
    return response


def _has_expression(page: ModelAdmin[Any], request: HttpRequest) -> bool:
    """Whether Django would look for a regular expression: one can take the process hours."""
    return any(
        lookup.endswith(("__regex", "__iregex")) and page.lookup_allowed(lookup, "", request)
        for lookup in request.GET
    )


def _is_selection(page: ModelAdmin[Any], request: HttpRequest) -> bool:
    """Whether what was selected for an action could be keys of the list's records."""
    key = page.opts.pk
    try:
        for value in request.POST.getlist(ACTION_CHECKBOX_NAME):
            key.run_validators(key.to_python(value))
    except ValidationError:
        return False
    return True


def keep_house(site: AdminSite) -> None:
    """Settle the pages that other apps have put into the admin, once all of them have.

    django-q lets whoever may look at a task run it again, and a schedule name any function to
    call; here jobs are looked at. A row of failed sign-ins is looked at, or deleted to lift a lock.
    The logs of axes that are switched off have nothing to show.
    """
    from axes.admin import AccessAttemptAdmin
    from axes.models import AccessAttempt, AccessFailureLog, AccessLog
    from django_q.admin import FailAdmin, QueueAdmin, ScheduleAdmin, TaskAdmin
    from django_q.models import Failure, OrmQ, Schedule, Success

    from accounts.read_only import ReadOnlyAdmin

    for model, page in (
        (Success, TaskAdmin),
        (Failure, FailAdmin),
        (Schedule, ScheduleAdmin),
        (OrmQ, QueueAdmin),
    ):
        site.unregister(model)
        site.register(model, type(page.__name__, (ReadOnlyAdmin, page), {"actions": None}))
    told = ("attempt_time", "username", "failures_since_start", "ip_address", "user_agent")
    shut = {
        "has_change_permission": lambda *args, **kwargs: False,
        "fieldsets": ((None, {"fields": (*told, "path_info")}),),  # of a form nothing is kept
    }
    site.unregister(AccessAttempt)
    site.register(AccessAttempt, type("AccessAttemptAdmin", (AccessAttemptAdmin,), shut))
    site.unregister(AccessLog)
    site.unregister(AccessFailureLog)
