from django.apps import AppConfig


class FederationConfig(AppConfig):
    name = "portal.federation"
    label = "federation"
    verbose_name = "Sign-in by identity providers"
    default_auto_field = "django.db.models.BigAutoField"
