"""Published events to one SNS topic: at least once, in order per row. A FIFO topic drops repeats for five minutes."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from aws.errors import Ambiguous, CloudError, Unasked
from portal.cloud import topics
from portal.notify.delivery import Channel, Delivery
from portal.notify.events import attributes_of, document, title_of
from portal.notify.models import Message
from portal.notify.outbox import NotTaken, hand_over

NAME = "sns"


class Sns:
    """Without a topic nothing is kept for it."""

    def __init__(self, topic: str) -> None:
        self.topic = topic

    def keep(self, delivery: Delivery) -> None:
        if not (self.topic and delivery.event):
            return
        event, kind, now, own = delivery.event(), delivery.kind.name, timezone.now(), uuid.uuid4()
        link = f"{settings.PORTAL_URL}{delivery.url}"
        body = document(event, kind=kind, message_id=str(own), sentence=delivery.sentence, link=link, at=now)
        Message.objects.create(
            message_id=own, channel=NAME, target=self.topic, kind=kind, about=event.about, title=title_of(event),
            body=body, attributes=attributes_of(event, kind), created_at=now, next_try_at=now,
        )  # fmt: skip

    def send_due(self, *, now: datetime) -> None:
        hand_over(NAME, _publish, now=now)


def _publish(message: Message) -> str:
    try:
        return topics().publish(
            message.target, title=message.title, body=message.body, attributes=message.attributes,
            order=message.about, token=str(message.message_id),
        )  # fmt: skip
    except CloudError as error:
        unheard = isinstance(error, Ambiguous | Unasked)
        raise NotTaken(str(error), arrived=isinstance(error, Ambiguous), silent=unheard) from error


CHANNEL: Channel = Sns(settings.NOTIFY_TOPIC_ARN)
