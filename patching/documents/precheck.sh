# ---- pre-check: looks, repairs only what FIXES allows, changes nothing else ----
PHASE=precheck

FIXES='{{ Fixes }}'
MODE='{{ Mode }}'
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
    elif [ ! -s "$W/before.available" ] && [ ! -s "$W/reasons" ] && [ "$WITHHELD" = 0 ]; then
        echo nothing_to_do
    else
        echo ready
    fi
}

# always below this document's own time-out, whatever the policy says
[ "$DEADLINE" -le 3000 ] || DEADLINE=3000
read_system
choose_family
REBOOTED=false
[ -z "$AFTER_DISPATCH" ] || [ -z "$FAMILY" ] || look_back
examine_all
render "$(precheck_status)"
exit 0
