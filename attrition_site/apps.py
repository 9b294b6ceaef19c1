from django.contrib.admin.apps import AdminConfig
from django.core.checks import Tags, register


class AuditAdminConfig(AdminConfig):
    """Django's admin with our own door: see `attrition_site.admin`."""

    default_site = "attrition_site.admin.AuditAdminSite"

    def ready(self) -> None:
        super().ready()  # every app's admin is registered now
        from django.contrib.admin import site

        from attrition_site import checks
        from attrition_site.admin import keep_house
        from attrition_site.observability import receivers

        keep_house(site)
        receivers.connect()
        register(checks.check_demo_accounts, Tags.database, checks.START)
        register(checks.check_proxies, Tags.security, checks.START)
