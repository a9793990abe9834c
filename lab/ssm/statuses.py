"""The words in which the simulated Systems Manager tells of commands: its own list, beside the product's.

From AWS's pages (API reference, CommandInvocation and CommandPlugin; user guide, "Understanding command statuses"), not
from the product: a contract test compares the two.
"""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """A status of an invocation or a step, or the details of one."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    DELAYED = "Delayed"
    CANCELLING = "Cancelling"
    SUCCESS = "Success"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    CANCELLED = "Cancelled"
    # details alone
    EXECUTION_TIMED_OUT = "ExecutionTimedOut"
    DELIVERY_TIMED_OUT = "DeliveryTimedOut"
    TERMINATED = "Terminated"
    UNDELIVERABLE = "Undeliverable"
    ACCESS_DENIED = "AccessDenied"
    INVALID_PLATFORM = "InvalidPlatform"
    # details of a whole command
    INCOMPLETE = "Incomplete"
    NO_INSTANCES_IN_TAG = "NoInstancesInTag"
    RATE_EXCEEDED = "RateExceeded"


TERMINAL = frozenset({Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED})
# What counts against MaxErrors.
COUNTS_AS_ERROR = frozenset({Status.FAILED, Status.EXECUTION_TIMED_OUT})
NOT_OVER = frozenset({Status.PENDING, Status.IN_PROGRESS})  # of a step
End = tuple[Status, Status]  # status and details
