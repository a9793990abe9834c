from __future__ import annotations

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class ReauthenticationConfig(AppConfig):
    name = "portal.reauthentication"
    label = "reauthentication"
    verbose_name = "Re-authentication"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from portal.reauthentication.middleware import proven_by_sign_in

        user_logged_in.connect(proven_by_sign_in, dispatch_uid="portal.reauthentication.proven_by_sign_in")
