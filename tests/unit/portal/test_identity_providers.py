"""IDENTITY_PROVIDERS_FILE: what it may say, and the one sentence that stops the start."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import xmlsec
from django.core.exceptions import ImproperlyConfigured

from portal.identity_providers.reading import read
from tests.saml_provider import bare, key_of

OIDC = {
    "id": "okta",
    "name": "Okta",
    "protocol": "oidc",
    "issuer": "https://okta.example",
    "client_id": "portal",
}
SAML = {
    "id": "adfs",
    "name": "ADFS",
    "protocol": "saml",
    "entity_id": "urn:adfs",
    "sso_url": "https://adfs.example/sso",
}
DOC = Path(__file__).resolve().parents[3] / "docs/sign-in.md"


def written(folder: Path, *entries: Any) -> str:
    file = folder / "providers.json"
    file.write_text(entries[0] if isinstance(entries[0], str) else json.dumps(list(entries)))
    return str(file)


def saml(**facts: Any) -> dict[str, Any]:
    return SAML | {"certificates": [key_of("idp").certificate]} | facts


def test_no_file_is_no_provider() -> None:
    assert read("") == ()


def test_both_protocols_are_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    okta, adfs = read(
        written(tmp_path, OIDC | {"client_secret_file": "secret", "scopes": ["groups"]}, saml())
    )
    assert (okta.issuer, okta.client_secret, okta.scopes) == (  # type: ignore[attr-defined]
        "https://okta.example", "from-a-file", ("openid", "groups"),
    )  # fmt: skip
    assert (adfs.issuer, adfs.newcomers) == ("urn:adfs", "with_a_role")
    assert adfs.certificates == (bare(key_of("idp").certificate),)  # type: ignore[attr-defined]


def metadata(certificates: list[str]) -> str:
    keys = "".join(
        f'<KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
        f"<ds:X509Certificate>{one}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>"
        for one in certificates
    )
    binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    return (
        '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="urn:from-metadata"><IDPSSODescriptor '
        f'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}<SingleSignOnService '
        f'Binding="{binding}" Location="https://idp.example/sso"/></IDPSSODescriptor></EntityDescriptor>'
    )


@pytest.mark.parametrize("count", [1, 2])
def test_metadata_with_one_certificate_or_two(tmp_path: Path, count: int) -> None:
    certificates = [bare(key_of(name).certificate) for name in ("idp", "idp's next one")[:count]]
    (tmp_path / "metadata.xml").write_text(metadata(certificates))
    entry = {"id": "adfs", "name": "ADFS", "protocol": "saml", "metadata_file": "metadata.xml"}
    (found,) = read(written(tmp_path, entry))
    assert (found.issuer, list(found.certificates)) == ("urn:from-metadata", certificates)  # type: ignore[attr-defined]


WRONG: dict[str, tuple[list[Any], str]] = {
    "no JSON": (["{"], "cannot be read"),
    "no list": (['{"id": 1}'], "the top"),
    "an unknown word": ([OIDC | {"isuer": "x"}], "isuer"),
    "no issuer": ([{name: OIDC[name] for name in ("id", "name", "protocol", "client_id")}], "issuer"),
    "not encrypted": ([OIDC | {"issuer": "http://okta.example"}], "must begin with https://"),
    "twice": ([OIDC, OIDC], "two providers with the id 'okta'"),
    "one issuer for two": ([OIDC, OIDC | {"id": "other"}], "two providers with the issuer"),
    "links without domains": ([OIDC | {"links_by_email": True}], "name the domains"),
    "no secret": ([OIDC | {"client_secret_file": "gone"}], "cannot be read"),
    "no certificate": ([SAML], "certificates"),
    "a certificate that is none": ([saml(certificates=["x" * 200])], "is no X.509 certificate"),
    "encrypted without a key": ([saml(wants_encrypted=True)], "name a key"),
    "metadata that is gone": ([{**SAML, "metadata_file": "gone.xml"}], "cannot be read"),
    "a policy nobody knows": ([OIDC | {"newcomers": "friends"}], "newcomers"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_stops_the_start_with_one_sentence(tmp_path: Path, what: str) -> None:
    entries, said = WRONG[what]
    with pytest.raises(ImproperlyConfigured) as stopped:
        read(written(tmp_path, *entries))
    assert said in str(stopped.value)
    assert str(stopped.value).startswith("IDENTITY_PROVIDERS_FILE")


@pytest.mark.parametrize(
    "text", ["<a/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "nonsense", "x" * 1_000_001]
)
def test_metadata_that_is_none_or_too_large(tmp_path: Path, text: str) -> None:
    (tmp_path / "metadata.xml").write_text(text)
    entry = {"id": "adfs", "name": "ADFS", "protocol": "saml", "metadata_file": "metadata.xml"}
    with pytest.raises(ImproperlyConfigured, match="metadata"):
        read(written(tmp_path, entry))


def test_no_sentence_repeats_a_secret(tmp_path: Path) -> None:
    secret = "very-secret-" * 100
    with pytest.raises(ImproperlyConfigured) as stopped:
        read(written(tmp_path, OIDC | {"client_secret": secret}))
    assert "very-secret" not in str(stopped.value)


def test_the_examples_of_the_guide_are_taken(tmp_path: Path) -> None:
    (tmp_path / "metadata.xml").write_text(metadata([bare(key_of("idp").certificate)]))
    for name in ("cognito.secret", "entra.secret", "portal.key", "portal.crt"):
        (tmp_path / name).write_text("any")
    examples = re.findall(r"```json\n(.*?)```", DOC.read_text(), re.S)
    assert len(examples) >= 4
    for example in examples:
        assert read(written(tmp_path, example))


def test_a_pair_of_libraries_that_does_not_fit_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As xmlsec itself says it where lxml carries another libxml2."""

    def mismatch(*_: Any, **__: Any) -> None:
        raise xmlsec.InternalError(-1, "lxml & xmlsec libxml2 library version mismatch")

    monkeypatch.setattr(xmlsec.template, "create", mismatch)
    with pytest.raises(ImproperlyConfigured, match="libxml2 library version mismatch"):
        read(written(tmp_path, saml()))
    assert read(written(tmp_path, OIDC)), "whoever needs no SAML starts"
