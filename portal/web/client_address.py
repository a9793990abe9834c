"""Where a request came from: nobody but the proxies that the settings name is believed about it."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "unknown"
# What a proxy says of the request that it hands on.
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO")


def client_address(request: HttpRequest) -> str:
    """The address that spoke to the outermost of our own proxies; that of the last one heard where none is ours.

    Each of at most PROXY_COUNT proxies has written whom it heard at the end of X-Forwarded-For. What stands before
    those entries was sent by the client, who may write anything.
    """
    address = peer(request)
    heard = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-settings.PROXY_COUNT :]
    while heard and is_trusted(address):
        address = _parsed(heard.pop()) or address
    return address


def peer(request: HttpRequest) -> str:
    """Who holds the other end of the connection."""
    return _parsed(request.META.get("REMOTE_ADDR", "")) or UNKNOWN


def is_trusted(address: str) -> bool:
    return address != UNKNOWN and any(
        ipaddress.ip_address(address) in network for network in settings.TRUSTED_PROXIES
    )


def _parsed(text: str) -> str:
    """The address in its one spelling; '' for what is none."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
