from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "portal.web"
    label = "web"
    verbose_name = "Shared view help"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from portal.web import checks, request_log  # noqa: F401 - each registers what it holds
