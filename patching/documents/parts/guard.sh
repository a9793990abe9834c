# ---- the guard: one dispatch runs at most once here, however often it is delivered ----

STATE=$DISPATCHES/$DISPATCH

# claim: sets CLAIM to new, resume or other; to none where nothing can be written. Logs of hooks are nobody else's business.
claim() {
    (umask 077 && mkdir -p "${STATE%/*}" && { mkdir "$STATE" || [ -d "$STATE" ]; }) 2>>"$LOG"
    if ln -s "$COMMAND_ID" "$STATE/owner" 2>>"$LOG"; then
        CLAIM=new
    elif [ ! -L "$STATE/owner" ]; then
        CLAIM=none
    elif [ "$(readlink "$STATE/owner")" = "$COMMAND_ID" ]; then
        CLAIM=resume
    else
        CLAIM=other
    fi
}

# Without its own folder the document could run twice, so it does not run at all.
refuse_unguarded() {
    fail_with filesystem_unusable "The folder of this run cannot be made: $(tail -n 1 "$LOG")"
    render blocked
    exit 1
}

# stage NAME: how far the run is, and the time that it took so far, for a resume after a restart.
stage() {
    for kept in "boot_id $(boot_id)" "started $STARTED" "clock $CLOCK" \
        "time $(($(now) - STARTED)) $(date +%s) $(($(booted_at) - CLOCK))" "stage $1"; do
        remember "${kept%% *}" "${kept#* }" || return 1
    done
}

remember() { printf '%s\n' "$2" >"$STATE/$1.new" && mv "$STATE/$1.new" "$STATE/$1"; }
save_lists() {
    for list in facts checks before.kernels before.installed before.held before.broken before.duplicates \
        before.available reasons.first scripts not_offered; do
        [ ! -e "$W/$list" ] || cp "$W/$list" "$STATE/$list" 2>>"$LOG" || return 1
    done
}

show_stored() {
    if [ -s "$STATE/result" ]; then
        cat "$STATE/result"
    else
        fail_with duplicate_delivery "Command $(readlink "$STATE/owner") is already working on this dispatch."
            render duplicate_running
    fi
}
