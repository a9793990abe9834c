"""Addresses of the audit trail."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.audit.views import audit, audit_csv

app_name = "audit"
urlpatterns: list[URLPattern] = [
    path("", audit, name="events"),
    path("events.csv", audit_csv, name="events-csv"),
]
