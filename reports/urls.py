"""Addresses of the joining pages and reports."""

from __future__ import annotations

from django.urls import path

from reports.views import changes, evidence, packages, runs, search, server, servers

app_name = "reports"
urlpatterns = [
    path("", servers.my_servers, name="my-servers"),
    path("servers.csv", servers.servers_csv, name="servers-csv"),
    path("servers/act/", servers.act, name="servers-act"),
    path("servers/<int:pk>/", server.server, name="server"),
    path("servers/<int:pk>/reports/<int:report>/", server.host_report, name="host-report"),
    path("servers/<int:pk>/reports/<int:report>/evidence/", evidence.report_evidence, name="report-evidence"),
    path("servers/<int:pk>/packages/", packages.packages, name="packages"),
    path("servers/<int:pk>/packages.csv", packages.packages_csv, name="packages-csv"),
    path("reports/", runs.finished, name="finished"),
    path("runs/<int:pk>/report/", runs.run_report, name="run-report"),
    path("runs/<int:pk>/report.csv", runs.run_report_csv, name="run-report-csv"),
    path("runs/<int:pk>/changes/", changes.run_changes, name="run-changes"),
    path("runs/<int:pk>/changes.csv", changes.run_changes_csv, name="run-changes-csv"),
    path("search/", search.search, name="search"),
]
