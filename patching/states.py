"""Runs, dispatches and targets as tables: every move, whose move it is, and how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.db.models import TextChoices


class RunState(TextChoices):
    PLANNED = "planned", "Planned"
    WAKING = "waking", "Starting stopped servers"
    CHECKING = "checking", "Checking"
    PATCHING = "patching", "Patching"
    VERIFYING = "verifying", "Verifying"
    FINISHED = "finished", "Finished"
    MISSED = "missed", "Missed"
    HALTING = "halting", "Halting"
    HALTED = "halted", "Halted"
    CANCELLED = "cancelled", "Cancelled"


class DispatchState(TextChoices):
    CLAIMED = "claimed", "Claimed"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    UNKNOWN = "unknown", "Answer lost, looking for it"
    ADOPTED = "adopted", "Found again"
    COLLECTED = "collected", "Results stored"
    GIVEN_UP = "given_up", "Given up"


class TargetState(TextChoices):
    PLANNED = "planned", "Planned"
    WAKING = "waking", "Starting"
    WAITING = "waiting", "Waiting for its turn"
    CHECKING = "checking", "Being checked"
    READY = "ready", "Ready"
    IN_DISPATCH = "in_dispatch", "Patching"
    REBOOTING = "rebooting", "Rebooting"
    VERIFYING = "verifying", "Verifying"
    DONE = "done", "Done"
    SKIPPED = "skipped", "Left out"
    BLOCKED = "blocked", "Check failed"
    LOST = "lost", "Lost"
    HALTED = "halted", "Halted before it was sent"


class HoldState(TextChoices):
    WANTED = "wanted", "To be started"
    STARTING = "starting", "Starting"
    HELD = "held", "Running for the run"
    RELEASING = "releasing", "To be stopped"
    RELEASED = "released", "Stopped again"
    KEPT = "kept", "Left running"
    FAILED = "failed", "Could not be started"


class SnapshotState(TextChoices):
    WANTED = "wanted", "To be taken"
    CREATING = "creating", "Being asked for"
    UNKNOWN = "unknown", "Answer lost, looking for it"
    TAKEN = "taken", "Taken, still being copied"
    COMPLETED = "completed", "Complete"
    FAILED = "failed", "Failed"
    DELETING = "deleting", "Being deleted"
    DELETED = "deleted", "Deleted"


class RestoreState(TextChoices):
    WANTED = "wanted", "Asked for"
    SENDING = "sending", "Being sent"
    RUNNING = "running", "Replacing the root volume"
    DONE = "done", "Restored"
    FAILED = "failed", "Failed"


class WaveState(TextChoices):
    WAITING = "waiting", "Waiting"
    CHECKING = "checking", "Checking"
    RUNNING = "running", "Patching"
    BAKING = "baking", "Watched before the next"
    PASSED = "passed", "Passed"
    STOPPED = "stopped", "Stopped"


class ProposalState(TextChoices):
    OPEN = "open", "Open"
    ACCEPTED = "accepted", "Being mended"
    DISMISSED = "dismissed", "Left as it is"


class AuditState(TextChoices):
    QUEUED = "queued", "Waiting to begin"
    RUNNING = "running", "Checking"
    DONE = "done", "Checked"
    FAILED = "failed", "Ended early"


class Phase(TextChoices):
    PRECHECK = "precheck", "Pre-check"
    PATCH = "patch", "Patch"
    VERIFY = "verify", "Re-scan"  # our pre-check again, after a document that prints no report


class Verdict(StrEnum):
    PATCHED = "patched"
    PATCHED_REBOOT_PENDING = "patched_reboot_pending"
    PARTLY = "partly"
    NOTHING_TO_DO = "nothing_to_do"
    FAILED = "failed"
    UNKNOWN = "unknown"


BAD_VERDICTS = frozenset({Verdict.FAILED, Verdict.PARTLY, Verdict.UNKNOWN})


class Agreement(StrEnum):
    AGREES = "agrees"
    SSM_FAILED_HOST_PATCHED = "ssm_failed_host_patched"
    SSM_OK_HOST_UNPATCHED = "ssm_ok_host_unpatched"
    NO_REPORT = "no_report"


@dataclass(frozen=True)
class Facts:
    """Whose move it is, how it looks (good|busy|needs|bad|unknown), and where it may go."""

    owner: str
    meaning: str
    moves: tuple[str, ...] = ()


R, D, T = RunState, DispatchState, TargetState
_STOPPABLE = (R.HALTING,)

RUN_STATES: dict[RunState, Facts] = {
    R.PLANNED: Facts("clock", "unknown", (R.WAKING, R.MISSED, R.CANCELLED, R.HALTING)),
    R.WAKING: Facts("engine", "busy", (R.CHECKING, R.MISSED, *_STOPPABLE)),
    R.CHECKING: Facts("engine", "busy", (R.PATCHING, R.VERIFYING, *_STOPPABLE)),
    R.PATCHING: Facts("engine", "busy", (R.VERIFYING, *_STOPPABLE)),
    R.VERIFYING: Facts("engine", "busy", (R.FINISHED, *_STOPPABLE)),
    R.HALTING: Facts("engine", "needs", (R.HALTED,)),
    R.FINISHED: Facts("nobody", "good"),
    R.MISSED: Facts("nobody", "bad"),
    R.HALTED: Facts("nobody", "needs"),
    R.CANCELLED: Facts("nobody", "unknown"),
}
RUN_OVER = frozenset({R.FINISHED, R.MISSED, R.HALTED, R.CANCELLED})

DISPATCH_STATES: dict[DispatchState, Facts] = {
    D.CLAIMED: Facts("engine", "busy", (D.SENDING, D.GIVEN_UP)),
    D.SENDING: Facts("engine", "busy", (D.SENT, D.UNKNOWN, D.GIVEN_UP)),
    D.UNKNOWN: Facts("engine", "needs", (D.ADOPTED, D.SENDING, D.GIVEN_UP)),
    D.SENT: Facts("engine", "busy", (D.COLLECTED, D.GIVEN_UP)),
    D.ADOPTED: Facts("engine", "busy", (D.COLLECTED, D.GIVEN_UP)),
    D.COLLECTED: Facts("nobody", "good"),
    D.GIVEN_UP: Facts("nobody", "bad"),
}
DISPATCH_IN_FLIGHT = frozenset({D.CLAIMED, D.SENDING, D.UNKNOWN, D.SENT, D.ADOPTED})

_BEFORE_SENDING = (T.SKIPPED, T.BLOCKED, T.HALTED)
TARGET_STATES: dict[TargetState, Facts] = {
    T.PLANNED: Facts("engine", "unknown", (T.WAKING, T.WAITING, *_BEFORE_SENDING)),
    T.WAKING: Facts("engine", "busy", (T.WAITING, *_BEFORE_SENDING)),
    T.WAITING: Facts("engine", "unknown", (T.CHECKING, *_BEFORE_SENDING)),
    T.CHECKING: Facts("engine", "busy", (T.READY, T.WAITING, T.LOST, *_BEFORE_SENDING)),
    T.READY: Facts("engine", "unknown", (T.IN_DISPATCH, T.DONE, *_BEFORE_SENDING)),
    T.IN_DISPATCH: Facts(
        "host", "busy", (T.REBOOTING, T.VERIFYING, T.DONE, T.LOST, T.READY, *_BEFORE_SENDING)
    ),
    T.REBOOTING: Facts("host", "busy", (T.VERIFYING, T.DONE, T.LOST)),
    T.VERIFYING: Facts("engine", "busy", (T.DONE, T.LOST)),
    T.DONE: Facts("nobody", "good"),
    T.SKIPPED: Facts("nobody", "unknown"),
    T.BLOCKED: Facts("owner", "needs"),
    T.LOST: Facts("admin", "bad"),
    T.HALTED: Facts("admin", "needs"),
}
# The one way back, to WAITING, and only when a person asks for it: operations/retry.py makes it a new attempt.
RETRYABLE = frozenset({T.DONE, T.BLOCKED, T.LOST})
TARGET_OVER = frozenset({T.DONE, T.SKIPPED, T.BLOCKED, T.LOST, T.HALTED})
TARGET_OPEN = frozenset(T) - TARGET_OVER
IN_FLIGHT = frozenset({T.IN_DISPATCH, T.REBOOTING, T.VERIFYING})

H = HoldState
HOLD_STATES: dict[HoldState, Facts] = {
    H.WANTED: Facts("engine", "unknown", (H.STARTING, H.HELD, H.KEPT, H.FAILED)),
    H.STARTING: Facts("engine", "busy", (H.WANTED, H.HELD, H.RELEASING, H.KEPT, H.FAILED)),
    H.HELD: Facts("engine", "good", (H.RELEASING, H.KEPT)),
    H.RELEASING: Facts("engine", "busy", (H.RELEASED, H.KEPT)),
    H.RELEASED: Facts("nobody", "good"),
    H.KEPT: Facts("nobody", "unknown"),
    H.FAILED: Facts("nobody", "bad"),
}
HOLD_OVER = frozenset({H.RELEASED, H.KEPT, H.FAILED})
HOLD_OPEN = (H.WANTED, H.STARTING, H.HELD, H.RELEASING)

S = SnapshotState
SNAPSHOT_STATES: dict[SnapshotState, Facts] = {
    S.WANTED: Facts("engine", "unknown", (S.CREATING, S.FAILED, S.DELETING)),
    S.CREATING: Facts("engine", "busy", (S.TAKEN, S.WANTED, S.UNKNOWN, S.FAILED)),
    S.UNKNOWN: Facts("engine", "needs", (S.TAKEN, S.WANTED, S.FAILED)),
    S.TAKEN: Facts("engine", "busy", (S.COMPLETED, S.FAILED, S.DELETING)),
    S.COMPLETED: Facts("clock", "good", (S.FAILED, S.DELETING)),
    S.FAILED: Facts("clock", "bad", (S.WANTED, S.DELETING)),
    S.DELETING: Facts("engine", "busy", (S.DELETED,)),
    S.DELETED: Facts("nobody", "unknown"),
}
SNAPSHOT_USABLE = frozenset({S.TAKEN, S.COMPLETED})

U = RestoreState  # U for undo
RESTORE_STATES: dict[RestoreState, Facts] = {
    U.WANTED: Facts("engine", "unknown", (U.SENDING, U.FAILED)),
    U.SENDING: Facts("engine", "busy", (U.RUNNING, U.FAILED)),
    U.RUNNING: Facts("engine", "busy", (U.DONE, U.FAILED)),
    U.DONE: Facts("nobody", "good"),
    U.FAILED: Facts("nobody", "bad"),
}
RESTORE_OVER = frozenset({U.DONE, U.FAILED})

P = ProposalState
PROPOSAL_STATES: dict[ProposalState, Facts] = {
    P.OPEN: Facts("admin", "needs", (P.ACCEPTED, P.DISMISSED)),
    P.ACCEPTED: Facts("admin", "good", (P.OPEN,)),
    P.DISMISSED: Facts("admin", "unknown", (P.OPEN,)),
}

W = WaveState
WAVE_STATES: dict[WaveState, Facts] = {
    W.WAITING: Facts("engine", "unknown", (W.CHECKING, W.STOPPED)),
    W.CHECKING: Facts("engine", "busy", (W.RUNNING, W.BAKING, W.PASSED, W.STOPPED)),
    W.RUNNING: Facts("engine", "busy", (W.BAKING, W.PASSED, W.STOPPED)),
    W.BAKING: Facts("engine", "needs", (W.PASSED, W.STOPPED)),
    W.PASSED: Facts("nobody", "good"),
    W.STOPPED: Facts("nobody", "bad"),
}
WAVE_OVER = frozenset({W.PASSED, W.STOPPED})

A = AuditState
AUDIT_STATES: dict[AuditState, Facts] = {
    A.QUEUED: Facts("clock", "unknown", (A.RUNNING, A.FAILED)),
    A.RUNNING: Facts("clock", "busy", (A.DONE, A.FAILED)),
    A.DONE: Facts("nobody", "good"),
    A.FAILED: Facts("nobody", "bad"),
}
AUDIT_OVER = frozenset({A.DONE, A.FAILED})


def outcome_word(state: str, verdict: str) -> str:
    """What a target's state is called: the verdict where the host was judged, else the state itself."""
    if state == TargetState.DONE and verdict in VERDICT_LOOKS:
        return VERDICT_LOOKS[verdict][0]
    return str(TargetState(state).label)


VERDICT_LOOKS: dict[str, tuple[str, str]] = {
    Verdict.PATCHED: ("Patched", "good"),
    Verdict.NOTHING_TO_DO: ("Nothing to do", "good"),
    Verdict.PATCHED_REBOOT_PENDING: ("Reboot pending", "needs"),
    Verdict.PARTLY: ("Partly patched", "needs"),
    Verdict.FAILED: ("Failed", "bad"),
    Verdict.UNKNOWN: ("Unknown", "unknown"),
}
