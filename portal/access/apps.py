from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "portal.access"
    label = "access"
    verbose_name = "People and their grants"
    default_auto_field = "django.db.models.BigAutoField"
