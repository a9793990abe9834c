"""Reads settings from the environment; a missing or malformed one stops the start with one sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


@dataclass(frozen=True)
class MailServer:
    """Where e-mail is handed over; without a host the portal sends none."""

    host: str = ""
    port: int = 587
    user: str = ""
    password: str = ""
    wrapped: bool = False  # TLS from the first byte; otherwise the connection is upgraded by STARTTLS


class Environment:
    """Typed readers of `os.environ`; each names the variable, why it is wrong, and an example."""

    def text(self, name: str, *, default: str) -> str:
        return os.environ.get(name, default).strip()

    def matching(self, name: str, *, default: str, pattern: str, example: str) -> str:
        value = os.environ.get(name, default).strip()
        if not re.fullmatch(pattern, value):
            raise ImproperlyConfigured(f"{name} is {value!r}; write {example}.")
        return value

    def bucket(self, name: str) -> str:
        """There is no default: the names of buckets are the world's, and another's would get the hosts' reports."""
        value = os.environ.get(name, "").strip()
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value):
            raise ImproperlyConfigured(
                f"{name} must name the S3 bucket of the portal's own account that keeps the reports, e.g. "
                f"patch-portal-results-111122223333 (docs/pilot.md makes one); it is {value!r}."
            )
        return value

    def tag_key(self, name: str, *, default: str) -> str:
        """A key that EC2 takes: 1 to 128 characters, not beginning with AWS's own prefix."""
        example = f"a tag key of 1 to 128 characters that does not begin with aws:, e.g. {default}"
        return self.matching(name, default=default, pattern=r"(?!aws:).{1,128}", example=example)

    def secret(self, name: str, *, example: str) -> str:
        value = os.environ.get(name, "")
        if len(value) < 20:
            raise ImproperlyConfigured(f"{name} must be set to at least 20 characters: {example}.")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        value = os.environ.get(name, str(default)).strip().lower()
        if value in TRUE | FALSE:
            return value in TRUE
        raise ImproperlyConfigured(f"{name} is {value!r}; write true or false.")

    def seconds(self, name: str, *, default: float) -> float:
        value = os.environ.get(name, str(default))
        try:
            number = float(value)
        except ValueError:
            number = 0
        if number <= 0:
            raise ImproperlyConfigured(
                f"{name} is {value!r}; write a number of seconds above 0, e.g. {default}."
            )
        return number

    def whole_number(self, name: str, *, default: int, least: int) -> int:
        value = os.environ.get(name, "").strip() or str(default)
        if not re.fullmatch(r"[0-9]{1,12}", value) or int(value) < least:
            raise ImproperlyConfigured(
                f"{name} is {value!r}; write a whole number of at least {least}, e.g. {default}."
            )
        return int(value)

    def networks(self, name: str) -> list[IPv4Network | IPv6Network]:
        """Addresses and networks, separated by commas; empty: none."""
        found = []
        for word in self.words(name, default=[]):
            try:
                found.append(ip_network(word))
            except ValueError as error:
                raise ImproperlyConfigured(
                    f"{name} has {word!r}; write addresses or networks, e.g. 10.0.0.5,10.1.0.0/24."
                ) from error
        return found

    def words(self, name: str, *, default: list[str]) -> list[str]:
        return [word.strip() for word in os.environ.get(name, ",".join(default)).split(",") if word.strip()]

    def pairs(self, name: str, *, default: str) -> dict[str, str | None]:
        """`Key=value,Other=`: key → value, None where nothing stands behind the equals sign."""
        found: dict[str, str | None] = {}
        for part in filter(None, (part.strip() for part in os.environ.get(name, default).split(","))):
            key, equals, value = part.partition("=")
            if not key.strip() or not equals:
                raise ImproperlyConfigured(f"{name} has {part!r}; write Key=value or Key=, e.g. {default}.")
            found[key.strip()] = value.strip() or None
        return found

    def session_limits(self, name: str, *, default: str) -> dict[str, tuple[timedelta, timedelta]]:
        """`admin=240/720,…`: role → after how many minutes without a request, and in all, its sessions end."""
        found = {}
        usual = dict(part.split("=") for part in default.split(","))
        for role, said in {**usual, **self.pairs(name, default=default)}.items():
            minutes = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", said or "")
            if role not in usual or not minutes:
                raise ImproperlyConfigured(
                    f"{name} has {role}={said}; write ROLE=IDLE/ALL in minutes, e.g. {default}."
                )
            found[role] = (timedelta(minutes=int(minutes[1])), timedelta(minutes=int(minutes[2])))
        return found

    def roles(self, name: str, *, known: Iterable[str]) -> list[str]:
        """Some of the roles that are known; none where it is not set."""
        found = self.words(name, default=[])
        if wrong := [word for word in found if word not in known]:
            raise ImproperlyConfigured(
                f"{name} has {wrong[0]!r}; write some of {', '.join(known)}, or nothing, e.g. admin,approver."
            )
        return found

    def path(self, name: str, *, default: Path) -> Path:
        return Path(os.environ.get(name) or default)

    def url(self, name: str, *, default: str) -> str:
        value = os.environ.get(name, default).rstrip("/")
        if urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname:
            raise ImproperlyConfigured(
                f"{name} is {value!r}; write a web address, e.g. https://patch.example.com."
            )
        return value

    def mail_server(self, name: str) -> MailServer:
        """`smtp://user:password@host:587` (STARTTLS) or `smtps://user:password@host:465`; empty: no e-mail."""
        value = os.environ.get(name, "").strip()
        if not value:
            return MailServer()
        try:
            parts, wrapped = urlsplit(value), value.startswith("smtps://")
            host, port = parts.hostname, parts.port or (465 if wrapped else 587)
        except ValueError:
            host = None
        if not host or parts.scheme not in {"smtp", "smtps"}:
            raise ImproperlyConfigured(
                f"{name} must name a mail server, e.g. smtp://portal:secret@mail.example.com:587."
            )
        return MailServer(host, port, unquote(parts.username or ""), unquote(parts.password or ""), wrapped)

    def address(self, name: str, *, default: str) -> str:
        value = os.environ.get(name, "").strip() or default
        if "@" not in parseaddr(value)[1]:
            raise ImproperlyConfigured(f"{name} is {value!r}; write an e-mail address, e.g. {default}.")
        return value

    def time_zone(self, name: str, *, default: str) -> str:
        value = os.environ.get(name, default)
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ImproperlyConfigured(f"{name} is {value!r}; write an IANA zone, e.g. {default}.") from error
        return value

    def redis(self, name: str) -> str:
        value = os.environ.get(name, "")
        if urlsplit(value).scheme not in {"redis", "rediss", "unix", "redis+socket"}:
            raise ImproperlyConfigured(f"{name} must name a Redis server, e.g. redis://127.0.0.1:6379/0.")
        return value

    def broker(self, name: str, *, default: str) -> str:
        """Celery's broker: Redis or RabbitMQ; the default where it is not set."""
        value = os.environ.get(name, "") or default
        if urlsplit(value).scheme not in {"redis", "rediss", "unix", "redis+socket", "amqp", "amqps"}:
            raise ImproperlyConfigured(
                f"{name} must name a Redis or RabbitMQ server, e.g. amqp://portal:secret@mq.example.com:5672//."
            )
        return value.replace("unix://", "redis+socket://", 1)

    def postgres(self, name: str, *, otherwise: str = "") -> dict[str, Any]:
        """Django's DATABASES entry from `postgres://user:password@host:port/name`; `?host=/dir` is a socket.

        `otherwise` is the variable that counts where this one is not set.
        """
        if otherwise and not os.environ.get(name):
            return self.postgres(otherwise)
        parts = urlsplit(os.environ.get(name, ""))
        if parts.scheme not in {"postgres", "postgresql"} or len(parts.path) < 2:
            raise ImproperlyConfigured(
                f"{name} must name a PostgreSQL database, e.g. postgres://portal:secret@db.example.com:5432/portal."
            )
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path[1:]),
            "USER": unquote(parts.username or query.get("user", "postgres")),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": query.get("host", unquote(parts.hostname or "")),
            "PORT": str(parts.port or query.get("port", "")),
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {"connect_timeout": 4}  # seconds; a page waits for it
            | {key: query[key] for key in ("sslmode", "sslrootcert") if key in query},
        }
