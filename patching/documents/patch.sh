# ---- patch: once per dispatch; goes on after its own reboot; the lists before and after decide ----
PHASE='patch'

MODE='{{ Mode }}'
REBOOT_POLICY='{{ RebootPolicy }}'
EXCLUDE='{{ Exclude }}'
PACKAGE_SET='{{ PackageSet }}'
PRE_SCRIPT='{{ PreScript }}'
POST_SCRIPT='{{ PostScript }}'

# Repairs are the pre-check's: here is only looked whether the host is still fit.
may_fix() { return 1; }

# The stored result answers a second delivery of the same dispatch; a full disk must not stop the printed one.
publish() {
    render "$1" >"$W/result"
    { remember code "$(exit_code "$1")"; cp "$W/result" "$STATE/result.new" && mv "$STATE/result.new" "$STATE/result"; cp "$LOG" "$STATE/log"; } 2>/dev/null
    cat "$W/result"
    exit "$(exit_code "$1")"
}

# Systems Manager shall say Failed where the host says so; the report decides all the same.
exit_code() { case $1 in failed | partial | blocked) echo 1 ;; *) echo 0 ;; esac; }

# What the package tool had done by then is still looked at and told.
on_signal() {
    trap '' HUP INT TERM
    fail_with interrupted "The run was stopped by a signal."
    REBOOT_POLICY=never
    [ "$INSTALLING" = false ] || conclude
    publish failed
}

begin() {
    stage checking
    remember terms "$MODE|$EXCLUDE|$PACKAGE_SET|$POST_SCRIPT"
    remember work "$W"
    remember pid $$
    examine_all
    [ "$BLOCKED" = false ] || publish blocked
    if ! save_lists; then
        fail_with disk_full "What is known before the install cannot be kept: $(tail -n 1 "$LOG")"
        publish blocked
    fi
    if ! run_hook "$PRE_SCRIPT" pre; then
        fail_with pre_script_failed "$HOOK_DETAIL"
        publish blocked
    fi
    install
}

install() {
    stage installing
    INSTALLING=true
    : >"$W/silent"
    pm_install
    code=$?
    # 137 is our own last resort, and also what a package tool leaves that somebody else has killed
    [ "$code" != 137 ] || [ "$(seconds_left)" -le 0 ] || code=killed
    case $code in
        0) conclude ;;
        killed) fail_with install_failed "The package tool was killed: $(last_words)" ;;
        124 | 137) fail_with deadline_exceeded "Stopped after $DEADLINE s: $(last_words)" ;;
        *) fail_with install_failed "The package tool ended with code $code: $(last_words)" ;;
    esac
    settle
    conclude
}

# A killed tool may leave a child that works on and holds the lock (dpkg): what is asked before it ends is untrue a
# moment later. dpkg stops at the first failure and leaves the others unpacked: they need not stay half installed.
settle() {
    left=$(seconds_left)
    await_lock $((left > LOCK_WAIT ? left : LOCK_WAIT))
    if [ -n "$HOLDER" ]; then
        ERROR_CODE=''
        fail_with lock_held "$(holder_named) still works on packages, so what comes of it is not known yet. $ERROR_DETAIL"
        return 0
    fi
    # a deadline in the middle of dpkg's work leaves packages half configured: the repair has time of its own
    give_time 300
    [ "$FAMILY" != apt ] || configure_all
}

# give_time SECONDS: at least so many from now on, deadline or not.
give_time() {
    left=$(seconds_left)
    [ "$left" -ge "$1" ] || GRACE=$(($1 - left))
}

conclude() {
    SIDE=after
    scripts_failed >>"$W/scripts"
    snapshot after
    sort -u "$W/scripts" >>"$W/after.broken"
    aside "$W/after.available" >"$W/aside"
    changes
    reboot_reasons >"$W/reasons"
    services_waiting >"$W/services"
    [ ! -s "$W/reasons" ] || may_reboot || explain_no_reboot
    name_what_is_left
    run_hook "$POST_SCRIPT" post || fail_with post_script_failed "$HOOK_DETAIL"
    publish "$(final_status)"
}

# Reboots when it can; does not return then. Never into a half installed system, never past the deadline.
may_reboot() {
    [ "$REBOOT_POLICY" = if-needed ] || return 1
    [ ! -s "$W/after.broken" ] || return 1
    [ "$REBOOTS" -lt "$MAX_REBOOTS" ] || return 1
    [ "$(seconds_left)" -gt 0 ] || return 1
    ! uncured || return 1
    [ -s "$W/reasons.first" ] || cp "$W/reasons" "$W/reasons.first"
    keep_for_resume || { KEPT=false; return 1; }
    echo "Patch Portal: restarting ($((REBOOTS + 1)) of at most $MAX_REBOOTS)."
    exit 194
}

# The reasons of now, the kernel with its name: another new kernel is another reason.
asked() { sed "s/^kernel\$/& ${BOOTS:-$NEWEST}/" "$W/reasons"; }

# A restart happened, and each reason is one that it was asked for: the next would not help either.
uncured() { [ "$REBOOTED" = true ] && ! asked | grep -qvxF "$(recall asked)"; }

# What is not kept would be forgotten by the restart, the errors among it.
keep_for_resume() {
    save_lists && remember error "$ERROR_CODE$TAB$ERROR_DETAIL" && remember asked "$(asked)" &&
        remember reboots $((REBOOTS + 1)) && stage rebooting
}

explain_no_reboot() {
    [ "$REBOOT_POLICY" = if-needed ] || return 0
    if uncured && grep -qx kernel "$W/reasons"; then
        fail_with kernel_not_running "Restarted, but $RUNNING runs again and not ${BOOTS:-$NEWEST}. No further restart is tried."
    elif uncured || [ "$REBOOTED$REBOOTS" = "true$MAX_REBOOTS" ]; then
        fail_with restart_did_not_cure "Restarted ($REBOOTS), and this asks for one again: $(tr '\n' ' ' <"$W/reasons")"
    elif [ "$REBOOTS" -ge "$MAX_REBOOTS" ]; then
        fail_with reboot_did_not_happen "A restart was asked for $REBOOTS times and did not happen."
    elif [ "$KEPT" = false ]; then
        fail_with reboot_did_not_happen "Not restarted: what this run knows cannot be kept on the disk."
    elif [ "$(seconds_left)" -le 0 ]; then
        fail_with deadline_exceeded "No time was left for the reboot."
    fi
}

resume() {
    [ ! -s "$STATE/result" ] || { cat "$STATE/result"; exit "$(recall code 0)"; }
    recall_time
    REBOOTS=$(recall reboots 0)
    case $(recall stage checking) in
        installing) restore_lists; carry_on ;;
        rebooting) restore_lists; after_reboot ;;
        *) begin ;;
    esac
}

# The agent or the host died in the middle of an install: repair, then go on with the same lists before.
carry_on() {
    settle
    GRACE=0
    if [ -n "$HOLDER" ]; then conclude; else install; fi
}

after_reboot() {
    REBOOTED=$RESTARTED
    IFS=$TAB read -r ERROR_CODE ERROR_DETAIL <"$STATE/error"
    # timers of the host that start with it hold the lists for a while
    check_package_lock
    # a restart may outlast the deadline, and the agent come back hours later; what was installed must still be told
    give_time 180
    pm_refresh || REPOS_OK=false
    conclude
}

REBOOTED=false
INSTALLING=false
KEPT=true
known=false
# together always below this document's own time-out, whatever the policy says
[ "$DEADLINE" -le 26400 ] || DEADLINE=26400
[ "$LOCK_WAIT" -le 1000 ] || LOCK_WAIT=1000
claim
read_system
choose_family
case $CLAIM in
    new) trap on_signal HUP INT TERM; begin ;;
    resume) trap on_signal HUP INT TERM; resume ;;
    other) show_stored; exit "$(recall code 0)" ;;
    none) refuse_unguarded ;;
esac
exit 0
