from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "portal.notify"
    label = "notify"
    verbose_name = "Notifications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What a channel reads from the environment is refused at the start, not at its first notification."""
        from portal.notify.channels import channels

        channels()
