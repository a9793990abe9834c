"""What runs and all that belongs to them can be: one file for each machine, with its enum, its table and its sets."""

from patching.states.agreement import Agreement
from patching.states.dispatch import (
    DISPATCH,
    DISPATCH_IN_FLIGHT,
    DISPATCH_STATES,
    DISPATCH_UNSENT,
    DispatchState,
)
from patching.states.phase import Phase
from patching.states.power_hold import HOLD, HOLD_OPEN, HOLD_OVER, HOLD_STATES, HoldState
from patching.states.proposal import PROPOSAL, PROPOSAL_STATES, ProposalState
from patching.states.restore import RESTORE, RESTORE_OVER, RESTORE_STATES, RestoreState
from patching.states.run import RUN, RUN_OVER, RUN_STATES, RunState
from patching.states.run_audit import AUDIT, AUDIT_OVER, AUDIT_STATES, AuditState
from patching.states.snapshot import SNAPSHOT, SNAPSHOT_STATES, SNAPSHOT_USABLE, SnapshotState
from patching.states.target import (
    BEFORE_SENDING,
    IN_FLIGHT,
    TARGET,
    TARGET_OPEN,
    TARGET_OVER,
    TARGET_STATES,
    TargetState,
)
from patching.states.verdict import Verdict
from patching.states.wave import WAVE, WAVE_OVER, WAVE_STATES, WaveState

__all__ = [
    "AUDIT",
    "AUDIT_OVER",
    "AUDIT_STATES",
    "BEFORE_SENDING",
    "DISPATCH",
    "DISPATCH_IN_FLIGHT",
    "DISPATCH_STATES",
    "DISPATCH_UNSENT",
    "HOLD",
    "HOLD_OPEN",
    "HOLD_OVER",
    "HOLD_STATES",
    "IN_FLIGHT",
    "PROPOSAL",
    "PROPOSAL_STATES",
    "RESTORE",
    "RESTORE_OVER",
    "RESTORE_STATES",
    "RUN",
    "RUN_OVER",
    "RUN_STATES",
    "SNAPSHOT",
    "SNAPSHOT_STATES",
    "SNAPSHOT_USABLE",
    "TARGET",
    "TARGET_OPEN",
    "TARGET_OVER",
    "TARGET_STATES",
    "WAVE",
    "WAVE_OVER",
    "WAVE_STATES",
    "Agreement",
    "AuditState",
    "DispatchState",
    "HoldState",
    "Phase",
    "ProposalState",
    "RestoreState",
    "RunState",
    "SnapshotState",
    "TargetState",
    "Verdict",
    "WaveState",
]
