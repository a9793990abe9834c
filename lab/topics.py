"""The topic of the simulated installation, and a queue that subscribes to it: what other people's programs read."""

from __future__ import annotations

from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from lab.scenario import RESULTS_REGION, Scenario

TOPIC = QUEUE = "patch-portal-notices"


def open_topic(scenario: Scenario) -> None:
    """Both in the portal's account; a later start of the lab begins with an empty queue."""
    if scenario.bare:
        return
    account = scenario.portal_account
    queue = sqs_backends[account][RESULTS_REGION].create_queue(QUEUE, {})
    topic = sns_backends[account][RESULTS_REGION].create_topic(TOPIC)
    subscription = sns_backends[account][RESULTS_REGION].subscribe(topic.arn, queue.queue_arn, "sqs")
    sns_backends[account][RESULTS_REGION].set_subscription_attributes(
        subscription.arn, "RawMessageDelivery", "true"
    )


def topic_of(account: str) -> str:
    return f"arn:aws:sns:{RESULTS_REGION}:{account}:{TOPIC}"
