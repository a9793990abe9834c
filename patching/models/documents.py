"""Which version of which document stands in which account and region."""

from __future__ import annotations

from django.db import models


class PublishedDocument(models.Model):
    """One of our documents as published; the content hash tells whether it must be published again."""

    account_id = models.CharField(max_length=12)
    region = models.CharField(max_length=32)
    name = models.CharField(max_length=128)
    content_hash = models.CharField(max_length=64)
    version = models.CharField(max_length=16)
    published_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account_id", "region", "name"], name="document_once")]

    def __str__(self) -> str:
        return f"{self.name} v{self.version} in {self.account_id} {self.region}"
