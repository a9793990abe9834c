"""The Celery app: only the clock and the hands; every piece of work is a row."""

from typing import Any

from celery import Celery
from celery.signals import task_failure, worker_init, worker_ready
from django_structlog.celery.steps import DjangoStructLogInitStep

from portal.start import read_settings, say_what_the_database_allows

read_settings()
app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["portal.inventory", "portal.notify", "exceptions", "patching", "reports"])
app.steps["worker"].add(DjangoStructLogInitStep)  # every line that a task logs carries its task_id


@worker_ready.connect
def say_at_the_start(**_: Any) -> None:
    say_what_the_database_allows()


@worker_init.connect
def limit_statements(**_: Any) -> None:
    """Each connection of a worker and its children ends a statement that takes too long."""
    from portal.limits import tasks

    tasks.limit_statements()


@task_failure.connect
def tell_cancelled(sender: Any = None, exception: BaseException | None = None, **_: Any) -> None:
    """A sentence beside Celery's traceback."""
    from portal.limits import tasks

    tasks.tell_cancelled(getattr(sender, "name", ""), exception)
