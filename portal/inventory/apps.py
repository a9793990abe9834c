from django.apps import AppConfig


class InventoryConfig(AppConfig):
    name = "portal.inventory"
    label = "inventory"
    verbose_name = "Accounts and assets"
    default_auto_field = "django.db.models.BigAutoField"
