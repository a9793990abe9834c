# ---- checks, the driver: each check_X sets OK and DETAIL (and CODE, when it has more than one reason to block); ----
# ---- each fix_X leaves FIX_DETAIL and is followed by the same check again                                   ----

# What cannot be measured is told, and stops nobody.
not_measured() {
    OK=true
    DETAIL="Not measured: $1."
}

# Addresses may carry a password; reports must not. Tabs and newlines separate fields.
plainly() { printf '%s' "$1" | sed 's,://[^/@ ]*@,://,g' | tr '\t\r\n' '   '; }

# look NAME BLOCKS: makes the check. One whose question had no end has failed, whatever it made of the silence.
look() {
    CODE=$2
    : >"$W/silent"
    "check_$1"
    [ -s "$W/silent" ] || return 0
    [ -z "$HOLDER" ] || { not_measured "other package work is going on"; return 0; }
    OK=false
    DETAIL="Not known: $(silence)."
    # told only: stops nobody; but without an answer now, none after the work would prove anything
    case $2$1 in -pending_reboot | [!-]*) CODE=tool_unresponsive ;; esac
}

# examine NAME FIX(early|late|never) BLOCKS(error code, or "-" when it is only told)
examine() {
    tried=false FIX_DETAIL='' fixed=false
    look "$1" "$3"
    if [ "$OK" = false ] && may_fix "$2"; then
        tried=true
        "fix_$1"
        look "$1" "$3"
        fixed=$OK
    fi
    cat "$W/silent" >>"$W/$SIDE.unanswered"
    DETAIL=$(plainly "$DETAIL")
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$OK" "$DETAIL" "$tried" "$fixed" "$(plainly "$FIX_DETAIL")" >>"$W/checks"
    if [ "$OK" = false ] && [ "$CODE" != - ]; then
        BLOCKED=true
        fail_with "$CODE" "$DETAIL"
    fi
}

# What is told only, and stops nobody, the pre-check tells.
told() { [ "$PHASE" = patch ] || examine "$1" "$2" -; }

skip_check() {
    not_measured "$2"
    printf '%s\ttrue\t%s\tfalse\tfalse\t\n' "$1" "$DETAIL" >>"$W/checks"
}

examine_all() {
    examine supported_os never unsupported_os
    [ "$BLOCKED" = false ] || return 0
    find_kernels "$W/kernels"
    examine filesystems never filesystem_unusable
    examine package_lock never lock_held
    examine disk_space early disk_full
    examine inodes early inodes_full
    examine memory never memory_low
    [ "$PHASE" = patch ] || examine_usage
    examine_packages
    told agent early
    told pending_reboot never
    told clock never
    examine updates never repository_unreachable
    told withheld never
    told release never
}

examine_packages() {
    if [ -n "$HOLDER" ]; then
        REPOS_OK=false
        for name in package_db repository_signing repositories; do
            skip_check "$name" "other package work is going on"
        done
        return 0
    fi
    examine package_db late package_db_broken
    told repository_signing late
    examine repositories late repository_unreachable
    # without the list of what is installed, no list of updates means anything
    [ -s "$W/db" ] || REPOS_OK=false
}
