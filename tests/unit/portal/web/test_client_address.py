"""Only the proxies that the settings name are believed, and only as many entries as there are proxies."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from portal.web.client_address import client_address
from portal.web.middleware import OnlyTrustedProxies


@pytest.mark.parametrize(
    ("proxies", "count", "peer", "told", "address"),
    [
        ("", 1, "198.51.100.7", "1.2.3.4", "198.51.100.7"),
        ("10.0.0.5", 1, "198.51.100.7", "1.2.3.4", "198.51.100.7"),
        ("10.0.0.5", 1, "10.0.0.5", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.5", 1, "10.0.0.5", "1.2.3.4, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.5", 1, "10.0.0.5", "", "10.0.0.5"),
        ("10.0.0.5", 1, "10.0.0.5", "1.2.3.4, <script>", "10.0.0.5"),
        # The client stands in the trusted network itself: its own word is not taken for a proxy's.
        ("10.0.0.0/8", 1, "10.0.0.5", "1.2.3.4, 10.9.9.9", "10.9.9.9"),
        ("10.0.0.0/8", 2, "10.0.0.5", "1.2.3.4, 198.51.100.7, 10.0.0.6", "198.51.100.7"),
        ("10.0.0.0/8", 2, "10.0.0.5", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.5", 2, "10.0.0.5", "1.2.3.4, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.5", 1, "::ffff:10.0.0.5", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.5", 1, "10.0.0.5", "2001:DB8::0:1", "2001:db8::1"),
        ("10.0.0.5", 1, "", "198.51.100.7", "unknown"),
    ],
)
def test_the_address(
    settings: Settings, proxies: str, count: int, peer: str, told: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = [ip_network(proxy) for proxy in proxies.split(",") if proxy]
    settings.PROXY_COUNT = count
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers={"X-Forwarded-For": told})
    assert client_address(request) == address


@pytest.mark.parametrize(("peer", "secure"), [("10.0.0.5", True), ("198.51.100.7", False)])
def test_a_stranger_does_not_pass_for_https(settings: Settings, peer: str, secure: bool) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.5")]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers={"X-Forwarded-Proto": "https"})
    OnlyTrustedProxies(lambda _: HttpResponse())(request)
    assert request.is_secure() == secure
