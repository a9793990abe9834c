"""How tasks run: the settings that are the same on every machine. portal/settings.py takes them all."""

from __future__ import annotations

from kombu import Queue

CELERY_RESULT_BACKEND = None  # results live in rows, never in the broker
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# A task ends itself before it is killed, and is killed long before a broker takes its worker for dead and hands the
# message to another: so the same task runs twice only after a real death. docs/scale.md explains each of these.
CELERY_TASK_SOFT_TIME_LIMIT = 600
CELERY_TASK_TIME_LIMIT = 660
CELERY_TASK_DEFAULT_QUEUE = "portal"
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in ("portal", "engine", "hints")]
# Planning and sending wait for nobody's inventory, and for no queue of events that is silent.
CELERY_TASK_ROUTES = {
    f"patching.tasks.{name}": {"queue": queue, "routing_key": queue}
    for name, queue in {"plan_runs": "engine", "reconcile_runs": "engine", "consume_events": "hints"}.items()
}
