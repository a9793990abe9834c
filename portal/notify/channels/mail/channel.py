"""E-mail about changes to a person's own sign-in and grants, at every address concerned."""

from __future__ import annotations

from datetime import datetime, timedelta
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.audit.operations import Entry, record
from portal.notify.delivery import Channel, Delivery
from portal.notify.models import SecurityNotice

SUBJECT = "Patch Portal: your sign-in or your rights have changed"
UNEXPECTED = "If you did not expect this, tell a patch admin at once."
# The last of 8 tries comes about four hours after the change.
TRIES, FIRST_WAIT = 8, timedelta(minutes=2)
AT_ONCE = 50  # e-mails a task; each may wait for settings.EMAIL_TIMEOUT
log = structlog.get_logger(__name__)


class Mail:
    """Without a mail server only the portal itself tells."""

    def keep(self, delivery: Delivery) -> None:
        if not (settings.EMAIL_HOST and delivery.kind.personal):
            return
        now = timezone.now()
        SecurityNotice.objects.bulk_create(
            SecurityNotice(
                user=person, address=address, sentence=delivery.sentence, created_at=now, next_try_at=now
            )
            for person in delivery.people
            for address in dict.fromkeys(filter(None, (person.email, delivery.also_at)))
        )

    def send_due(self, *, now: datetime) -> None:
        """Hands what is due to the mail server. One that does not answer ends the round: the rows wait for the next."""
        if not settings.EMAIL_HOST:
            return
        due = SecurityNotice.objects.filter(next_try_at__lte=now).order_by("next_try_at")
        for notice in due.select_related("user")[:AT_ONCE]:
            if _claimed(notice, now) and not _sent(notice, now):
                return


def _claimed(notice: SecurityNotice, now: datetime) -> bool:
    """Counts the try before it is made; False where another worker was first."""
    again = now + FIRST_WAIT * 2**notice.tries
    mine = SecurityNotice.objects.filter(pk=notice.pk, next_try_at=notice.next_try_at)
    return bool(mine.update(tries=F("tries") + 1, next_try_at=again))


def _sent(notice: SecurityNotice, now: datetime) -> bool:
    """False when the server could not be reached; an address that it refuses is no reason to stop."""
    body = f"{notice.sentence}\n\n{UNEXPECTED}\n{settings.PORTAL_URL}\n"
    try:
        EmailMessage(SUBJECT, body, to=[notice.address]).send()
    except (OSError, SMTPException, ValueError) as error:
        log.warning("notice_not_sent", notice=notice.pk, error=str(error))
        _give_up_after_the_last(notice)
        return isinstance(error, (SMTPException, ValueError))
    SecurityNotice.objects.filter(pk=notice.pk).update(next_try_at=None, sent_at=now)
    return True


@transaction.atomic
def _give_up_after_the_last(notice: SecurityNotice) -> None:
    if notice.tries + 1 < TRIES:
        return
    SecurityNotice.objects.filter(pk=notice.pk).update(next_try_at=None)
    name, sentence = notice.user.display_name, notice.sentence
    summary = f"The mail server did not take the e-mail to {notice.address}, so {name} was not told there: {sentence}"
    record(Entry("person.not_told", "person", str(notice.user_id), summary), by=None)


CHANNEL: Channel = Mail()
