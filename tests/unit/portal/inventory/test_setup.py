"""The names of an installation are those of its settings."""

from __future__ import annotations

from django.conf import settings

from aws.iam import Names


def test_the_documented_policies_are_those_of_the_default_settings() -> None:
    """docs/iam-policy.json shows an installation that renamed nothing."""
    made = Names()
    told = (made.tag_keys, made.managed_tag, made.snapshot_tag, made.bucket, made.role)
    keys, tag = tuple(settings.WRITTEN_TAG_KEYS), settings.TAG_KEYS["snapshot"]
    assert told == (keys, settings.MANAGED_TAG, tag, settings.RESULTS_BUCKET, settings.AWS_ROLE_NAME)


def test_no_key_that_the_portal_writes_opens_power_or_restore() -> None:
    assert settings.MANAGED_TAG not in {*settings.WRITTEN_TAG_KEYS, *settings.TAG_KEYS.values()}
