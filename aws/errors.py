"""What can go wrong with an AWS call, told by what the caller may do next. Callers never see botocore."""

from __future__ import annotations


class CloudError(Exception):
    """An AWS call did not give its answer. `code` is AWS's own error code where there is one."""

    def __init__(self, message: str, *, code: str = "", operation: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.operation = operation


class Throttled(CloudError):
    """AWS refused for rate and did nothing: the same call may be sent again later."""


class Ambiguous(CloudError):
    """Time-out, lost connection or 5xx: the call may or may not have taken effect. Look before repeating."""


class Silent(Ambiguous):
    """No answer came in the time that this kind of call is given, or nobody took the connection."""


class Unasked(Throttled):
    """Not even sent: the service has not answered in this place for a while, and its next trial is still to come."""


class TooSlow(CloudError):
    """A read that was given a time limit did not end within it. Nothing was changed."""


class Refused(CloudError):
    """AWS said no and did nothing; repeating the same call gives the same no."""


class AccessRefused(Refused):
    """Credentials or role do not allow the call: unknown role, wrong external id, revoked, expired."""


class Missing(Refused):
    """A named instance, command, object, document or bucket does not exist."""

    def __init__(
        self, message: str, *, code: str = "", operation: str = "", ids: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, code=code, operation=operation)
        self.ids = ids


class CapacityShortage(Refused):
    """EC2 has no room for this instance type in this zone now."""
