"""Codes are those of RFC 6238, each good for one step; recovery codes are long enough to be kept as a plain hash."""

from __future__ import annotations

import base64
import math
from datetime import UTC, datetime, timedelta

import pytest

from portal.second_factor import codes

SECRET = base64.b32encode(b"12345678901234567890").decode()


# Appendix B of RFC 6238, whose eight digits end with our six.
@pytest.mark.parametrize(
    ("second", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")]
)
def test_a_code_is_that_of_its_step(second: int, code: str) -> None:
    now = datetime.fromtimestamp(second, tz=UTC)
    assert codes.step_of(SECRET, code, now=now) == second // 30
    assert codes.step_of(SECRET, f"{code[:3]} {code[3:]}", now=now) == second // 30


def test_a_clock_may_be_one_step_off_and_no_more() -> None:
    now, step = datetime.fromtimestamp(1111111109, tz=UTC), 1111111109 // 30
    off = {
        by: codes.step_of(SECRET, "081804", now=now + timedelta(seconds=30 * by)) for by in (-2, -1, 0, 1, 2)
    }
    assert off == {-2: None, -1: step, 0: step, 1: step, 2: None}


@pytest.mark.parametrize("code", ["", "0", "28708", "2870822", "２８７０８２", "\x00", "x" * 64])
def test_anything_else_is_of_no_step(code: str) -> None:
    assert codes.step_of(SECRET, code, now=datetime.fromtimestamp(59, tz=UTC)) is None


def test_recovery_codes_hold_more_than_112_bits_and_differ() -> None:
    made = codes.new_recovery_codes()
    assert len({codes.fingerprint(code) for code in made}) == codes.COUNT
    assert codes.GROUPS * codes.GROUP * math.log2(len(set(codes.SIGNS))) > 112
    assert codes.fingerprint(made[0].upper().replace("-", " ")) == codes.fingerprint(made[0])


def test_an_app_is_told_the_secret_the_issuer_and_the_account() -> None:
    address = codes.address_of(SECRET, issuer="Patch Portal", account="ana@example.com")
    assert address == f"otpauth://totp/Patch%20Portal:ana%40example.com?secret={SECRET}&issuer=Patch%20Portal"
