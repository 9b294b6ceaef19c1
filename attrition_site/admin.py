"""The admin site: where auditors look things up and administrators keep house."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class AuditAdminSite(AdminSite):
    site_title = _("Attrition audit")
    site_header = _("Attrition audit")
    index_title = _("Records")
    enable_nav_sidebar = False
