"""Runs, dispatches and targets as tables: every move, whose move it is, and how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.db.models import TextChoices

from portal.tones import Tone


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


class Agreement(StrEnum):
    AGREES = "agrees"
    SSM_FAILED_HOST_PATCHED = "ssm_failed_host_patched"
    SSM_OK_HOST_UNPATCHED = "ssm_ok_host_unpatched"
    NO_REPORT = "no_report"


@dataclass(frozen=True)
class Facts:
    """Whose move it is, how it looks, and where it may go."""

    owner: str
    tone: Tone
    moves: tuple[str, ...] = ()


R, D, T = RunState, DispatchState, TargetState
_STOPPABLE = (R.HALTING,)

RUN_STATES: dict[RunState, Facts] = {
    R.PLANNED: Facts("clock", Tone.UNKNOWN, (R.WAKING, R.MISSED, R.CANCELLED, R.HALTING)),
    R.WAKING: Facts("engine", Tone.ACTIVE, (R.CHECKING, R.MISSED, *_STOPPABLE)),
    R.CHECKING: Facts("engine", Tone.ACTIVE, (R.PATCHING, R.VERIFYING, *_STOPPABLE)),
    R.PATCHING: Facts("engine", Tone.ACTIVE, (R.VERIFYING, *_STOPPABLE)),
    R.VERIFYING: Facts("engine", Tone.ACTIVE, (R.FINISHED, *_STOPPABLE)),
    R.HALTING: Facts("engine", Tone.ATTENTION, (R.HALTED,)),
    R.FINISHED: Facts("nobody", Tone.SUCCESS),
    R.MISSED: Facts("nobody", Tone.DANGER),
    R.HALTED: Facts("nobody", Tone.ATTENTION),
    R.CANCELLED: Facts("nobody", Tone.UNKNOWN),
}
RUN_OVER = frozenset({R.FINISHED, R.MISSED, R.HALTED, R.CANCELLED})

DISPATCH_STATES: dict[DispatchState, Facts] = {
    D.CLAIMED: Facts("engine", Tone.ACTIVE, (D.SENDING, D.GIVEN_UP)),
    D.SENDING: Facts("engine", Tone.ACTIVE, (D.SENT, D.UNKNOWN, D.GIVEN_UP)),
    D.UNKNOWN: Facts("engine", Tone.ATTENTION, (D.ADOPTED, D.SENDING, D.GIVEN_UP)),
    D.SENT: Facts("engine", Tone.ACTIVE, (D.COLLECTED, D.GIVEN_UP)),
    D.ADOPTED: Facts("engine", Tone.ACTIVE, (D.COLLECTED, D.GIVEN_UP)),
    D.COLLECTED: Facts("nobody", Tone.SUCCESS),
    D.GIVEN_UP: Facts("nobody", Tone.DANGER),
}
DISPATCH_IN_FLIGHT = frozenset({D.CLAIMED, D.SENDING, D.UNKNOWN, D.SENT, D.ADOPTED})

_BEFORE_SENDING = (T.SKIPPED, T.BLOCKED, T.HALTED)
TARGET_STATES: dict[TargetState, Facts] = {
    T.PLANNED: Facts("engine", Tone.UNKNOWN, (T.WAKING, T.WAITING, *_BEFORE_SENDING)),
    T.WAKING: Facts("engine", Tone.ACTIVE, (T.WAITING, *_BEFORE_SENDING)),
    T.WAITING: Facts("engine", Tone.UNKNOWN, (T.CHECKING, *_BEFORE_SENDING)),
    T.CHECKING: Facts("engine", Tone.ACTIVE, (T.READY, T.WAITING, T.LOST, *_BEFORE_SENDING)),
    T.READY: Facts("engine", Tone.UNKNOWN, (T.IN_DISPATCH, T.DONE, *_BEFORE_SENDING)),
    T.IN_DISPATCH: Facts(
        "host", Tone.ACTIVE, (T.REBOOTING, T.VERIFYING, T.DONE, T.LOST, T.READY, *_BEFORE_SENDING)
    ),
    T.REBOOTING: Facts("host", Tone.ACTIVE, (T.VERIFYING, T.DONE, T.LOST)),
    T.VERIFYING: Facts("engine", Tone.ACTIVE, (T.DONE, T.LOST)),
    T.DONE: Facts("nobody", Tone.SUCCESS),
    T.SKIPPED: Facts("nobody", Tone.UNKNOWN),
    T.BLOCKED: Facts("owner", Tone.ATTENTION),
    T.LOST: Facts("admin", Tone.DANGER),
    T.HALTED: Facts("admin", Tone.ATTENTION),
}
TARGET_OVER = frozenset({T.DONE, T.SKIPPED, T.BLOCKED, T.LOST, T.HALTED})
TARGET_OPEN = frozenset(T) - TARGET_OVER
IN_FLIGHT = frozenset({T.IN_DISPATCH, T.REBOOTING, T.VERIFYING})

H = HoldState
HOLD_STATES: dict[HoldState, Facts] = {
    H.WANTED: Facts("engine", Tone.UNKNOWN, (H.STARTING, H.HELD, H.KEPT, H.FAILED)),
    H.STARTING: Facts("engine", Tone.ACTIVE, (H.WANTED, H.HELD, H.RELEASING, H.KEPT, H.FAILED)),
    H.HELD: Facts("engine", Tone.SUCCESS, (H.RELEASING, H.KEPT)),
    H.RELEASING: Facts("engine", Tone.ACTIVE, (H.RELEASED, H.KEPT)),
    H.RELEASED: Facts("nobody", Tone.SUCCESS),
    H.KEPT: Facts("nobody", Tone.UNKNOWN),
    H.FAILED: Facts("nobody", Tone.DANGER),
}
HOLD_OVER = frozenset({H.RELEASED, H.KEPT, H.FAILED})
HOLD_OPEN = (H.WANTED, H.STARTING, H.HELD, H.RELEASING)

S = SnapshotState
SNAPSHOT_STATES: dict[SnapshotState, Facts] = {
    S.WANTED: Facts("engine", Tone.UNKNOWN, (S.CREATING, S.FAILED, S.DELETING)),
    S.CREATING: Facts("engine", Tone.ACTIVE, (S.TAKEN, S.WANTED, S.UNKNOWN, S.FAILED)),
    S.UNKNOWN: Facts("engine", Tone.ATTENTION, (S.TAKEN, S.WANTED, S.FAILED)),
    S.TAKEN: Facts("engine", Tone.ACTIVE, (S.COMPLETED, S.FAILED, S.DELETING)),
    S.COMPLETED: Facts("clock", Tone.SUCCESS, (S.FAILED, S.DELETING)),
    S.FAILED: Facts("clock", Tone.DANGER, (S.WANTED, S.DELETING)),
    S.DELETING: Facts("engine", Tone.ACTIVE, (S.DELETED,)),
    S.DELETED: Facts("nobody", Tone.UNKNOWN),
}
SNAPSHOT_USABLE = frozenset({S.TAKEN, S.COMPLETED})

U = RestoreState  # U for undo
RESTORE_STATES: dict[RestoreState, Facts] = {
    U.WANTED: Facts("engine", Tone.UNKNOWN, (U.SENDING, U.FAILED)),
    U.SENDING: Facts("engine", Tone.ACTIVE, (U.RUNNING, U.FAILED)),
    U.RUNNING: Facts("engine", Tone.ACTIVE, (U.DONE, U.FAILED)),
    U.DONE: Facts("nobody", Tone.SUCCESS),
    U.FAILED: Facts("nobody", Tone.DANGER),
}
RESTORE_OVER = frozenset({U.DONE, U.FAILED})

P = ProposalState
PROPOSAL_STATES: dict[ProposalState, Facts] = {
    P.OPEN: Facts("admin", Tone.ATTENTION, (P.ACCEPTED, P.DISMISSED)),
    P.ACCEPTED: Facts("admin", Tone.SUCCESS, (P.OPEN,)),
    P.DISMISSED: Facts("admin", Tone.UNKNOWN, (P.OPEN,)),
}

W = WaveState
WAVE_STATES: dict[WaveState, Facts] = {
    W.WAITING: Facts("engine", Tone.UNKNOWN, (W.CHECKING, W.STOPPED)),
    W.CHECKING: Facts("engine", Tone.ACTIVE, (W.RUNNING, W.BAKING, W.PASSED, W.STOPPED)),
    W.RUNNING: Facts("engine", Tone.ACTIVE, (W.BAKING, W.PASSED, W.STOPPED)),
    W.BAKING: Facts("engine", Tone.ATTENTION, (W.PASSED, W.STOPPED)),
    W.PASSED: Facts("nobody", Tone.SUCCESS),
    W.STOPPED: Facts("nobody", Tone.DANGER),
}
WAVE_OVER = frozenset({W.PASSED, W.STOPPED})

A = AuditState
AUDIT_STATES: dict[AuditState, Facts] = {
    A.QUEUED: Facts("clock", Tone.UNKNOWN, (A.RUNNING, A.FAILED)),
    A.RUNNING: Facts("clock", Tone.ACTIVE, (A.DONE, A.FAILED)),
    A.DONE: Facts("nobody", Tone.SUCCESS),
    A.FAILED: Facts("nobody", Tone.DANGER),
}
AUDIT_OVER = frozenset({A.DONE, A.FAILED})
