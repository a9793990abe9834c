"""The evidence page shows what was stored, and nothing else."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from aws.errors import AccessRefused
from patching.models import HostReport
from portal.evidence.store import Kept, store_report
from reports.views import evidence
from tests import cast
from tests.fake_s3 import FakeObjects
from tests.fakes import Clock, FakeCloud, raising
from tests.integration.reports.test_pages import a_finished_run, a_host_report, browser, text
from tests.unguarded import unguarded

pytestmark = pytest.mark.django_db
RAW = b"PATCH-PORTAL-RESULT {} <script>alert('x')</script> \xff"


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    made = FakeCloud(Clock())
    monkeypatch.setattr(evidence, "cloud", lambda: made)
    return made


@pytest.fixture
def report(cloud: FakeCloud) -> HostReport:
    made = a_host_report(a_finished_run(cast.an_asset(name="pay-1")).targets.get())
    return kept_as(made, store_report(FakeObjects(cloud), key="evidence/1/k.txt", raw=RAW))


def kept_as(report: HostReport, kept: Kept) -> HostReport:
    report.evidence_key, report.evidence_sha256 = kept.key, kept.sha256
    with unguarded():
        report.save()
    return report


def page(report: HostReport, client: Client | None = None, name: str = "report-evidence") -> str:
    return text(
        client or browser(cast.ana), reverse(f"reports:{name}", args=[report.target.asset_id, report.pk])
    )


def test_unchanged_evidence_is_shown_as_printed(report: HostReport) -> None:
    shown = page(report)
    assert "pay-1 printed this, and it is unchanged." in shown
    assert "PATCH-PORTAL-RESULT {} &lt;script&gt;" in shown
    assert report.evidence_sha256 in shown


def test_altered_evidence_is_told_and_not_shown(report: HostReport, cloud: FakeCloud) -> None:
    cloud.stored[report.evidence_key] = b"patched, agrees"
    shown = page(report)
    assert "The evidence of pay-1 is not what was stored." in shown
    assert f"{report.evidence_sha256} was stored" in shown
    assert "patched, agrees" not in shown


def test_evidence_that_is_gone_or_shut_is_told(report: HostReport, cloud: FakeCloud) -> None:
    raising(cloud, "GetObject", AccessRefused("GetObject is not allowed."))
    assert "It cannot be read now: GetObject is not allowed." in page(report)
    cloud.stored.clear()
    assert "is not in the bucket patch-portal-results any more" in page(report)


def test_what_has_no_sha256_is_not_called_proven(report: HostReport, cloud: FakeCloud) -> None:
    cloud.stored["reports/old.txt"] = RAW
    shown = page(kept_as(report, Kept("reports/old.txt", "")))
    assert "nothing proves that it is unchanged" in shown
    assert "PATCH-PORTAL-RESULT" not in shown
    assert "This report is not kept in the bucket." in page(kept_as(report, Kept("", "")))


def test_the_report_leads_to_its_evidence_and_says_what_is_to_be_said(report: HostReport) -> None:
    with unguarded():
        HostReport.objects.filter(pk=report.pk).update(remark="More than 50 objects lie in its folder.")
    shown = page(report, name="host-report")
    assert report.evidence_sha256[:12] in shown
    assert reverse("reports:report-evidence", args=[report.target.asset_id, report.pk]) in shown
    assert "More than 50 objects lie in its folder." in shown


def test_a_stranger_reads_no_evidence(report: HostReport, cloud: FakeCloud) -> None:
    asset = report.target.asset_id
    assert (
        browser(cast.cy).get(reverse("reports:report-evidence", args=[asset, report.pk])).status_code == 404
    )
    own = cast.an_asset(name="intranet-1", application="intranet").pk
    assert browser(cast.cy).get(reverse("reports:report-evidence", args=[own, report.pk])).status_code == 404
    assert not cloud.called("GetObject")
