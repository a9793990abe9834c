"""Collects results: ListCommands first, ListCommandInvocations where a count moved, one S3 object per host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from django.db.models import Min

from aws.errors import CloudError
from aws.ports import Command, Invocation
from patching.documents.host_report import ReportStatus
from patching.engine.answers import Answers
from patching.engine.places import for_each
from patching.engine.scope import Scope
from patching.engine.send import LOOK_BACK
from patching.models import Dispatch, DispatchTarget, Run
from patching.operations import dispatches, results
from patching.operations.outcomes import Outcome
from patching.states import DispatchState, Phase
from portal.evidence import store as evidence
from portal.evidence.store import Kept
from portal.inventory.operations import clear_results_denied, mark_results_denied

NOT_KEPT = Kept("", "")
OVERDUE = "Systems Manager gave no final answer in the time that delivery, execution and reboot may take."
NOTHING_UNREAD: Mapping[int, CloudError] = MappingProxyType({})


def collect_results(scope: Scope) -> None:
    """Every `sweep_s`, or at once after a hint."""
    run = scope.run
    sweep_every = timedelta(seconds=run.run_policy.sweep_s)
    if run.swept_at is None or scope.now() >= run.swept_at + sweep_every:
        sweep(scope)


def sweep(scope: Scope) -> None:
    """Reads every command in flight; each place alone, so one broken account never hides another's results."""
    run = scope.run
    open_rows = run.dispatches.filter(state__in=[DispatchState.SENT, DispatchState.ADOPTED])
    Run.objects.filter(pk=run.pk).update(swept_at=scope.now())
    since = (open_rows.aggregate(first=Min("claimed_at"))["first"] or scope.now()) - LOOK_BACK

    def sweep_place(place: tuple[str, str, str]) -> None:
        account_id, region, document_name = place
        here = {"account_id": account_id, "region": region, "document_name": document_name}
        rows = open_rows.filter(**here).select_related("run")
        try:
            commands = _commands(scope, since, account_id, region, document_name)
        except CloudError as error:
            _give_up_early_waves(rows, error, now=scope.now())
            raise
        for dispatch in rows:
            _reconcile_dispatch(scope, dispatch, commands)

    places = open_rows.values_list("account_id", "region", "document_name").order_by().distinct()
    for_each(list(places), sweep_place)


def _give_up_early_waves(rows: Iterable[Dispatch], error: CloudError, *, now: datetime) -> None:
    """What the next wave waits for is written off when it is overdue, and its hosts are looked at again."""
    for dispatch in rows:
        if now > overdue_at(dispatch) and dispatch.run.waves.filter(number__gt=dispatch.wave).exists():
            why = f"Its answer could not be read while the next wave waited: {error}"
            _write_off(dispatch, now, dict.fromkeys(dispatch.rows.values_list("pk", flat=True), error), why)


def _commands(
    scope: Scope, since: datetime, account_id: str, region: str, document_name: str
) -> list[Command]:
    ssm = scope.ssm((account_id, region))
    return list(ssm.list_commands(document_name=document_name, invoked_after=since))


def _reconcile_dispatch(scope: Scope, dispatch: Dispatch, commands: list[Command]) -> None:
    ours = [command for command in commands if command.comment == dispatch.comment]
    completed = sum(command.completed_count for command in ours)
    # A command that AWS's list does not show yet may have answers all the same.
    nobody = bool(ours) and completed == 0
    unread: dict[int, CloudError] = {}
    if (
        completed != dispatch.completed_seen
        and not nobody
        and _worth_reading(dispatch, completed, scope.now())
    ):
        ids = [command.command_id for command in ours] or dispatch.command_ids
        seen, unread = _collect(scope, dispatch, ids)
        # A list that shows fewer than the count says is not consistent yet: it is read again.
        done = completed if seen >= completed and not unread else -1
        Dispatch.objects.filter(pk=dispatch.pk).update(
            completed_seen=done, command_ids=ids, read_at=scope.now()
        )
    _finish(dispatch, scope.now(), unread)
    for error in unread.values():
        raise error


def _worth_reading(dispatch: Dispatch, completed: int, now: datetime) -> bool:
    """At once when every host has answered; before that each time the command is twice as old as at the last reading.

    A page costs the same for one host as for fifty.
    """
    if completed >= len(dispatch.instance_ids):
        return True
    sent_at = dispatch.sent_at or dispatch.claimed_at
    read_at = dispatch.read_at or sent_at
    gather = timedelta(seconds=dispatch.run.run_policy.gather_s)
    return now >= read_at + max(gather, read_at - sent_at)


def _collect(scope: Scope, dispatch: Dispatch, command_ids: list[str]) -> tuple[int, dict[int, CloudError]]:
    """Stores every terminal invocation that is not stored yet.

    Returns how many terminal ones AWS showed, and row pk → error of those that could not be read or kept now: one
    host's trouble waits for the next sweep alone.
    """
    waiting = {
        row.target.instance_id: row
        for row in dispatch.rows.filter(collected_at=None).select_related("target")
    }
    terminal, found, unread = 0, [], {}
    for command_id in command_ids:
        answers = Answers(scope, dispatch, command_id)
        for invocation in scope.ssm((dispatch.account_id, dispatch.region)).list_invocations(command_id):
            terminal += invocation.terminal
            row = waiting.get(invocation.instance_id)
            if row is None or not invocation.terminal:
                continue
            try:
                outcome = _outcome(scope, dispatch, invocation, answers)
            except CloudError as error:
                unread[row.pk] = error
                continue
            found += [(row, outcome)] if outcome else []
    _store(found, now=scope.now())
    return terminal, unread


def _store(found: list[tuple[DispatchTarget, Outcome]], *, now: datetime) -> None:
    results.store_all(found, now=now)
    readable = [(row.target.asset_id, outcome) for row, outcome in found if outcome.report is not None]
    # Where something lies in its folder, it may write there.
    denied = [asset for asset, outcome in readable if outcome.source != "s3" and not outcome.remark]
    mark_results_denied(asset_ids=denied, now=now)
    clear_results_denied(asset_ids=[pk for pk, outcome in readable if outcome.source == "s3"], now=now)


def _outcome(scope: Scope, dispatch: Dispatch, invocation: Invocation, answers: Answers) -> Outcome | None:
    """What a terminal invocation left; None for a second delivery: it says so at once, the first's report follows."""
    answer = answers.of(invocation)
    second = answer.line is not None and answer.line.status == ReportStatus.DUPLICATE_RUNNING
    if second and dispatch.phase != Phase.VERIFY:
        return None
    said = (invocation.status, invocation.status_details)
    if answer.report is None:
        return Outcome(*said, None, answer.source, missing=answer.missing, line=answer.line)
    kept, problem = _keep(scope, dispatch, invocation, answer.raw)
    return Outcome(
        *said,
        answer.report,
        answer.source,
        kept.key,
        kept.sha256,
        remark=f"{answer.remark} {problem}".strip(),
    )


def _keep(scope: Scope, dispatch: Dispatch, invocation: Invocation, raw: bytes) -> tuple[Kept, str]:
    """Where the report is kept, or why it is not: while the bucket may still come back, that is tried again."""
    key = evidence.report_key(
        run_id=dispatch.run_id,
        starts_at=dispatch.run.starts_at,
        account_id=dispatch.account_id,
        phase=dispatch.phase,
        instance_id=invocation.instance_id,
        dispatch_id=str(dispatch.pk),
        sha256=evidence.digest(raw),
    )
    try:
        return evidence.store_report(scope.cloud.objects(), key=key, raw=raw), ""
    except evidence.EvidenceAltered as problem:
        return NOT_KEPT, f"The report was read but is not kept as evidence: {problem}"
    except CloudError as error:
        if scope.now() <= overdue_at(dispatch):
            raise
        return NOT_KEPT, f"The report was read but is not kept as evidence: {error}"


def _finish(dispatch: Dispatch, now: datetime, unread: Mapping[int, CloudError]) -> None:
    if not dispatch.rows.filter(collected_at=None).exists():
        dispatches.close(dispatch, DispatchState.COLLECTED, now=now)
    elif now > overdue_at(dispatch):
        _write_off(dispatch, now, unread)


def overdue_at(dispatch: Dispatch) -> datetime:
    """After this nothing more can come: delivery and execution time-outs and the reboot are over."""
    policy = dispatch.run.run_policy
    wait = policy.delivery_timeout_s + policy.execution_timeout_s + policy.reboot_grace_s
    return (dispatch.sent_at or dispatch.claimed_at) + timedelta(seconds=wait)


def _write_off(
    dispatch: Dispatch, now: datetime, unread: Mapping[int, CloudError] = NOTHING_UNREAD, why: str = OVERDUE
) -> None:
    lost = []
    for row in dispatch.rows.filter(collected_at=None):
        missing = f"Its answer could not be read to the end: {unread[row.pk]}" if row.pk in unread else why
        lost.append((row, Outcome(row.status or "Unknown", row.status_details, None, missing=missing)))
    results.store_all(lost, now=now)
    dispatches.close(dispatch, DispatchState.GIVEN_UP, now=now, reason=why)


def write_off_all(run: Run, *, now: datetime) -> None:
    """The end bound: whatever AWS never answered is closed with a reason."""
    for dispatch in run.dispatches.filter(state__in=[DispatchState.SENT, DispatchState.ADOPTED]):
        _write_off(dispatch, now)
