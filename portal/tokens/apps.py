from django.apps import AppConfig


class TokensConfig(AppConfig):
    name = "portal.tokens"
    label = "tokens"
    verbose_name = "Tokens of the API"
    default_auto_field = "django.db.models.BigAutoField"
