"""Tags that somebody changed by hand are noticed at the sync, and told once."""

from __future__ import annotations

import pytest

from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from portal.inventory.operations import sync_account
from portal.tagging.writer import write_due
from portal.tags.models import InstanceRef
from portal.tags.operations import request_tag
from tests import cast
from tests.fakes import ACCOUNT, REGION, Clock, FakeCloud


@pytest.mark.django_db
def test_a_tag_changed_by_hand_is_told_once() -> None:
    clock = Clock()
    cloud = FakeCloud(clock)
    host = cloud.add(1)
    account = cast.an_account()
    ref = InstanceRef(ACCOUNT, REGION, host.instance.instance_id)
    request_tag(instances=[ref], key="PatchWindow", value="saturday", reason="Enrolled", by=None, now=clock())
    assert write_due(cloud=cloud, now=clock()) == 1
    clock.forward(60)
    sync_account(account, cloud=cloud, now=clock())
    assert not AuditEvent.objects.filter(kind="tag.drift").exists(), "as written is no drift"
    host.instance.tags["PatchWindow"] = "sunday"
    for _ in range(2):
        clock.forward(60)
        sync_account(account, cloud=cloud, now=clock())
    assert AuditEvent.objects.filter(kind="tag.drift").count() == 1
    assert "PatchWindow" in Asset.objects.get().tag_drift
    host.instance.tags["PatchWindow"] = "saturday"
    clock.forward(60)
    sync_account(account, cloud=cloud, now=clock())
    assert Asset.objects.get().tag_drift == {}
