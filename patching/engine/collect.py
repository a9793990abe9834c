"""Collects results: ListCommands first, ListCommandInvocations where a count moved, one S3 object per host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

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
from patching.planner import batches
from patching.states import DispatchState, Phase
from portal.evidence import store as evidence
from portal.evidence.store import Kept
from portal.inventory.operations import clear_results_denied, mark_results_denied

AT_ONCE = 5  # commands whose results are stored together: up to 250 reports in memory
LONGEST = timedelta(seconds=20)  # of one look at the results of a place
Found = list[tuple[DispatchTarget, Outcome]]
NOT_KEPT = Kept("", "")
OVERDUE = "Systems Manager gave no final answer in the time that delivery, execution and reboot may take."
NOTHING_UNREAD: Mapping[int, CloudError] = MappingProxyType({})


def collect_results(scope: Scope) -> datetime | None:
    """Every `sweep_s`, or at once after a hint. Due again at once while a place has more than fits into one look."""
    run = scope.run
    sweep_every = timedelta(seconds=run.run_policy.sweep_s)
    if run.swept_at is None or scope.now() >= run.swept_at + sweep_every:
        return sweep(scope)
    return None


def sweep(scope: Scope) -> datetime | None:
    """Reads the commands in flight; each place alone, so one broken account never hides another's results.

    After a while a place is left with the rest unread, so that what waits to be sent there has its turn.
    """
    run, left = scope.run, list[int]()
    open_rows = run.dispatches.filter(state__in=[DispatchState.SENT, DispatchState.ADOPTED])
    Run.objects.filter(pk=run.pk).update(swept_at=scope.now())
    since = (open_rows.aggregate(first=Min("claimed_at"))["first"] or scope.now()) - LOOK_BACK

    def sweep_place(place: tuple[str, str, str]) -> None:
        account_id, region, document_name = place
        rows = list(open_rows.filter(account_id=account_id, region=region, document_name=document_name))
        try:
            commands = _commands(scope, since, account_id, region, document_name)
        except CloudError as error:
            _give_up_early_waves(rows, error, now=scope.now())
            raise
        ours: dict[str, list[Command]] = defaultdict(list)
        for command in commands:
            ours[command.comment].append(command)
        until = scope.now() + LONGEST

        def reconcile(some: list[Dispatch]) -> None:
            if scope.now() < until:
                _reconcile_dispatches(scope, some, ours)
            elif not left:
                left.append(Run.objects.filter(pk=run.pk).update(swept_at=None))

        for_each(batches(rows, AT_ONCE), reconcile)

    places = open_rows.values_list("account_id", "region", "document_name").order_by().distinct()
    for_each(list(places), sweep_place)
    return scope.now() if left else None


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


def _reconcile_dispatches(scope: Scope, some: list[Dispatch], ours: Mapping[str, list[Command]]) -> None:
    """Reads the commands whose count has moved, stores what they brought together, and closes those that are through.

    Raises the first CloudError that a command or a host met, after all the others are stored.
    """
    unread: dict[int, CloudError] = {}
    failed: dict[UUID, CloudError] = {}  # of these nothing is known: they stay as they are
    now = scope.now()
    read = [row for row in some if _is_to_be_read(row, ours.get(row.comment, []), now)]
    waiting = _waiting(read)
    found: Found = []
    for dispatch in read:
        try:
            found += _read(scope, dispatch, ours.get(dispatch.comment, []), waiting[dispatch.pk], unread)
        except CloudError as error:
            failed[dispatch.pk] = error
    _store(found, now=scope.now())
    known = [row for row in read if row.pk not in failed]
    Dispatch.objects.bulk_update(known, ["completed_seen", "command_ids", "read_at"])
    _finish([row for row in some if row.pk not in failed], scope.now(), unread)
    if met := [*failed.values(), *unread.values()]:
        raise met[0]


def _is_to_be_read(dispatch: Dispatch, commands: list[Command], now: datetime) -> bool:
    """A command that AWS's list does not show yet may have answers all the same."""
    completed = _completed(commands)
    nobody = bool(commands) and completed == 0
    return completed != dispatch.completed_seen and not nobody and _worth_reading(dispatch, completed, now)


def _completed(commands: list[Command]) -> int:
    return sum(command.completed_count for command in commands)


def _waiting(read: list[Dispatch]) -> dict[UUID, dict[str, DispatchTarget]]:
    """Dispatch → instance id → row of those whose outcome is not stored."""
    found: dict[UUID, dict[str, DispatchTarget]] = defaultdict(dict)
    rows = DispatchTarget.objects.filter(dispatch__in=read, collected_at=None).select_related("target")
    narrow = ("dispatch_id", "target_id", "target__instance_id", "target__asset_id")
    for row in rows.only(*narrow) if read else ():
        found[row.dispatch_id][row.target.instance_id] = row
    return found


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


def _read(
    scope: Scope,
    dispatch: Dispatch,
    commands: list[Command],
    waiting: Mapping[str, DispatchTarget],
    unread: dict[int, CloudError],
) -> Found:
    """Reads every terminal invocation that is not stored yet.

    Notes row pk → error of those that could not be read or kept now: one host's trouble waits for the next sweep alone.
    """
    dispatch.command_ids = [command.command_id for command in commands] or dispatch.command_ids
    terminal, before, found = 0, len(unread), []
    for command_id in dispatch.command_ids:
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
    # A list that shows fewer than the count says is not consistent yet: it is read again.
    completed = _completed(commands)
    dispatch.completed_seen = completed if terminal >= completed and len(unread) == before else -1
    dispatch.read_at = scope.now()
    return found


def _store(found: Found, *, now: datetime) -> None:
    if not found:
        return
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


def _finish(some: list[Dispatch], now: datetime, unread: Mapping[int, CloudError]) -> None:
    """Closes those of which nothing is open any more, or nothing more can come."""
    open_rows = DispatchTarget.objects.filter(dispatch__in=some, collected_at=None).order_by()
    still_open = set(open_rows.values_list("dispatch", flat=True).distinct())
    dispatches.close_collected([row.pk for row in some if row.pk not in still_open], now=now)
    for dispatch in some:
        if dispatch.pk in still_open and now > overdue_at(dispatch):
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
