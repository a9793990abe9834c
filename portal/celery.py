"""The Celery app: only the clock and the hands; every piece of work is a row."""

from typing import Any

from celery import Celery
from celery.signals import worker_ready

from portal.start import read_settings, say_what_the_database_allows

read_settings()
app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["portal.inventory", "portal.sign_in", "exceptions", "patching", "reports"])


@worker_ready.connect
def say_at_the_start(**_: Any) -> None:
    say_what_the_database_allows()
