from __future__ import annotations

import pytest
from botocore import exceptions as sdk

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
from aws.translate import CallSite, from_sdk, telling

SITE = CallSite("CreateTags", "111122223333", "eu-central-1")


def told(code: str, status: int = 400, message: str = "As AWS says.", operation: str = "CreateTags"):
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    with pytest.raises(CloudError) as caught, telling(SITE):
        raise sdk.ClientError(answer, operation)
    return caught.value


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("RequestLimitExceeded", 503, Throttled),
        ("ThrottlingException", 400, Throttled),
        ("TooManyRequestsException", 429, Throttled),
        ("SlowDown", 503, Throttled),
        ("AccessDenied", 403, AccessRefused),
        ("AccessDeniedException", 400, AccessRefused),
        ("UnauthorizedOperation", 403, AccessRefused),
        ("InvalidClientTokenId", 403, AccessRefused),
        ("ExpiredToken", 403, AccessRefused),
        ("ExpiredTokenException", 400, AccessRefused),
        ("UnrecognizedClientException", 400, AccessRefused),
        ("AuthFailure", 401, AccessRefused),
        ("InsufficientInstanceCapacity", 500, CapacityShortage),
        ("InvalidInstanceID.NotFound", 400, Missing),
        ("InvalidInstanceId", 400, Missing),
        ("InvocationDoesNotExist", 400, Missing),
        ("InvalidCommandId", 400, Missing),
        ("InvalidDocument", 400, Missing),
        ("NoSuchKey", 404, Missing),
        ("NoSuchBucket", 404, Missing),
        ("InternalServerError", 500, Ambiguous),
        ("ServiceUnavailable", 503, Ambiguous),
        ("502", 502, Ambiguous),
        ("RequestTimeout", 400, Ambiguous),
        ("ValidationException", 400, Refused),
        ("InvalidParameters", 400, Refused),
        ("InvalidParameterValue", 400, Refused),
        ("IncorrectInstanceState", 400, Refused),
        ("TagLimitExceeded", 400, Refused),
        ("SomethingNobodyKnows", 400, Refused),
    ],
)
def test_code_becomes_its_kind(code: str, status: int, kind: type[CloudError]) -> None:
    error = told(code, status)
    assert type(error) is kind
    assert error.code == code
    assert error.operation == "CreateTags"


def test_sentence_names_call_account_region_and_keeps_what_aws_said() -> None:
    error = told("ValidationException", message="Tag key is too long.")
    assert error.message == (
        "AWS refused CreateTags in account 111122223333, eu-central-1: "
        "Tag key is too long. (ValidationException)"
    )
    assert str(error) == error.message


def test_missing_names_every_instance_once() -> None:
    said = "The instance IDs 'i-0aaaaaaaaaaaaaaa1, i-0bbbbbbbbbbbbbbb2, i-0aaaaaaaaaaaaaaa1' do not exist"
    error = told("InvalidInstanceID.NotFound", message=said)
    assert isinstance(error, Missing)
    assert error.ids == ("i-0aaaaaaaaaaaaaaa1", "i-0bbbbbbbbbbbbbbb2")


def test_run_command_names_instances_in_brackets() -> None:
    said = "Instances [[i-0aaaaaaaaaaaaaaa1]] not in a valid state for account 111122223333"
    error = told("InvalidInstanceId", message=said, operation="SendCommand")
    assert isinstance(error, Missing)
    assert error.ids == ("i-0aaaaaaaaaaaaaaa1",)


def test_refused_role_is_named_as_what_aws_refused() -> None:
    error = told("AccessDenied", 403, "not authorized to perform: sts:AssumeRole", operation="AssumeRole")
    assert error.operation == "AssumeRole"
    assert error.message.startswith("AWS does not allow the portal AssumeRole in account 111122223333")


@pytest.mark.parametrize(
    "secret",
    [
        "The key AKIAIOSFODNN7EXAMPLE is unknown",
        "Value 'AKIAIOSFODNN7EXAMPLE' at 'externalId' failed to satisfy constraint",
        "Could not reach https://user:AKIAIOSFODNN7EXAMPLE@proxy/",
        "You are not authorized. Encoded authorization failure message: AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_secrets_are_left_out(secret: str) -> None:
    assert "AKIAIOSFODNN7EXAMPLE" not in told("AuthFailure", 401, secret).message


def test_external_id_is_left_out() -> None:
    said = "Value 'my secret word' at 'externalId' failed to satisfy constraint"
    assert "my secret word" not in told("ValidationError", 400, said).message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sdk.EndpointConnectionError(endpoint_url="https://ec2"), Silent),
        (sdk.ConnectTimeoutError(endpoint_url="https://ec2"), Silent),
        (sdk.ReadTimeoutError(endpoint_url="https://ec2"), Silent),
        (sdk.ConnectionClosedError(endpoint_url="https://ec2"), Ambiguous),
        (sdk.SSLError(endpoint_url="https://ec2", error="x"), Ambiguous),
        (sdk.NoCredentialsError(), AccessRefused),
        (sdk.CredentialRetrievalError(provider="p", error_msg="m"), AccessRefused),
        (sdk.ParamValidationError(report="Missing required parameter"), Refused),
        (sdk.NoRegionError(), Refused),
    ],
)
def test_sdk_failure_becomes_its_kind(error: sdk.BotoCoreError, kind: type[CloudError]) -> None:
    assert type(from_sdk(error, SITE)) is kind


def _families(root: type) -> set[type]:
    return {root} | {deeper for below in root.__subclasses__() for deeper in _families(below)}


@pytest.mark.parametrize("family", sorted(_families(sdk.BotoCoreError), key=lambda one: one.__name__))
def test_no_sdk_failure_escapes(family: type[sdk.BotoCoreError]) -> None:
    with pytest.raises(CloudError), telling(SITE):
        raise family.__new__(family)


def test_our_own_errors_pass_untouched() -> None:
    ours = Throttled("The portal's own limit.")
    with pytest.raises(Throttled) as caught, telling(SITE):
        raise ours
    assert caught.value is ours
