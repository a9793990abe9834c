from django.apps import AppConfig


class PatchingConfig(AppConfig):
    name = "patching"
    label = "patching"
    verbose_name = "Windows and runs"
    default_auto_field = "django.db.models.BigAutoField"
