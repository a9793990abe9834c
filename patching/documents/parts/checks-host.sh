# ---- checks of the host: system, restart ----


check_supported_os() {
    OK=false
    DETAIL="No package tool is known for '$OS_NAME' (ID $OS_ID)."
    [ -n "$FAMILY" ] || return 0
    DETAIL="$OS_NAME needs $TOOL, which is not installed."
    command -v "$TOOL" >/dev/null 2>&1 || return 0
    OK=true
    DETAIL="$OS_NAME, patched with $TOOL."
}

check_pending_reboot() {
    OK=true
    reboot_reasons >"$W/reasons"
    DETAIL="No reboot is due${BOOTS:+; $BOOTS boots next}."
    [ -z "$UNTOLD" ] || not_measured "$UNTOLD"
    [ -s "$W/reasons" ] || return 0
    OK=false
    DETAIL="A reboot is due already: $(tr '\n' ' ' <"$W/reasons")"
}
