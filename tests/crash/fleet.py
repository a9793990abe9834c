"""People, window, exception and runs of the crash test's fleet. Needs Django."""

from __future__ import annotations

from datetime import datetime, timedelta

from exceptions.operations import approve, submit
from patching.models import Run, Window
from patching.operations.windows import enrol, offer
from patching.states import TargetState, Verdict
from patching.window_facts import WindowFacts
from portal.calendar.recurrence import Recurrence
from portal.cloud import cloud
from portal.inventory.models import Account, Asset
from portal.inventory.operations import sync_all
from portal.tagging.writer import write_due
from tests import cast
from tests.ad_hoc import start_unguarded
from tests.crash.scenario import EXEMPT, PORTAL, REGION, account_of

# A run of a few seconds. What bounds a run (time-outs, the window itself) is long enough for a machine that is busy.
QUICK = {
    "lead_s": 5, "wake_timeout_s": 60, "delivery_timeout_s": 30, "execution_timeout_s": 40, "deadline_s": 30,
    "reboot_grace_s": 10, "settle_s": 2, "send_within_s": 6, "gather_s": 0, "sweep_s": 0, "lock_wait_s": 2,
    "end_bound_s": 60, "stop_at_error_percent": 100, "waves": [{"name": "Canary", "count": 1}],
}  # fmt: skip
CERTAIN = {(TargetState.DONE, Verdict.PATCHED), (TargetState.DONE, Verdict.NOTHING_TO_DO)}
BAD = {(TargetState.DONE, Verdict.PARTLY), (TargetState.DONE, Verdict.FAILED)}
# How each host's target may end, whatever is killed: nobody healthy is lost.
ENDS: dict[str, set[tuple[str, str]]] = {
    "app": CERTAIN, "db-01": CERTAIN, "db-02": CERTAIN, "nap": CERTAIN, "sick": BAD,
    "exempt": {(TargetState.SKIPPED, "")},
}  # fmt: skip


def found(lanes: int, now: datetime) -> Window:
    """Accounts, servers, one window, one approved exception a lane: all by the product's own operations."""
    for number in (PORTAL, *(account_of(lane) for lane in range(lanes))):
        facts = {"name": number, "role_name": "PatchPortal", "external_id": "x1", "regions": [REGION]}
        Account.objects.create(account_id=number, **facts)
    sync_all(cloud=cloud(), now=now)
    far_off = Recurrence(
        "weekly", (now + timedelta(days=3)).weekday(), None, datetime.min.time(), "Europe/Berlin"
    )
    facts = WindowFacts(
        name="Some other night", schedule=far_off, duration_minutes=60, cutoff_minutes=10, policy=QUICK
    )
    window = offer(facts, by=cast.ada(), now=now)
    enrol(assets=list(Asset.objects.all()), window=window, by=cast.ada(), now=now)
    _except(list(Asset.objects.filter(name__endswith=f"-{EXEMPT}")), now)
    write_due(cloud=cloud(), now=now)  # so that a run's calls are its own
    return window


def _except(assets: list[Asset], now: datetime) -> None:
    cast.bo()  # somebody must be able to approve
    request = submit(
        assets=assets, from_date=now.date(), to_date=now.date() + timedelta(days=2), time_zone="UTC",
        category="audit", reason="The auditors are in the building.", by=cast.ana(), now=now,
    )  # fmt: skip
    approve(request=request, by=cast.bo(), now=now)


def run_of(window: Window, lane: int, now: datetime) -> Run:
    """A run of one lane's servers that starts now."""
    assets = Asset.objects.filter(account__account_id=account_of(lane)).select_related("account")
    return start_unguarded(window=window, by=cast.ada(), now=now, assets=assets)
