"""A missing or malformed variable stops the start with one sentence: which, why, an example."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.environment import Environment, MailServer

ROOT = Path(__file__).resolve().parents[3]
GOOD = {
    "DATABASE_URL": "postgres://portal:x@127.0.0.1:1/portal",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SECRET_KEY": "k" * 30,
    "RESULTS_BUCKET": "patch-portal-results",
}
WRONG = {
    "SECRET_KEY": "short",
    "DATABASE_URL": "mysql://db/portal",
    "REDIS_URL": "http://cache",
    "BROKER_URL": "kafka://mq",
    "PORTAL_URL": "patch.example.com",
    "DISPLAY_TIME_ZONE": "Berlin",
    "EMAIL_URL": "mail.example.com",
    "EMAIL_FROM": "nobody",
    "AWS_REGION": "Frankfurt",
    "AWS_ROLE_NAME": "a role",
    "AWS_EXTERNAL_ID": "with blanks in it",
    "RESULTS_BUCKET": "Our_Bucket",
    "EVENTS_QUEUE_URL": "events",
    "NOTIFY_TOPIC_ARN": "arn:aws:sns:eu-west-1:111122223333:a-topic-of-another-region",
    "TAG_OWNER": "",
    "TAG_WINDOW": "aws:window",
    "SCHEDULER_TAGS": "Schedule",
    "TICK_SECONDS": "often",
    "SYNC_SECONDS": "0",
    "SESSION_LIMITS": "admin=0/720",
    "SECOND_FACTOR_ROLES": "admins",
    "IDENTITY_PROVIDERS_FILE": "/nonexistent/providers.json",
    "DEBUG": "perhaps",
    "TRUSTED_PROXIES": "front",
    "PROXY_COUNT": "0",
    "HSTS_SECONDS": "-1",
}


def start(program: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *program], env=kept | environment, cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_malformed_one_stops_the_start_with_a_sentence(name: str) -> None:
    done = start(["-c", "import portal.celery"], **(GOOD | {name: WRONG[name]}))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"Patch Portal did not start. {name} ")


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("program", [["manage.py", "check"], ["-c", "import portal.wsgi"]])
def test_a_missing_one_stops_every_program(name: str, program: list[str]) -> None:
    done = start(program, **{key: value for key, value in GOOD.items() if key != name})
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert f"{name} must " in done.stderr


@pytest.mark.parametrize(
    ("value", "server"),
    [
        ("", MailServer()),
        ("smtp://mail.example.com", MailServer("mail.example.com", 587)),
        ("smtp://me:p%40ss@mail.example.com:25", MailServer("mail.example.com", 25, "me", "p@ss")),
        ("smtps://mail.example.com", MailServer("mail.example.com", 465, wrapped=True)),
    ],
)
def test_the_mail_server(monkeypatch: pytest.MonkeyPatch, value: str, server: MailServer) -> None:
    monkeypatch.setenv("EMAIL_URL", value)
    assert Environment().mail_server("EMAIL_URL") == server


@pytest.mark.parametrize("value", ["smtp://", "smtp://host:port", "ftp://mail.example.com"])
def test_what_is_no_mail_server_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("EMAIL_URL", value)
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL must name a mail server"):
        Environment().mail_server("EMAIL_URL")


def test_limits_of_sessions_are_minutes_by_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_LIMITS", "admin=30/480")
    found = Environment().session_limits("SESSION_LIMITS", default="admin=240/720,owner=2880/20160")
    minute = timedelta(minutes=1)
    assert found == {"admin": (30 * minute, 480 * minute), "owner": (2880 * minute, 20160 * minute)}


@pytest.mark.parametrize("said", ["admin", "admin=5", "admin=5/", "admin=-1/5", "emperor=5/5", "admin=5/x"])
def test_other_limits_are_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("SESSION_LIMITS", said)
    with pytest.raises(ImproperlyConfigured, match=r"SESSION_LIMITS"):
        Environment().session_limits("SESSION_LIMITS", default="admin=240/720,owner=2880/20160")
