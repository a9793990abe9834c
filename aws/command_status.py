"""How Systems Manager words the state of a command on one instance, and what each word proves about the script.

The one place where these words stand. A status is coarse (`Failed`), its details are finer (`Undeliverable`); both
are kept as AWS told them, and read here. What an end proves is AWS's page and the agent itself: a cancel or a time-out
kills the script's process group, not the package tool that it started.
"""

from __future__ import annotations

from enum import Enum

API = "Systems Manager API reference, CommandInvocation"
GUIDE = "Systems Manager user guide, Understanding command statuses"


class Proves(Enum):
    """What a word says about the script, whatever it printed."""

    NEVER_RAN = "never ran"
    MAY_HAVE_RUN = "may have run, and what it started may still be at work"
    ENDED = "the agent told the script's end"


_NEVER, _MAYBE = Proves.NEVER_RAN, Proves.MAY_HAVE_RUN


class CommandStatus(Enum):
    """AWS's word, what it proves, whether it is final, a sentence for who got no report, and where AWS says so."""

    PENDING = "Pending", _MAYBE, False, "No report arrived (SSM says Pending).", API
    IN_PROGRESS = "InProgress", _MAYBE, False, "No report arrived (SSM says InProgress).", API
    DELAYED = "Delayed", _MAYBE, False, "No report arrived (SSM says Delayed).", API
    CANCELLING = "Cancelling", _MAYBE, False, "No report arrived (SSM says Cancelling).", API
    SUCCESS = "Success", Proves.ENDED, True, "SSM says Success, but no report arrived.", API
    FAILED = "Failed", Proves.ENDED, True, "SSM says Failed, and no report arrived.", API
    TIMED_OUT = "TimedOut", _MAYBE, True, "No report arrived (SSM says TimedOut).", API
    CANCELLED = (
        "Cancelled",
        _MAYBE,
        True,
        "The command was cancelled; what had run by then is not known.",
        API,
    )
    # From here on details alone: an invocation's status is never one of these.
    EXECUTION_TIMED_OUT = (
        "ExecutionTimedOut",
        _MAYBE,
        True,
        "SSM stopped the script at its time limit, before it could report.",
        GUIDE,
    )
    DELIVERY_TIMED_OUT = (
        "DeliveryTimedOut",
        _MAYBE,
        True,
        "SSM got no answer in time; the command may have run all the same.",
        GUIDE,
    )
    TERMINATED = (
        "Terminated",
        _MAYBE,
        True,
        "SSM ended the command; what had run by then is not known.",
        GUIDE,
    )
    UNDELIVERABLE = (
        "Undeliverable",
        _MAYBE,
        True,
        "SSM could not deliver the command; it may have run all the same.",
        GUIDE,
    )
    ACCESS_DENIED = (
        "AccessDenied",
        _NEVER,
        True,
        "AWS refused the command for lack of rights, so nothing ran.",
        GUIDE,
    )
    INVALID_PLATFORM = (
        "InvalidPlatform",
        _NEVER,
        True,
        "AWS found no step for this platform in the document, so nothing ran.",
        GUIDE,
    )
    # Of a whole command, never of one instance.
    INCOMPLETE = "Incomplete", _MAYBE, True, "The command ended, not everywhere with success.", GUIDE
    NO_INSTANCES_IN_TAG = (
        "NoInstancesInTag",
        _NEVER,
        True,
        "The command matched no instance, so nothing ran.",
        GUIDE,
    )
    RATE_EXCEEDED = "RateExceeded", _NEVER, True, "AWS had too many commands waiting, so nothing ran.", GUIDE

    def __init__(self, word: str, proves: Proves, terminal: bool, sentence: str, source: str) -> None:
        self.word, self.proves, self.terminal = word, proves, terminal
        self.sentence, self.source = sentence, source

    @property
    def success(self) -> bool:
        return self is CommandStatus.SUCCESS

    @property
    def is_status(self) -> bool:
        """Also a plain status, as the API lists them, not only the details of one."""
        return self.source == API


_BY_WORD = {one.word: one for one in CommandStatus}
STATUSES = frozenset(one.word for one in CommandStatus if one.is_status)


def told(status: str, status_details: str = "") -> CommandStatus | None:
    """What AWS said: by its details, else by its status. None: it said nothing, or a word that is new to us."""
    return _BY_WORD.get(status_details) or _BY_WORD.get(status)


def is_over(status: str) -> bool:
    """Whether a status is final. A word that nobody knows is not: its result is waited for."""
    return status in STATUSES and _BY_WORD[status].terminal


def succeeded(status: str) -> bool:
    """Whether AWS calls it a success; of one that is not, `is_over` says whether it is a failure."""
    return is_over(status) and _BY_WORD[status].success


def proves(status: str, status_details: str) -> Proves:
    """What is known of the script. Nothing said, or a word that nobody knows, proves nothing: it may have run."""
    found = told(status, status_details)
    return found.proves if found else Proves.MAY_HAVE_RUN
