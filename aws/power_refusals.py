"""Why EC2 does not start or stop an instance: its own words, whether they pass, and what mends them.

One table for everybody: the engine decides by it, pages and notices say its sentences, docs/power-refusals.md is
made of it. Sources: EC2 API reference (Error codes, StateReason), EC2 user guide (stop protection, hibernation, Spot).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from aws.errors import AccessRefused, Ambiguous, CapacityShortage, CloudError, Missing, Throttled

START, STOP = "StartInstances", "StopInstances"


class Lasts(StrEnum):
    """How long the same answer is to be expected."""

    PASSING = "passing"  # another minute may cure it
    LASTING = "lasting"  # until a person changes something
    GONE = "gone"  # the instance does not exist any more


@dataclass(frozen=True)
class Refusal:
    """`code` is EC2's error, or the StateReason of an instance whose start failed after EC2 had accepted it.

    `mends`: what ends it, a sentence; empty where EC2's own says all. `operation` is empty for what both calls answer.
    `said`: a part of EC2's message, where the code alone says too little.
    """

    code: str
    lasts: Lasts
    mends: str = ""
    operation: str = ""
    said: str = ""

    def fits(self, operation: str, code: str, message: str) -> bool:
        return code == self.code and self.operation in {"", operation} and self.said in message


_P, _L, _G = Lasts.PASSING, Lasts.LASTING, Lasts.GONE
_KEY = "Enable the KMS key of its volumes, and let the portal's role use it (kms:CreateGrant)."
_ROOM = "Wait for capacity, or change its type or zone."
_HOST = "Make room on its Dedicated Host, or give it another one."
_RESERVED = "Enlarge its Capacity Reservation, or let it start outside of it."
_SPOT = "Only EC2 starts a Spot Instance again that EC2 has interrupted."
_LIMIT = "Raise the account's limit in Service Quotas."

# Of one code the first row that fits counts.
REFUSALS: tuple[Refusal, ...] = (
    Refusal("IncorrectInstanceState", _P, "It is just being started or stopped."),
    Refusal("IncorrectState", _P, "Something that belongs to it is just being changed."),
    Refusal("InsufficientInstanceCapacity", _P, _ROOM, START),
    Refusal("InsufficientCapacity", _P, _ROOM, START),
    Refusal("InsufficientReservedInstanceCapacity", _P, _ROOM, START),
    Refusal("Server.InsufficientInstanceCapacity", _P, _ROOM, START),
    Refusal("Server.InternalError", _P, "EC2 failed at it, and may succeed the next time.", START),
    Refusal("InsufficientCapacityOnHost", _P, _HOST, START),
    Refusal("InsufficientHostCapacity", _P, _HOST, START),
    Refusal("ReservationCapacityExceeded", _P, _RESERVED, START),
    Refusal("InstanceLimitExceeded", _P, _LIMIT, START),
    Refusal("VcpuLimitExceeded", _P, _LIMIT, START),
    Refusal("ResourceCountExceeded", _P, _LIMIT, START),
    Refusal("MaxSpotInstanceCountExceeded", _P, _LIMIT, START),
    Refusal("SpotMaxPriceTooLow", _P, "Wait for a lower Spot price, or raise its maximum price.", START),
    Refusal("UnfulfillableCapacity", _P, "Wait for Spot capacity.", START),
    Refusal("IncorrectSpotRequestState", _L, _SPOT, START),
    Refusal("Server.SpotInstanceShutdown", _L, _SPOT, START),
    Refusal("IncompatibleHostRequirements", _L, _HOST, START),
    Refusal("UnavailableHostRequirements", _L, _HOST, START),
    Refusal("InvalidHostID.NotFound", _L, _HOST, START),
    Refusal("InvalidHostState", _L, "Its Dedicated Host is not available.", START),
    Refusal("UnsupportedHostConfiguration", _L, _HOST, START),
    Refusal("UnsupportedInstanceTypeOnHost", _L, _HOST, START),
    Refusal("InvalidCapacityReservationId.NotFound", _L, _RESERVED, START),
    Refusal("InvalidCapacityReservationState", _L, _RESERVED, START),
    Refusal("Client.InvalidKMSKey.InvalidState", _L, _KEY, START),
    Refusal("InvalidKMSKey.InvalidState", _L, _KEY, START),
    # EC2 tells no more when a key is disabled or the role may not use it.
    Refusal("Client.InternalError", _L, _KEY, START),
    Refusal("Client.VolumeLimitExceeded", _L, _LIMIT, START),
    Refusal("Client.InvalidSnapshot.NotFound", _L, "Its volume lacks its snapshot: restore it from a backup.", START),
    Refusal("Unsupported", _L, "Its type does not run in its zone: change one of them.", START),
    Refusal(
        "OperationNotPermitted", _L,
        "Turn its stop protection off (attribute disableApiStop), and stop it in EC2 if it shall not run.",
        STOP, "disableApiStop",
    ),
    Refusal("OperationNotPermitted", _L, "Something that its owner or AWS has set forbids it."),
    Refusal(
        "UnsupportedOperation", _P, "EC2 hibernates nothing in the first minutes after its start.",
        STOP, "not ready to hibernate",
    ),
    Refusal(
        "UnsupportedOperation", _L, "EC2 stops a Spot Instance only where its request is persistent.",
        STOP, "one-time Spot Instance request",
    ),
    Refusal("UnsupportedHibernationConfiguration", _L, "It can no longer be hibernated: stop it in EC2.", STOP),
    Refusal("UnsupportedOperation", _L),
    Refusal("InvalidInstanceID.NotFound", _G),
    Refusal("InvalidInstanceID.Malformed", _G),
)  # fmt: skip


def refusal_of(error: CloudError, operation: str) -> Refusal:
    """What the table says of it; what it does not name lasts where AWS has said no, and passes where it has not."""
    return next(_fitting(operation, error.code, error.message), Refusal(error.code, _kind(error)))


def known(code: str, operation: str) -> Refusal | None:
    """The row of a code alone, e.g. of an instance's StateReason; None where the table has none."""
    return next(_fitting(operation, code, ""), None)


def _fitting(operation: str, code: str, message: str) -> Iterator[Refusal]:
    return (row for row in REFUSALS if row.fits(operation, code, message))


def _kind(error: CloudError) -> Lasts:
    """A role may come back, and so may capacity; other refusals and missing things do not by themselves."""
    if isinstance(error, Throttled | Ambiguous | AccessRefused | CapacityShortage):
        return Lasts.PASSING
    return Lasts.GONE if isinstance(error, Missing) and error.ids else Lasts.LASTING
