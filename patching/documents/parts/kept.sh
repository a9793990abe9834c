# ---- what a run keeps on the host, in one folder for each dispatch ----
# owner (a link whose text is the SSM command id: made in one step or not at all), stage, terms of the run, boot
# facts, the lists before, and at last the result.

DISPATCHES="${PATCH_PORTAL_ROOT}/var/lib/patch-portal/dispatches"

recall() { if [ -s "$STATE/$1" ]; then cat "$STATE/$1"; else echo "${2:-}"; fi; }

restore_lists() {
    for list in "$STATE"/facts "$STATE"/checks "$STATE"/before.* "$STATE"/reasons.first "$STATE"/scripts "$STATE"/not_offered; do
        [ ! -e "$list" ] || cp "$list" "$W/${list##*/}"
    done
}
