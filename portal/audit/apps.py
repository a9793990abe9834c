from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "portal.audit"
    label = "audit"
    verbose_name = "Audit trail"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(grant_what_is_new, sender=self)


def grant_what_is_new(**_: Any) -> None:
    """After migrations, which may have made tables that the application's role has not seen yet."""
    from portal.audit import database_roles

    if not database_roles.one_role() and database_roles.exists(database_roles.application_role()):
        database_roles.grant(database_roles.application_role())
