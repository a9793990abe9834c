from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "portal.web"
    label = "web"
    verbose_name = "Shared view help"
    default_auto_field = "django.db.models.BigAutoField"
