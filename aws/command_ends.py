"""How a command can end on one instance, and what that proves about the script.

Source: AWS Systems Manager user guide, "Understanding command statuses" (detailed status of an invocation), and the
agent itself: a cancel or a time-out kills the script's process group, not the package tool that it started.
"""

from __future__ import annotations

from enum import Enum


class Proves(Enum):
    """What an end says about the script, whatever it printed."""

    NEVER_RAN = "never ran"
    MAY_HAVE_RUN = "may have run, and what it started may still be at work"
    ENDED = "the agent told the script's end"


class CommandEnd(Enum):
    """AWS's detailed status of a terminal invocation: its name there, what it proves, and a sentence for people."""

    SUCCESS = "Success", Proves.ENDED, "SSM says Success, but no report arrived."
    FAILED = "Failed", Proves.ENDED, "SSM says Failed, and no report arrived."
    EXECUTION_TIMED_OUT = (
        "ExecutionTimedOut",
        Proves.MAY_HAVE_RUN,
        "SSM stopped the script at its time limit, before it could report.",
    )
    CANCELLED = (
        "Cancelled",
        Proves.MAY_HAVE_RUN,
        "The command was cancelled; what had run by then is not known.",
    )
    TERMINATED = (
        "Terminated",
        Proves.MAY_HAVE_RUN,
        "SSM ended the command; what had run by then is not known.",
    )
    UNDELIVERABLE = (
        "Undeliverable",
        Proves.MAY_HAVE_RUN,
        "SSM could not deliver the command; it may have run all the same.",
    )
    DELIVERY_TIMED_OUT = (
        "DeliveryTimedOut",
        Proves.MAY_HAVE_RUN,
        "SSM got no answer in time; the command may have run all the same.",
    )
    ACCESS_DENIED = (
        "AccessDenied",
        Proves.NEVER_RAN,
        "AWS refused the command for lack of rights, so nothing ran.",
    )
    INVALID_PLATFORM = (
        "InvalidPlatform",
        Proves.NEVER_RAN,
        "AWS found no step for this platform in the document, so nothing ran.",
    )

    def __init__(self, word: str, proves: Proves, sentence: str) -> None:
        self.word, self.proves, self.sentence = word, proves, sentence


# The plain status of an invocation that is over; and of these, the ones that are no success.
TERMINAL = frozenset({"Success", "Cancelled", "TimedOut", "Failed"})
_BY_WORD = {end.word: end for end in CommandEnd}


def end_of(status: str, status_details: str) -> CommandEnd | None:
    """The end by its detailed status, else by its plain one; None: AWS told none, or one that is new to us."""
    return _BY_WORD.get(status_details) or _BY_WORD.get(status)


def proves(status: str, status_details: str) -> Proves:
    """What is known of the script. No end, or one that nobody knows, proves nothing: it may have run."""
    end = end_of(status, status_details)
    return end.proves if end else Proves.MAY_HAVE_RUN
