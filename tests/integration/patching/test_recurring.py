"""A fault that comes back run after run is proposed once, decided by an admin, and counted anew after that."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from patching.documents.host_report import Report
from patching.models import DispatchTarget, FixProposal, Run, Target
from patching.operations import proposals
from patching.operations.outcomes import Outcome
from patching.operations.results import store
from patching.operations.runs import plan_ad_hoc
from patching.states import ProposalState, TargetState
from portal.access.rules import Conflict, Denied, Invalid
from portal.audit.models import AuditEvent
from portal.notify.models import Notification
from tests import cast, fake_reports
from tests.integration.patching.test_pages import NOW, browser

pytestmark = pytest.mark.django_db


def a_check(asset, day: int, *, ok: bool = False, tried: bool = False) -> Target:
    """One run on a later day whose pre-check of this server is stored."""
    now = NOW + timedelta(days=day)
    run = plan_ad_hoc(name=f"Day {day}", like=Run(time_zone="UTC"), starts_at=now, cutoff_at=now + timedelta(hours=1),
                      ends_at=now + timedelta(hours=2), assets=[asset], by=cast.ada(), now=now)  # fmt: skip
    target = run.targets.get()
    Target.objects.filter(pk=target.pk).update(state=TargetState.CHECKING)
    dispatch = run.dispatches.create(phase="precheck", account_id="1", region="r", document_name="d", document_hash="h",
                                     batch=1, instance_ids=[], claimed_at=now, send_before=now)  # fmt: skip
    row = DispatchTarget.objects.create(dispatch=dispatch, target=target, phase="precheck", attempt=1)
    fix = {"tried": tried, "ok": ok, "detail": "Emptied the package cache."}
    check = {"name": "disk_space", "ok": ok, "detail": "/ has 12 MB free; 900 MB are needed.", "fix": fix}
    told = fake_reports.report(
        dispatch=str(dispatch.pk), phase="precheck", status="ready" if ok else "blocked", checks=[check],
        before=fake_reports.side("6.1.96", 3),
    )  # fmt: skip
    store(row, Outcome("Success", "Success", Report.of(told)), now=now)
    return target


def recurs(days: range, asset=None, **facts):
    asset = asset or cast.an_asset()
    for day in days:
        a_check(asset, day, **facts)
    return asset


def test_the_third_time_it_is_proposed_and_only_once():
    cast.ada()
    asset = recurs(range(2))
    assert not FixProposal.objects.exists()
    recurs(range(2, 5), asset)
    proposal = FixProposal.objects.get()
    assert (proposal.check_name, proposal.count, proposal.of) == ("disk_space", 5, 5)
    assert AuditEvent.objects.filter(kind="fix.proposed").count() == 1
    said = f"{asset.label}: disk space had trouble in 3 of its last 3 runs."
    assert Notification.objects.get(user=cast.ada()).sentence == said


def test_a_repair_that_is_needed_each_time_is_proposed_too():
    recurs(range(3), ok=True, tried=True)
    assert FixProposal.objects.get().repaired


def test_a_fine_server_is_left_alone():
    recurs(range(4), ok=True)
    assert not FixProposal.objects.exists()


def test_after_a_decision_only_later_runs_count():
    asset = recurs(range(3))
    proposals.decide(proposal=FixProposal.objects.get(), accepted=False, by=cast.ada(), reason="It is retired soon.",
                     now=NOW + timedelta(days=2, hours=1))  # fmt: skip
    recurs(range(3, 5), asset)
    assert FixProposal.objects.count() == 1
    recurs(range(5, 6), asset)
    assert FixProposal.objects.filter(state=ProposalState.OPEN).count() == 1


def test_only_admins_decide_with_a_reason_and_only_once():
    recurs(range(3))
    proposal = FixProposal.objects.get()
    with pytest.raises(Denied):
        proposals.decide(proposal=proposal, accepted=True, by=cast.ana(), reason="Mine.", now=NOW)
    with pytest.raises(Invalid):
        proposals.decide(proposal=proposal, accepted=True, by=cast.ada(), reason=" ", now=NOW)
    proposals.decide(proposal=proposal, accepted=True, by=cast.ada(), reason="Volume grown.", now=NOW)
    with pytest.raises(Conflict):
        proposals.decide(proposal=proposal, accepted=False, by=cast.ada(), reason="No.", now=NOW)
    proposals.reopen(proposal=proposal, by=cast.ada(), now=NOW)
    proposal.refresh_from_db()
    assert proposal.state == ProposalState.OPEN


class TestPages:
    def test_the_list_tells_fault_trend_and_fix(self):
        asset = recurs(range(3))
        text = browser(cast.ada()).get(reverse("patching:recurring")).content.decode()
        assert "1 fault comes back run after run." in text
        assert asset.label in text
        assert "3 of 3 runs" in text
        assert "Enlarge the volume" in text
        assert (
            "Enlarge the volume"
            in browser(cast.ana()).get(reverse("reports:server", args=[asset.pk])).content.decode()
        )

    def test_owners_and_strangers_are_refused_and_auditors_read(self):
        recurs(range(3))
        proposal = FixProposal.objects.get()
        for name, args in (("recurring", []), ("recurring-csv", []), ("recurring-decide", [proposal.pk])):
            address = reverse(f"patching:{name}", args=args)
            assert browser(cast.ana()).get(address).status_code == 403
        assert browser(cast.audrey()).get(reverse("patching:recurring")).status_code == 200
        assert "Decide…" not in browser(cast.audrey()).get(reverse("patching:recurring")).content.decode()
        address = reverse("patching:recurring-decide", args=[proposal.pk])
        assert (
            browser(cast.audrey()).post(address, {"decision": "accepted", "reason": "x"}).status_code == 403
        )

    def test_an_admin_decides_and_takes_it_back(self):
        recurs(range(3))
        proposal = FixProposal.objects.get()
        address = reverse("patching:recurring-decide", args=[proposal.pk])
        assert browser(cast.ada()).get(address).status_code == 200
        assert browser(cast.ada()).post(address, {"decision": "accepted"}).status_code == 422
        answer = browser(cast.ada()).post(address, {"decision": "accepted", "reason": "Volume grown."})
        assert answer.status_code == 302
        text = browser(cast.ada()).get(reverse("patching:recurring"), {"state": "accepted"}).content.decode()
        assert "Volume grown." in text
        browser(cast.ada()).post(reverse("patching:recurring-reopen", args=[proposal.pk]))
        assert "1 fault comes back" in browser(cast.ada()).get(reverse("patching:recurring")).content.decode()

    def test_filters_export_and_empty(self):
        asset = recurs(range(3))
        ada = browser(cast.ada())
        assert (
            "No fault matches" in ada.get(reverse("patching:recurring"), {"check": "clock"}).content.decode()
        )
        assert asset.label in ada.get(reverse("patching:recurring"), {"q": asset.label}).content.decode()
        lines = b"".join(ada.get(reverse("patching:recurring-csv")).streaming_content).decode().splitlines()
        assert len(lines) == 2
        FixProposal.objects.all().delete()
        assert "Nothing comes back" in ada.get(reverse("patching:recurring")).content.decode()
