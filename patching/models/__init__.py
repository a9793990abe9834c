"""Tables of windows, runs and what hosts reported."""

from patching.models.audits import RunAudit
from patching.models.documents import PublishedDocument
from patching.models.hindrances import Hindrance
from patching.models.power import PowerHold, SchedulerHold
from patching.models.proposals import FixProposal
from patching.models.results import AssetPatchState, HostReport, PackageChange
from patching.models.runs import Dispatch, DispatchTarget, Run, RunScope, SendingPause, Target, Wave
from patching.models.snapshots import Restore, RootSnapshot
from patching.models.standings import AssetStanding
from patching.models.windows import Enrolment, Window

__all__ = [
    "AssetPatchState",
    "AssetStanding",
    "Dispatch",
    "DispatchTarget",
    "Enrolment",
    "FixProposal",
    "Hindrance",
    "HostReport",
    "PackageChange",
    "PowerHold",
    "PublishedDocument",
    "Restore",
    "RootSnapshot",
    "Run",
    "RunAudit",
    "RunScope",
    "SchedulerHold",
    "SendingPause",
    "Target",
    "Wave",
    "Window",
]
