from django.contrib.admin.apps import AdminConfig


class AuditAdminConfig(AdminConfig):
    """Django's admin with our own door: see `attrition_site.admin`."""

    default_site = "attrition_site.admin.AuditAdminSite"
