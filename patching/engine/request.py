"""The one SendCommand of a dispatch: document, parameters, and where its output goes."""

from __future__ import annotations

from django.conf import settings

from aws.ports import SendRequest
from patching.documents import aws_windows
from patching.documents.assemble import parameters_of
from patching.models import Dispatch
from patching.operations.admission import last_look
from patching.queries.looks import asked_about
from patching.states import Phase

# A look back waits for package work that outlives its command. The pre-check's own deadline is 3,000 s.
LONGEST_LOOK_S = 2_400
LOOK_DEADLINE_S = 3_000
LOOK_MARGIN_S = 300  # for the look itself, before every target must be over


def request(dispatch: Dispatch) -> SendRequest:
    policy = dispatch.run.run_policy
    return SendRequest(
        document_name=dispatch.document_name,
        document_version=dispatch.document_version,
        instance_ids=tuple(dispatch.instance_ids),
        parameters=parameters(dispatch),
        comment=dispatch.comment,
        delivery_timeout_s=max(30, policy.delivery_timeout_s),
        output_bucket=settings.RESULTS_BUCKET,
        output_prefix=dispatch.output_prefix,
    )


def parameters(dispatch: Dispatch) -> dict[str, list[str]]:
    """Those that the document declares; the others keep what the document says of them."""
    policy = dispatch.run.run_policy
    if dispatch.document_name == aws_windows.NAME:
        excluded = aws_windows.kb_numbers(policy.exclude)
        return aws_windows.parameters(mode=policy.mode, reboot=policy.reboot, excluded=excluded)
    declared = parameters_of(dispatch.document_name)
    return {name: [value] for name, value in _values(dispatch).items() if name in declared}


def _values(dispatch: Dispatch) -> dict[str, str]:
    policy = dispatch.run.run_policy
    values = {
        "DispatchId": str(dispatch.pk),
        "DocumentHash": dispatch.document_hash,
        "SentAt": str(int(dispatch.claimed_at.timestamp())),
        "Fixes": _fixes(dispatch, policy.fixes),
        "MinFreeMb": str(policy.min_free_mb),
        "LockWaitSeconds": str(policy.lock_wait_s),
        "DeadlineSeconds": str(policy.deadline_s),
        "Mode": policy.mode,
    }
    if dispatch.phase != Phase.PRECHECK:  # the re-scan too: what is left out on purpose is not missing
        values |= {"RebootPolicy": policy.reboot, "Exclude": policy.exclude}
    if dispatch.phase == Phase.PATCH:
        values |= {"PreScript": policy.pre_script, "PostScript": policy.post_script}
        values |= {"PackageSet": dispatch.package_set}
    if dispatch.phase == Phase.VERIFY:
        values |= {"AfterDispatch": asked_about(dispatch), "DeadlineSeconds": str(LOOK_DEADLINE_S)}
        values |= {"LockWaitSeconds": str(look_wait_s(dispatch))}
    return values


def look_wait_s(dispatch: Dispatch) -> int:
    """How long a look waits on the host for work that still goes on: as long as the run can wait for it."""
    left = int((last_look(dispatch.run) - dispatch.claimed_at).total_seconds()) - LOOK_MARGIN_S
    return min(max(left, dispatch.run.run_policy.lock_wait_s), LONGEST_LOOK_S)


def _fixes(dispatch: Dispatch, allowed: str) -> str:
    if dispatch.phase == Phase.VERIFY:
        return "none"
    early = dispatch.claimed_at < dispatch.run.starts_at or dispatch.run.check_only
    return "early" if early and allowed == "all" else allowed
