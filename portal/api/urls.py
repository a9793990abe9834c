"""Addresses of the API that belong to no app above. Lists and acts of the apps stand in their own `api` rooms."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.api.audit_events import AuditEvents
from portal.api.documents import Schema, docs
from portal.api.me import MeView

app_name = "api"
urlpatterns: list[URLPattern] = [
    path("me", MeView.as_view(), name="me"),
    path("schema/", Schema.as_view(), name="schema"),
    path("docs/", docs, name="docs"),
    path("audit-events", AuditEvents.as_view(), name="audit-events"),
]
