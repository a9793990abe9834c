"""The evidence behind a report: what the server printed, read from the bucket and compared with what was stored."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from aws.errors import CloudError
from patching.models import HostReport
from portal.access.queries import read_grants_once
from portal.cloud import cloud
from portal.evidence.store import EvidenceAltered, Kept, read_report
from portal.inventory.models import Asset
from portal.tones import Tone
from portal.web.requests import SignedIn

UNHASHED = (
    "It was kept before the portal stored the SHA-256 of evidence, so nothing proves that it is unchanged."
)
NOT_KEPT = "This report is not kept in the bucket."


@require_GET
def report_evidence(request: SignedIn, pk: int, report: int) -> HttpResponse:
    """Shows the object only where its SHA-256 is the one on the row; says what is wrong with it otherwise."""
    read_grants_once(request.user)
    asset = get_object_or_404(Asset.objects.visible_to(request.user), pk=pk)
    reports = HostReport.objects.select_related("target__run")
    found = get_object_or_404(reports, pk=report, target__asset=asset)
    return render(request, "reports/report_evidence.html", {"asset": asset, "report": found} | _proven(found))


def _proven(report: HostReport) -> dict[str, Any]:
    if not report.evidence_sha256:
        return {"problem": UNHASHED if report.evidence_key else NOT_KEPT, "tone": "unknown"}
    try:
        raw = read_report(cloud().objects(), Kept(report.evidence_key, report.evidence_sha256))
    except EvidenceAltered as altered:
        return {"problem": str(altered), "tone": Tone.DANGER}
    except CloudError as error:
        return {"problem": f"It cannot be read now: {error}", "tone": "unknown"}
    return {"text": raw.decode("utf-8", "replace")}
