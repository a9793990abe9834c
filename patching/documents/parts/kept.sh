# ---- what a run keeps on the host, in one folder for each dispatch ----
# owner (a link whose text is the SSM command id: made in one step or not at all), stage, terms of the run, boot
# facts, the lists before, and at last the result.

DISPATCHES="${PATCH_PORTAL_ROOT}/var/lib/patch-portal/dispatches"

recall() { if [ -s "$STATE/$1" ]; then cat "$STATE/$1"; else echo "${2:-}"; fi; }

# The seconds that a restart costs and nobody counts: the agent's minute before it, and the firmware. A fixed allowance.
RESTART_GAP=120

# another_boot ID: proven only where both are known.
another_boot() { [ -n "$1" ] && [ -n "$(boot_id)" ] && [ "$1" != "$(boot_id)" ]; }

# Goes on with the stop-watch of the run. RESTARTED: another boot than then, proven by its id or by a shorter uptime. That
# boot counts on from what was written down; a clock behind the one of then has been set back (ahead: perhaps off so long).
recall_time() {
    STARTED=$(recall started "$STARTED") CLOCK=$(recall clock "$CLOCK") RESTARTED=false
    [ "$(now)" -lt "$STARTED" ] || another_boot "$(recall boot_id)" || return 0
    RESTARTED=true
    read -r earlier wall stepped <<EOF
$(recall time "0 0 0")
EOF
    STARTED=$((-RESTART_GAP - earlier))
    CLOCK=$(($(booted_at) - stepped))
    gap=$(($(booted_at) - wall))
    [ "$gap" -ge 0 ] || CLOCK=$((CLOCK - gap))
}

restore_lists() {
    for list in "$STATE"/facts "$STATE"/checks "$STATE"/before.* "$STATE"/reasons.first "$STATE"/scripts "$STATE"/not_offered; do
        [ ! -e "$list" ] || cp "$list" "$W/${list##*/}"
    done
}
