"""The Celery app: only the clock and the hands; every piece of work is a row."""

from celery import Celery

from portal.start import read_settings

read_settings()
app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["portal.inventory", "portal.sign_in", "exceptions", "patching", "reports"])
