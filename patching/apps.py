from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PatchingConfig(AppConfig):
    name = "patching"
    label = "patching"
    verbose_name = "Windows and runs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(rank_by_the_code, sender=self)


def rank_by_the_code(plan: Any = (), **_: Any) -> None:
    """After migrations: a new outcome needs none of its own."""
    from patching.invariants.standings import follow_the_code

    follow_the_code()
