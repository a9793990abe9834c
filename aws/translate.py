"""From botocore's exceptions to `aws.errors`: one sentence each, AWS's own message kept, no secret in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore import exceptions as sdk

from aws import codes
from aws.errors import (
    AccessRefused,
    Ambiguous,
    CapacityShortage,
    CloudError,
    Missing,
    Refused,
    Silent,
    Throttled,
)
from aws.plain import plain

NO_CREDENTIALS = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.TokenRetrievalError,
    sdk.UnauthorizedSSOTokenError,
    sdk.SSOTokenLoadError,
    sdk.ProfileNotFound,
    sdk.NoAuthTokenError,
)
NEVER_SENT = (
    sdk.ParamValidationError,
    sdk.ValidationError,
    sdk.NoRegionError,
    sdk.InvalidRegionError,
    sdk.UnknownServiceError,
    sdk.UnknownEndpointError,
    sdk.EndpointProviderError,
    sdk.DataNotFoundError,
    sdk.OperationNotPageableError,
)
# Nobody took the connection, or no answer came in time. A connection that AWS closed is none of these.
SILENCE = (sdk.ConnectTimeoutError, sdk.ReadTimeoutError, sdk.EndpointConnectionError)
MESSAGE_LENGTH = 1_500  # of AWS's own words; TerminationReasons and policies can go on for pages
INSTANCE_ID = re.compile(r"\b(?:i|mi)-[0-9a-zA-Z]+")
REDACTIONS = (
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), "(access key hidden)"),
    (re.compile(r"Value '[^']*' at 'externalId'"), "Value (hidden) at 'externalId'"),
    (re.compile(r"://[^/@\s]+@"), "://(sign-in hidden)@"),
    (re.compile(r"\s*Encoded authorization failure message: \S+"), ""),
)


@dataclass(frozen=True)
class CallSite:
    """Which call of which account and region failed: the beginning of the sentence."""

    operation: str
    account_id: str
    region: str

    def __str__(self) -> str:
        return f"{self.operation} in account {self.account_id}, {self.region}"


@contextmanager
def telling(site: CallSite) -> Iterator[None]:
    """Within this block every SDK failure leaves as a CloudError."""
    try:
        yield
    except sdk.ClientError as error:
        raise from_answer(error, site) from error
    except sdk.BotoCoreError as error:
        raise from_sdk(error, site) from error


def from_answer(error: sdk.ClientError, site: CallSite) -> CloudError:
    """AWS answered with an error: what it means for the caller."""
    detail = error.response.get("Error", {})
    code = str(detail.get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = _tidy(str(detail.get("Message") or "no further explanation"))
    # A refused AssumeRole surfaces inside another call; name what AWS really refused.
    site = CallSite(error.operation_name, site.account_id, site.region)
    return _of_kind(_kind(code, status), site, said, code)


def from_sdk(error: sdk.BotoCoreError, site: CallSite) -> CloudError:
    """The SDK failed without an answer from AWS."""
    said = _tidy(str(error))
    if isinstance(error, NO_CREDENTIALS):
        message = f"The portal has no AWS credentials that it could use for {site}: {said}"
        return AccessRefused(message, code=codes.NOT_SIGNED, operation=site.operation)
    if isinstance(error, NEVER_SENT):
        return Refused(f"{site} was not sent: {said}", operation=site.operation)
    return _of_kind(Silent if isinstance(error, SILENCE) else Ambiguous, site, said, "")


def _kind(code: str, status: int) -> type[CloudError]:
    if code in codes.THROTTLING or status == 429:
        return Throttled
    if code.startswith(codes.ACCESS_DENIED) or code in codes.ACCESS:
        return AccessRefused
    if code in codes.CAPACITY:  # comes as HTTP 500, yet nothing was started
        return CapacityShortage
    if code in codes.MISSING:
        return Missing
    return Ambiguous if status >= 500 or code in codes.UNCERTAIN else Refused


_OPENINGS: dict[type[CloudError], str] = {
    Throttled: "AWS limits the rate of {site}; nothing was done, it can be asked again later",
    Silent: "AWS did not answer {site} in time; it may or may not have happened",
    Ambiguous: "AWS gave no clear answer to {site}; it may or may not have happened",
    AccessRefused: "AWS does not allow the portal {site}",
    Missing: "AWS does not know what {site} names",
    CapacityShortage: "AWS has no capacity now for {site}",
    Refused: "AWS refused {site}",
}


def _of_kind(kind: type[CloudError], site: CallSite, said: str, code: str) -> CloudError:
    message = f"{_OPENINGS[kind].format(site=site)}: {said}" + (f" ({code})" if code else "")
    if kind is Missing:
        ids = tuple(dict.fromkeys(INSTANCE_ID.findall(said)))
        return Missing(message, code=code, operation=site.operation, ids=ids)
    return kind(message, code=code, operation=site.operation)


def _tidy(said: str) -> str:
    for pattern, instead in REDACTIONS:
        said = pattern.sub(instead, said)
    return " ".join(plain(said).split())[:MESSAGE_LENGTH]
