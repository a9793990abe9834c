"""What a SAML answer proves: python3-saml's verdict and the portal's second look, with the true reason of a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
import xmlsec
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.utils import OneLogin_Saml2_Utils
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

from portal.federation.claims import Claims, first, flat
from portal.federation.identity import Identity
from portal.federation.refusal import NOT_BELIEVED, Refused
from portal.federation.saml import second_look
from portal.federation.saml.toolkit import address, entity_id, request_data, settings_for
from portal.identity_providers.kinds import Saml

log = structlog.get_logger(__name__)
LONGEST = 256 * 1024


@dataclass(frozen=True)
class Answer:
    """`in_response_to`: the portal's own request; '' where nobody asked. Until `ends_at` it must be remembered."""

    identity: Identity
    assertion_id: str
    in_response_to: str
    ends_at: datetime


def read(provider: Saml, encoded: str) -> Answer:
    """Raises Refused."""
    try:
        return _answer(provider, _valid(provider, encoded))
    except Refused:
        raise
    except Exception as error:
        log.warning("saml_answer_unreadable", provider=provider.id, error=repr(error)[:300])
        raise refused(provider, str(error) or type(error).__name__) from error


def refused(provider: Saml, why: str) -> Refused:
    return Refused(NOT_BELIEVED.format(provider=provider.name), why=" ".join(why.split()))


def _valid(provider: Saml, encoded: str) -> OneLogin_Saml2_Response:
    if len(encoded) > LONGEST:
        raise refused(provider, f"the answer is longer than {LONGEST:,} bytes")
    response = _opened(provider, encoded)
    if not response.is_valid(request_data(provider, "acs")):
        raise refused(provider, response.get_error() or "it is not valid")
    document = response.get_xml_document()
    second_look.check_structure(document)
    second_look.check_addressed(document, acs=address(provider, "acs"), audience=entity_id(provider))
    return response


def _opened(provider: Saml, encoded: str) -> OneLogin_Saml2_Response:
    """Decrypted with the first of our keys that fits: the older one goes on to work while the new one spreads."""
    _check_before_decryption(encoded)
    problem: Exception | None = None
    for key in provider.keys or (None,):
        try:
            return OneLogin_Saml2_Response(settings_for(provider, key), encoded)
        except Exception as error:  # noqa: BLE001 - the next key may fit
            problem = problem or error
    if isinstance(problem, xmlsec.Error):  # its own words are "failed to decrypt"
        raise refused(provider, "it is not encrypted for a key that the portal has") from problem
    raise problem or ValueError("no key")


def _check_before_decryption(encoded: str) -> None:
    second_look.check_encryption(OneLogin_Saml2_XML.to_etree(OneLogin_Saml2_Utils.b64decode(encoded)))


def _answer(provider: Saml, response: Any) -> Answer:
    document = response.get_xml_document()
    claims = flat(dict(_attributes(response)))
    return Answer(
        identity=Identity(
            provider,
            _subject(provider, response, claims),
            claims,
            says_email_is_verified=True,
            authenticated_at=second_look.authenticated_at(document),
        ),
        assertion_id=response.get_assertion_id(),
        in_response_to=second_look.in_response_to(document, address(provider, "acs")),
        ends_at=datetime.fromtimestamp(response.get_assertion_not_on_or_after(), tz=UTC),
    )


def _attributes(response: Any) -> Iterator[tuple[str, list[str]]]:
    for name, values in response.get_attributes().items():
        yield name, [value["NameID"]["value"] if isinstance(value, dict) else value for value in values]
    # What many know an attribute by; its formal name stays beside it.
    for name, values in response.get_friendlyname_attributes().items():
        if name not in response.get_attributes():
            yield name, [value for value in values if isinstance(value, str)]


def _subject(provider: Saml, response: Any, claims: Claims) -> str:
    named = str(response.get_nameid())  # raises for one that is missing or empty
    if provider.subject_attribute:
        return first(claims, provider.subject_attribute)
    if response.get_nameid_format() == second_look.TRANSIENT:
        raise refused(
            provider,
            "its NameID is transient, another one each time: name a lasting attribute as subject_attribute",
        )
    return named
