"""When somebody last signed in at a provider, as SAML says it: the oldest of the statements, and none in doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from portal.federation.saml.second_look import ASSERTION, DSIG, authenticated_at

NOW = datetime.now(UTC).replace(microsecond=0)


def document(*instants: str) -> etree._Element:
    statements = "".join(f'<a:AuthnStatement AuthnInstant="{instant}"/>' for instant in instants)
    return etree.fromstring(
        f'<r xmlns:a="{ASSERTION}" xmlns:d="{DSIG}"><a:Assertion><d:Signature/>{statements}</a:Assertion></r>'
    )


def said(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_oldest_statement_counts() -> None:
    hour_ago = NOW - timedelta(hours=1)
    assert authenticated_at(document(said(NOW))) == NOW
    assert authenticated_at(document(said(NOW), said(hour_ago))) == hour_ago


@pytest.mark.parametrize(
    "instants",
    [(), ("",), ("soon",), ("2026-01-01T00:00:00",), (said(NOW), "2026-01-01T00:00:00"),
     (said(NOW + timedelta(hours=1)),), ("9999-12-31T23:59:59Z",)],
)  # fmt: skip
def test_what_is_not_said_in_earnest_is_not_said(instants: tuple[str, ...]) -> None:
    assert authenticated_at(document(*instants)) is None
