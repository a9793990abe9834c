"""Who may vouch for people: the identity providers that IDENTITY_PROVIDERS_FILE names, read once at the start.

A file that is missing or malformed stops the start with one sentence (identity-providers.schema.json says its shape).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from portal.identity_providers import saml_metadata
from portal.identity_providers.kinds import IdentityProvider, Key, OpenIDConnect, Saml, is_safe

VARIABLE = "IDENTITY_PROVIDERS_FILE"
SCHEMA = Path(__file__).with_name("identity-providers.schema.json")
LARGEST_BYTES = 1_000_000
SAID_BY_METADATA = ("entity_id", "sso_url", "slo_url", "certificates")


def read(path: str) -> tuple[IdentityProvider, ...]:
    """The providers of the file; none where no file is named. Raises ImproperlyConfigured."""
    if not path:
        return ()
    file = Path(path)
    entries = _entries(file)
    _check_shape(entries)
    found = tuple(_provider(entry, file.parent) for entry in entries)
    for what in ("id", "issuer"):
        _check_once(what, [getattr(provider, what) for provider in found])
    return found


def _entries(file: Path) -> Any:
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise ImproperlyConfigured(f"{VARIABLE}: {file} is larger than {LARGEST_BYTES:,} bytes.")
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(
            f"{VARIABLE} names {file}, which cannot be read: {error}. Write a JSON list of providers "
            "(docs/sign-in.md has examples), or leave it empty."
        ) from error


def _check_shape(entries: Any) -> None:
    error = best_match(Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(entries))
    if error:
        where = "/".join(str(step) for step in error.absolute_path) or "the top"
        said = _without_secrets(error.message, entries)[:200]
        raise ImproperlyConfigured(f"{VARIABLE} is wrong at {where}: {said} (docs/sign-in.md).")


def _without_secrets(message: str, entries: Any) -> str:
    """jsonschema repeats what is wrong, and this ends in a log."""
    for entry in entries if isinstance(entries, list) else []:
        secret = str(entry.get("client_secret", "")) if isinstance(entry, dict) else ""
        message = message.replace(secret, "…") if secret else message
    return message


def _check_once(what: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ImproperlyConfigured(
                f"{VARIABLE} has two providers with the {what} {value!r}; give each its own."
            )


def _provider(entry: dict[str, Any], folder: Path) -> IdentityProvider:
    common: dict[str, Any] = {
        name: entry[name] for name in ("id", "name", "newcomers", "links_by_email") if name in entry
    }
    common["domains"] = tuple(entry.get("domains", ()))
    if common.get("links_by_email") and not common["domains"]:
        raise ImproperlyConfigured(
            f"{VARIABLE}: {entry['id']} links people by e-mail, so name the domains for which it may: "
            '"domains": ["example.com"].'
        )
    return (_saml if entry["protocol"] == "saml" else _openid_connect)(entry, common, folder)


def _openid_connect(entry: dict[str, Any], common: dict[str, Any], folder: Path) -> OpenIDConnect:
    check_address(entry["issuer"], f"{entry['id']}/issuer")
    secret = entry.get("client_secret", "")
    if "client_secret_file" in entry:
        secret = text_of(folder / entry["client_secret_file"]).strip()
    scopes: dict[str, Any] = (
        {"scopes": tuple(dict.fromkeys(["openid", *entry["scopes"]]))} if "scopes" in entry else {}
    )
    return OpenIDConnect(
        **common, **scopes, issuer=entry["issuer"], client_id=entry["client_id"], client_secret=secret,
        client_authentication=entry.get("client_authentication", ""),
    )  # fmt: skip


def _saml(entry: dict[str, Any], common: dict[str, Any], folder: Path) -> Saml:
    saml_metadata.check_the_pair()
    said = _metadata(entry, folder) | {name: entry[name] for name in SAID_BY_METADATA if name in entry}
    where = f"{VARIABLE}: {entry['id']}"
    for name in ("entity_id", "sso_url", "certificates"):
        if not said.get(name):
            raise ImproperlyConfigured(
                f"{where} has no {name}, and its metadata names none for the redirect binding."
            )
    for name in ("sso_url", "slo_url"):
        if said.get(name):
            check_address(said[name], f"{entry['id']}/{name}")
    certificates = tuple(
        saml_metadata.certificate(text, f"{where}/certificates") for text in said["certificates"]
    )
    plain = {
        name: entry[name]
        for name in ("subject_attribute", "idp_initiated", "wants_encrypted")
        if name in entry
    }
    keys = tuple(_key(named, folder) for named in entry.get("keys", ()))
    if plain.get("wants_encrypted") and not keys:
        raise ImproperlyConfigured(
            f"{where} wants encrypted answers, so name a key that decrypts them under keys."
        )
    return Saml(
        **common, **plain, issuer=said["entity_id"], sso_url=said["sso_url"], slo_url=said.get("slo_url", ""),
        certificates=certificates, keys=keys,
    )  # fmt: skip


def _metadata(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    if "metadata_file" not in entry:
        return {}
    file = folder / entry["metadata_file"]
    return saml_metadata.read(text_of(file), f"{VARIABLE}: {file}", entry.get("entity_id"))


def _key(named: dict[str, str], folder: Path) -> Key:
    return Key(
        private=text_of(folder / named["key_file"]), certificate=text_of(folder / named["certificate_file"])
    )


def check_address(address: str, where: str) -> None:
    """Only what is encrypted on its way is believed, or comes from this very machine."""
    if not is_safe(address):
        raise ImproperlyConfigured(f"{VARIABLE} is wrong at {where}: {address!r} must begin with https://.")


def text_of(file: Path) -> str:
    """What a file that the providers' file names holds. Raises ImproperlyConfigured."""
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise ImproperlyConfigured(f"{VARIABLE}: {file} is larger than {LARGEST_BYTES:,} bytes.")
        return file.read_text()
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{VARIABLE} names {file}, which cannot be read: {error}.") from error
