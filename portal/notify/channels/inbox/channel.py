"""The page of notifications in the portal: everybody has it, and everything stands there."""

from __future__ import annotations

from datetime import datetime

from portal.notify.delivery import Channel, Delivery
from portal.notify.models import Notification


class Inbox:
    def keep(self, delivery: Delivery) -> None:
        Notification.objects.bulk_create(
            Notification(user=person, kind=delivery.kind.name, sentence=delivery.sentence, url=delivery.url)
            for person in delivery.people
        )

    def send_due(self, *, now: datetime) -> None:
        """The row is the delivery."""


CHANNEL: Channel = Inbox()
