"""Every address of the product; each app keeps its own below."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.decorators.http import require_POST
from django.views.generic import RedirectView
from django.views.i18n import set_language

from attrition_site import health
from attrition_site.health import HealthView
from predictions.overview import views as overview

# Browsers ask for it on pages that name no icon. Lazy: before `collectstatic` it has no address.
_icon = RedirectView.as_view(
    url=lazy(static, str)("img/icon.svg"), http_method_names=("get", "head")
)

urlpatterns = [
    # First: programs ask far more often than people.
    path("api/v1/", include("attrition_site.api_urls")),
    path("admin/", admin.site.urls),
    path("", overview.home, name="home"),
    path("accounts/", include("accounts.urls")),
    path("predictions/", include("predictions.urls")),
    path("batches/", include("predictions.batches.urls")),
    path("models/", include("mlcore.urls")),
    # Before sign-in too: whoever cannot read the page cannot sign in on it.
    path("i18n/setlang/", login_not_required(require_POST(set_language)), name="set_language"),
    path("favicon.ico", login_not_required(_icon)),
    # The API's endpoints under shorter names; the API's documentation leaves these out.
    path("health", HealthView.as_view()),
    # For whoever runs the processes; not part of the API.
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("", include(("predictions.api_urls", "bare"))),
]

handler400 = "attrition_site.requests.problems.bad_request"
handler403 = "attrition_site.requests.problems.permission_denied"
handler404 = "attrition_site.requests.problems.not_found"
handler500 = "attrition_site.requests.problems.server_error"
