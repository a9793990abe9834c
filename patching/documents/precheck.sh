# ---- pre-check: looks, repairs only what FIXES allows, changes nothing else ----
PHASE=precheck

FIXES='{{ Fixes }}'
SENT_AT='{{ SentAt }}'
AFTER_DISPATCH='{{ AfterDispatch }}'

on_signal() {
    fail_with interrupted "The check was stopped by a signal."
    render failed
    exit 0
}
trap on_signal HUP INT TERM

precheck_status() {
    if [ "$BLOCKED" = true ]; then
        echo blocked
    elif [ "$REPOS_OK" = true ] && [ "$KNOWN" != true ]; then
        echo blocked
    elif [ ! -s "$W/before.available" ] && [ ! -s "$W/reasons" ]; then
        echo nothing_to_do
    else
        echo ready
    fi
}

KNOWN=false
# always below this document's own time-out, whatever the policy says
[ "$DEADLINE" -le 3000 ] || DEADLINE=3000
read_system
choose_family
REBOOTED=false
[ -z "$AFTER_DISPATCH" ] || [ -z "$FAMILY" ] || look_back
examine_all
if [ -n "$FAMILY" ] && [ -n "${RUNNING:-}" ]; then
    snapshot before
    KNOWN=$known
    [ "$KNOWN" = true ] || fail_with repository_unreachable "The list of updates cannot be read: $(last_words)"
fi
render "$(precheck_status)"
exit 0
