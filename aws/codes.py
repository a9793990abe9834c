"""AWS's error codes by what they mean for the caller. The EC2, SSM, S3 and STS references list them."""

from __future__ import annotations

# Our own word: there is nothing to sign a call with, so AWS was never asked.
NOT_SIGNED = "NoCredentials"
# Too many calls; nothing was done.
THROTTLING = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
# Credentials or rights do not allow it; every code that begins with AccessDenied does too.
ACCESS_DENIED = "AccessDenied"
ACCESS = frozenset(
    {
        "AccountProblem",
        "AuthFailure",
        "Blocked",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "PendingVerification",
        "RegionDisabledException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnauthorizedAccess",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
# A named thing does not exist.
MISSING = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "InvalidCommandId",
        "InvalidDocument",
        "InvalidDocumentVersion",
        "InvalidInstanceID",
        "InvalidInstanceID.Malformed",
        "InvalidInstanceID.NotFound",
        "InvalidInstanceId",
        "InvalidInstanceInformationFilterValue",
        "InvalidReplaceRootVolumeTaskId.NotFound",
        "InvalidSnapshot.NotFound",
        "InvalidVolume.NotFound",
        "InvocationDoesNotExist",
        "NoSuchBucket",
        "NoSuchKey",
        "NoSuchUpload",
        "NoSuchVersion",
        "NotFound",
        "ResourceNotFoundException",
        "TargetGroupNotFound",
    }
)
# No room for the instance type; some come as HTTP 500, yet nothing was started.
CAPACITY = frozenset(
    {
        "InsufficientCapacity",
        "InsufficientCapacityOnHost",
        "InsufficientHostCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientReservedInstanceCapacity",
        "ReservationCapacityExceeded",
        "Server.InsufficientInstanceCapacity",
    }
)
# A 4xx or none by number, yet AWS may have done the work.
UNCERTAIN = frozenset(
    {
        "ConditionalRequestConflict",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
    }
)
# These keys will never work again; new ones from AssumeRole may.
STALE_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "RequestExpired",
        "UnrecognizedClientException",
    }
)
