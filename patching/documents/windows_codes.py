"""Windows' own numbers of errors, with Microsoft's names and a sentence for a person: those that fleets meet.

Source of the names: "Windows Update error codes by component" and "System Error Codes" on learn.microsoft.com, and the
headers wuerror.h, winerror.h and cbserr.h. An unknown number is shown as it is.
"""

from __future__ import annotations

_NETWORK = "The server could not be reached; look at the proxy, the firewall and the name service."
_STORE = "The store of Windows components is damaged; DISM /Online /Cleanup-Image /RestoreHealth repairs most of it."
_BUSY = "Another installation was at work; try again when it has ended."
_RESTART = "A restart is open; restart the server, then try again."
_POLICY = "A policy of the server forbids it; ask who keeps its group policy."
_SPACE = "The disk is full; make room on the system drive."
_AGENT = (
    "The Windows Update Agent is not well; restart its service, or reset its folder SoftwareDistribution."
)

CODES: dict[str, tuple[str, str]] = {
    "0x80070002": ("ERROR_FILE_NOT_FOUND", _STORE),
    "0x80070003": ("ERROR_PATH_NOT_FOUND", _STORE),
    "0x80070005": (
        "E_ACCESSDENIED",
        "Access was denied; endpoint protection or rights on system files keep it out.",
    ),
    "0x8007000D": ("ERROR_INVALID_DATA", _STORE),
    "0x8007000E": ("E_OUTOFMEMORY", "Memory ran out; free some, or restart the server."),
    "0x80070020": ("ERROR_SHARING_VIOLATION", "A file was in use, often by endpoint protection; try again."),
    "0x80070070": ("ERROR_DISK_FULL", _SPACE),
    "0x80070422": ("ERROR_SERVICE_DISABLED", "The Windows Update service is disabled; let it start."),
    "0x8007045B": (
        "ERROR_SHUTDOWN_IN_PROGRESS",
        "The server was going down; it is tried again after the start.",
    ),
    "0x80070490": ("ERROR_NOT_FOUND", _STORE),
    "0x800705B4": ("ERROR_TIMEOUT", "It took too long; try again."),
    "0x80070643": (
        "ERROR_INSTALL_FAILURE",
        "The update's own installer failed; its log on the server tells why.",
    ),
    "0x80070BC2": ("ERROR_SUCCESS_REBOOT_REQUIRED", _RESTART),
    "0x80070BC9": ("ERROR_FAIL_REBOOT_REQUIRED", _RESTART),
    "0x80072EE2": ("WININET_E_TIMEOUT", _NETWORK),
    "0x80072EE7": ("WININET_E_NAME_NOT_RESOLVED", _NETWORK),
    "0x80072EFD": ("WININET_E_CANNOT_CONNECT", _NETWORK),
    "0x80072EFE": ("WININET_E_CONNECTION_ABORTED", _NETWORK),
    "0x80072F8F": (
        "WININET_E_DECODING_FAILED",
        "The secure connection was refused; look at the clock and TLS 1.2.",
    ),
    "0x80073712": ("ERROR_SXS_COMPONENT_STORE_CORRUPT", _STORE),
    "0x80073701": ("ERROR_SXS_ASSEMBLY_MISSING", _STORE),
    "0x800F0823": (
        "CBS_E_NEW_SERVICING_STACK_REQUIRED",
        "A newer servicing stack is needed first; let it in.",
    ),
    "0x800F081F": ("CBS_E_SOURCE_MISSING", _STORE),
    "0x800F0831": ("CBS_E_STORE_CORRUPTION", _STORE),
    "0x800F0900": ("CBS_E_XML_PARSER_FAILURE", _STORE),
    "0x800F0920": ("CBS_E_HANG_DETECTED", "Servicing stood still; restart the server, then try again."),
    "0x800F0922": (
        "CBS_E_INSTALLERS_FAILED",
        "A part of the update could not go in; often the system partition is full, or a role is damaged.",
    ),
    "0x80240009": ("WU_E_OPERATIONINPROGRESS", _BUSY),
    "0x80240016": (
        "WU_E_INSTALL_NOT_ALLOWED",
        "Another installation is at work, or a restart is open: restart first.",
    ),
    "0x80240017": (
        "WU_E_NOT_APPLICABLE",
        "The update does not fit this server; its prerequisites may be missing.",
    ),
    "0x8024001B": ("WU_E_SELFUPDATE_IN_PROGRESS", _BUSY),
    "0x8024001E": ("WU_E_SERVICE_STOP", "The Windows Update service was stopped meanwhile; try again."),
    "0x80240022": ("WU_E_ALL_UPDATES_FAILED", "No update went in; each one's own number tells more."),
    "0x80240023": ("WU_E_EULAS_DECLINED", "The licence of the update was not accepted."),
    "0x80240438": ("WU_E_PT_ENDPOINT_UNREACHABLE", _NETWORK),
    "0x80242004": ("WU_E_UH_DOESNOTSUPPORTACTION", "The update cannot go in quietly; put it in by hand."),
    "0x80242014": ("WU_E_UH_POSTREBOOTSTILLPENDING", _RESTART),
    "0x8024401C": ("WU_E_PT_HTTP_STATUS_REQUEST_TIMEOUT", _NETWORK),
    "0x8024401F": (
        "WU_E_PT_HTTP_STATUS_SERVER_ERROR",
        "The update server failed; look at the WSUS server's own pool.",
    ),
    "0x80244022": (
        "WU_E_PT_HTTP_STATUS_SERVICE_UNAVAIL",
        "The update server is overloaded or down; try again later.",
    ),
    "0x8024402C": ("WU_E_PT_WINHTTP_NAME_NOT_RESOLVED", _NETWORK),
    "0x80244010": (
        "WU_E_PT_EXCEEDED_MAX_SERVER_TRIPS",
        "The list is too long for the WSUS server; clean it up there.",
    ),
    "0x80246007": ("WU_E_DM_NOTDOWNLOADED", "The update had not been downloaded; try again."),
    "0x80248007": ("WU_E_DS_NODATA", _AGENT),
    "0x80248014": ("WU_E_DS_UNKNOWNSERVICE", _AGENT),
    "0x8024002E": ("WU_E_WU_DISABLED", _POLICY),
    "0x80240044": ("WU_E_PER_MACHINE_UPDATE_ACCESS_DENIED", _POLICY),
}


def name_of(code: str) -> str:
    """Microsoft's name; empty where this table has none."""
    return CODES.get(code, ("", ""))[0]


def sentence_of(code: str) -> str:
    """What it means and what may help; empty where this table has none."""
    return CODES.get(code, ("", ""))[1]
