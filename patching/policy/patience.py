"""How often AWS is asked again for what it has refused: each wait longer than the last, and an end (I14). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Patience:
    """Waits from `first_s`, doubled up to `longest_s` seconds; after `most_tries` it ends with a reason."""

    first_s: int
    longest_s: int
    most_tries: int

    def wait(self, tries: int) -> timedelta:
        """Before the next try, after so many."""
        return timedelta(seconds=min(self.first_s * 2 ** min(max(tries - 1, 0), 20), self.longest_s))

    def over(self, tries: int) -> bool:
        return tries >= self.most_tries


# StopInstances, and giving other schedulers' tags back: about 50 minutes.
STOPS = Patience(first_s=30, longest_s=600, most_tries=10)
# A refusal that lasts is asked again only because EC2 shows a changed attribute with a delay.
LASTING = Patience(first_s=30, longest_s=600, most_tries=3)
# CreateSnapshot while AWS wants fewer calls; its end is the window's cutoff.
SNAPSHOTS = Patience(first_s=5, longest_s=60, most_tries=1_000)
STOPPED_WITHIN = timedelta(hours=1)


def stopped_by(ends_at: datetime, releasing_at: datetime) -> datetime:
    """The last moment at which a stop is tried: an hour after the window's end, or after the server was let go."""
    return max(ends_at, releasing_at) + STOPPED_WITHIN


@dataclass(frozen=True)
class Fading:
    """Looks at what goes on at AWS, each after a quarter of the time that it has taken; the last after `ends`."""

    least_s: int
    most_s: int
    ends: timedelta

    def wait(self, since: datetime, now: datetime) -> timedelta:
        return min(max((now - since) / 4, timedelta(seconds=self.least_s)), timedelta(seconds=self.most_s))

    def over(self, since: datetime, now: datetime) -> bool:
        return now - since >= self.ends


# A snapshot's copy: followed until its own time is over.
COPIES = Fading(least_s=30, most_s=3_600, ends=timedelta(days=366))
# A snapshot that AWS does not delete, e.g. while an image uses it: since its time was over.
DELETIONS = Fading(least_s=3_600, most_s=86_400, ends=timedelta(days=30))
# A root volume that is being replaced: since EC2 began with it.
RESTORES = Fading(least_s=10, most_s=600, ends=timedelta(days=1))
