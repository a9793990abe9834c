"""Addresses of accounts and coverage."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.inventory.views.accounts import account, account_check, account_new, accounts
from portal.inventory.views.coverage import coverage, coverage_csv
from portal.inventory.views.role import account_role, account_role_template

app_name = "inventory"
urlpatterns: list[URLPattern] = [
    path("aws-accounts/", accounts, name="accounts"),
    path("aws-accounts/new/", account_new, name="account-new"),
    path("aws-accounts/<int:pk>/", account, name="account"),
    path("aws-accounts/<int:pk>/check/", account_check, name="account-check"),
    path("aws-accounts/<int:pk>/role/", account_role, name="account-role"),
    path("aws-accounts/<int:pk>/role/<slug:may>.json", account_role_template, name="account-role-template"),
    path("coverage/", coverage, name="coverage"),
    path("coverage/servers.csv", coverage_csv, name="coverage-csv"),
]
