from __future__ import annotations

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class SignInConfig(AppConfig):
    name = "portal.sign_in"
    label = "sign_in"
    verbose_name = "Sign-in and sessions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from portal.sign_in.middleware import begin_session

        user_logged_in.connect(begin_session, dispatch_uid="portal.sign_in.begin_session")
