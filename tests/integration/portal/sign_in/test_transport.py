"""https is kept where PORTAL_URL promises it; what a stranger says of himself is not believed."""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
import sys
from io import StringIO
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.test import Client
from pytest_django import Settings

from portal.web.request_log import OneLine
from tests import cast

ROOT = Path(__file__).resolve().parents[4]
PROXY = "10.0.0.5"
SHOWN = ("SECURE_HSTS_SECONDS", "SECURE_SSL_REDIRECT", "SECURE_SSL_HOST", "SECURE_PROXY_SSL_HEADER",
         "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")  # fmt: skip


def settings_of(**environment: str) -> list[str]:
    """What the settings become of an environment, in a process of its own."""
    program = f"from django.conf import settings as s\nfor name in {SHOWN}: print(getattr(s, name))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | environment, cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_what_an_environment_makes_of_the_settings() -> None:
    https = {"PORTAL_URL": "https://patch.example.com", "TRUSTED_PROXIES": PROXY}
    proto, host = "('HTTP_X_FORWARDED_PROTO', 'https')", "patch.example.com"
    assert settings_of(**https) == ["31536000", "True", host, proto, "True", "True"]
    assert settings_of(**https, HSTS_SECONDS="0")[0] == "0"
    assert settings_of(**(https | {"TRUSTED_PROXIES": ""})) == [
        "31536000",
        "False",
        host,
        "None",
        "True",
        "True",
    ]
    plain = settings_of(PORTAL_URL="http://127.0.0.1:8000", TRUSTED_PROXIES=PROXY)
    assert plain == ["0", "False", "127.0.0.1:8000", proto, "False", "False"]


@pytest.fixture
def https(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [ip_network(PROXY)]
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 31_536_000
    settings.SECURE_SSL_HOST, settings.PORTAL_URL = "patch.example.com", "https://patch.example.com"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLOWED_HOSTS = ["patch.example.com"]


@pytest.mark.django_db
def test_http_is_led_to_https_and_https_stays(client: Client, https: None) -> None:
    here = {"Host": "patch.example.com:8080"}
    plain = client.get("/accounts/login/", headers=here, REMOTE_ADDR=PROXY)
    assert (plain.status_code, plain["Location"]) == (301, "https://patch.example.com/accounts/login/")
    lying = client.get(
        "/accounts/login/", headers=here | {"X-Forwarded-Proto": "https"}, REMOTE_ADDR="203.0.113.9"
    )
    assert lying.status_code == 301
    secure = client.get("/accounts/login/", headers=here | {"X-Forwarded-Proto": "https"}, REMOTE_ADDR=PROXY)
    assert secure.status_code == 200
    assert secure["Strict-Transport-Security"] == "max-age=31536000"


def test_https_without_a_proxy_is_warned_of(settings: Settings) -> None:
    settings.PORTAL_URL, settings.TRUSTED_PROXIES = "https://patch.example.com", []
    assert "portal.W001" in [message.id for message in run_checks()]
    settings.TRUSTED_PROXIES = [ip_network(PROXY)]
    assert "portal.W001" not in [message.id for message in run_checks()]


def test_the_web_server_says_so_at_its_start() -> None:
    for proxies, said in (("", 1), (PROXY, 0)):
        environment = {"PORTAL_URL": "https://patch.example.com", "TRUSTED_PROXIES": proxies}
        done = subprocess.run(
            [sys.executable, "-c", "import portal.wsgi"], env=os.environ | environment, cwd=ROOT, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        assert done.stdout.count("names no proxy") == said


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["evil.example.com", "a b", "localhost\x1b[2J", "[::1", "x" * 3000])
def test_a_wrong_host_is_400_and_one_line(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    handlers = logging.getLogger("django.security").handlers
    [handler] = [handler for handler in handlers if isinstance(handler, OneLine)]
    stream = StringIO()
    monkeypatch.setattr(handler, "stream", stream)
    client = Client(raise_request_exception=False)
    answer = client.get("/accounts/login/", headers={"Host": host})
    assert answer.status_code == 400
    assert "does not answer under this name" in answer.content.decode()
    assert "ALLOWED_HOSTS" not in answer.content.decode()
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert "Invalid HTTP_HOST header" in written
    assert len(written) < 600
    assert "Traceback" not in written
    assert "\x1b" not in written


@pytest.mark.django_db
def test_the_log_believes_no_stranger(capfd: pytest.CaptureFixture[str], settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [ip_network(PROXY)]
    lies = {
        "X-Forwarded-For": "1.2.3.4",
        "X-Real-IP": "1.2.3.4",
        "Forwarded": "for=1.2.3.4",
        "User-Agent": "\x1b[2J",
    }
    Client().get("/accounts/login/", headers=lies, REMOTE_ADDR="203.0.113.9")
    Client().get("/accounts/login/", headers={"X-Forwarded-For": "1.2.3.4, 198.51.100.7"}, REMOTE_ADDR=PROXY)
    written = capfd.readouterr().out
    assert written.count("ip='203.0.113.9'") == 2
    assert written.count("ip='198.51.100.7'") == 2
    assert "1.2.3.4" not in written
    assert "\x1b" not in written


@pytest.mark.django_db
def test_cookies_cross_no_plain_wire(client: Client, settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    client.get("/accounts/login/")
    client.post("/accounts/login/", {"login": cast.ana().username, "password": cast.PASSWORD})
    assert {"sessionid", "csrftoken", "known_browser"} <= set(client.cookies)
    assert all(client.cookies[name]["secure"] for name in ("sessionid", "csrftoken", "known_browser"))


def test_a_portal_that_is_set_up_for_https_passes_djangos_own_checks() -> None:
    environment = {
        "PORTAL_URL": "https://patch.example.com",
        "TRUSTED_PROXIES": PROXY,
        "SECRET_KEY": secrets.token_hex(40),
    }
    # The tests in a browser set this one for their own process.
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore::RuntimeWarning", "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env=inherited | environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
