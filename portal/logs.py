"""How the processes write their logs. Read by the settings, which are loaded before anything writes one."""

from __future__ import annotations

import logging

import structlog

DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = (
    False  # it believes any X-Forwarded-For: portal/web/request_log.py does not
)
DJANGO_STRUCTLOG_CELERY_ENABLED = True  # a task carries the id of the request that sent it
# Celery itself says at INFO that a task came and ended: once is enough.
DJANGO_STRUCTLOG_CELERY_DEFAULT_LOG_LEVEL = logging.DEBUG
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s [%(levelname)s] %(message)s"}},
    "handlers": {"line": {"class": "portal.web.request_log.OneLine", "formatter": "line"}},
    "loggers": {
        # Requests that are refused as they are: a stranger's doing, told without a trace of our code.
        "django.security": {"handlers": ["line"], "propagate": False},
    },
}


def configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            # Quotes around all that a stranger sent: a control character cannot forge a line or move the cursor.
            # Tracebacks without the values of variables: those may be secrets, and drawing them took many seconds.
            structlog.dev.ConsoleRenderer(
                colors=False, repr_native_str=True, exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
