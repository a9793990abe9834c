"""Whether Systems Manager and the host say the same."""

from __future__ import annotations

from enum import StrEnum


class Agreement(StrEnum):
    AGREES = "agrees"
    SSM_FAILED_HOST_PATCHED = "ssm_failed_host_patched"
    SSM_OK_HOST_UNPATCHED = "ssm_ok_host_unpatched"
    NO_REPORT = "no_report"
