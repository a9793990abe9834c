# ---- the look back: what became of a patch command that gave no report (cancelled, timed out, answer lost) ----
# Its script may be dead while the package tool that it started works on: nothing is said before that has ended.

# look_back: prints the report that the command has stored, or one made of what it kept and of what is there now.
look_back() {
    STATE=$DISPATCHES/$AFTER_DISPATCH
    await_work
    if [ -s "$STATE/result" ]; then
        cat "$STATE/result"
        exit 0
    fi
    if at_work; then
        worker='Its script'
        [ -z "$HOLDER" ] || worker=$(holder_named)
        fail_with duplicate_delivery "$worker was still at work after $LOCK_WAIT s."
        render duplicate_running
        exit 0
    fi
    compare
    render "$(final_status)"
    exit 0
}

# The command id of an agent is found in the path of its script, so in the words that started it.
script_runs() {
    grep -qs "$(readlink "$STATE/owner")" "${PATCH_PORTAL_ROOT}/proc/$(recall pid none)/cmdline"
}

at_work() {
    HOLDER=$(lock_holder)
    [ -n "$HOLDER" ] || script_runs
}

# The agent restarts the host a minute after the script has asked for it.
restart_due() { [ "$(recall stage)" = rebooting ] && [ "$(recall boot_id)" = "$(boot_id)" ]; }

await_work() {
    give_up=$(($(now) + LOCK_WAIT))
    while at_work || restart_due; do
        [ "$(now)" -lt "$give_up" ] || break
        sleep 1
    done
}

# As the command itself would have ended, but for its restart and its script after.
compare() {
    recall_time
    # the command's time is its own: this look has just begun
    DEADLINE=$((DEADLINE + $(now) - STARTED))
    REBOOTS=$(recall reboots 0)
    restore_lists
    IFS='|' read -r MODE EXCLUDE PACKAGE_SET POST_SCRIPT <<EOF
$(recall terms 'all|||')
EOF
    find_words
    SUSPECT=true
    SIDE=after
    : >"$W/checks"
    examine_packages
    snapshot after
    scripts_failed >>"$W/scripts"
    sort -u "$W/scripts" >>"$W/after.broken"
    aside "$W/after.available" >"$W/aside"
    reboot_reasons >"$W/reasons"
    services_waiting >"$W/services"
    if [ -s "$W/before.installed" ]; then tell_changes; else tell_untouched; fi
}

tell_changes() {
    changes
    ! another_boot "$(sed -n "s/^before.boot_id$TAB//p" "$W/facts" | tail -n 1)" || REBOOTED=true
    name_what_is_left
    [ -z "$POST_SCRIPT" ] || fail_with post_script_failed "The command was ended before the script $POST_SCRIPT (post) could be run."
}

# Without lists from before nothing had been installed: they are kept first.
tell_untouched() {
    : >"$W/changes"
    name_what_is_left
    [ -z "$ERROR_CODE" ] || ERROR_DETAIL="The command was ended before it installed anything. $ERROR_DETAIL"
}

# What the package tool had said by then stands in the dead script's work directory, which nobody else clears.
find_words() {
    work=$(recall work)
    case $work in
        "${PATCH_PORTAL_ROOT}"/*/patch-portal.??????) [ ! -f "$work/log" ] || { cat "$work/log" >>"$LOG"; rm -rf "$work"; } ;;
    esac
}
