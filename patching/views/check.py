"""One server is checked again, by its owner or an admin, after somebody has mended it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from patching.operations import ad_hoc
from portal.access.rules import Conflict
from portal.inventory.models import Asset
from portal.web.refusals import note
from portal.web.requests import SignedIn


@require_POST
def check_again(request: SignedIn, pk: int) -> HttpResponse:
    """Leads to the run that checks it, or back to the server with the reason why there is none."""
    asset = get_object_or_404(Asset.objects.visible_to(request.user), pk=pk)
    try:
        run = ad_hoc.check_again(asset=asset, by=request.user, now=timezone.now())
    except Conflict as refusal:
        note(refusal)
        messages.warning(request, str(refusal))
        return redirect("reports:server", asset.pk)
    messages.success(request, f"{asset.label} is checked now. Nothing is installed on it.")
    return redirect("patching:run", run.pk)
