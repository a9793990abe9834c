"""The codes of authenticator apps (RFC 6238), and those for the day when the app is gone."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime
from hmac import compare_digest
from urllib.parse import quote, urlencode

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

STEP_S, STEPS_APART = 30, 1  # a phone's clock may be so many steps off
SECRET_BYTES = 20
# Recovery codes: no letters and digits that look alike; 24 of 31 signs are 118 bits, so that a plain hash is enough.
SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"
COUNT, GROUPS, GROUP = 8, 4, 6


def new_secret() -> str:
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def step_of(secret: str, code: str, *, now: datetime) -> int | None:
    """Which step of 30 seconds the code is of; None where it is of none near now."""
    here, typed = int(now.timestamp()) // STEP_S, "".join(code.split()).encode()
    near = range(here - STEPS_APART, here + STEPS_APART + 1)
    return next(
        (
            step
            for step in near
            if compare_digest(typed, format_hotp_value(hotp_value(secret, step)).encode())
        ),
        None,
    )


def address_of(secret: str, *, issuer: str, account: str) -> str:
    """What the QR code says to an authenticator app."""
    query = urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{query}"


def new_recovery_codes() -> list[str]:
    """E.g. `abcdef-ghjkmn-pqrstu-vwxyz2`."""
    return ["-".join(_signs(GROUP) for _ in range(GROUPS)) for _ in range(COUNT)]


def fingerprint(code: str) -> str:
    """Of a recovery code, however its groups are set apart."""
    return hashlib.sha256("".join(sign for sign in code.lower() if sign.isalnum()).encode()).hexdigest()


def _signs(count: int) -> str:
    return "".join(secrets.choice(SIGNS) for _ in range(count))
