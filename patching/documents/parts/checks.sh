# ---- checks, the driver: each check_X sets OK and DETAIL (and CODE, when it has more than one reason to block); ----
# ---- each fix_X leaves FIX_DETAIL and is followed by the same check again                                   ----

# What cannot be measured is told, and stops nobody.
not_measured() {
    OK=true
    DETAIL="Not measured: $1."
}

# Early fixes touch package caches and the agent only; all others wait for the window's start (Fixes=all).
may_fix() {
    case $1:$FIXES in
        early:early | early:all | late:all) return 0 ;;
        *) return 1 ;;
    esac
}

# Addresses may carry a password; reports must not. Tabs and newlines separate fields.
plainly() { printf '%s' "$1" | sed 's,://[^/@ ]*@,://,g' | tr '\t\r\n' '   '; }

# examine NAME FIX(early|late|never) BLOCKS(error code, or "-" when it is only told)
examine() {
    tried=false FIX_DETAIL='' fixed=false CODE=$3
    "check_$1"
    if [ "$OK" = false ] && may_fix "$2"; then
        tried=true
        "fix_$1"
        CODE=$3
        "check_$1"
        fixed=$OK
    fi
    DETAIL=$(plainly "$DETAIL")
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$OK" "$DETAIL" "$tried" "$fixed" "$(plainly "$FIX_DETAIL")" >>"$W/checks"
    if [ "$OK" = false ] && [ "$CODE" != - ]; then
        BLOCKED=true
        fail_with "$CODE" "$DETAIL"
    fi
}

skip_check() {
    not_measured "$2"
    printf '%s\ttrue\t%s\tfalse\tfalse\t\n' "$1" "$DETAIL" >>"$W/checks"
}

examine_all() {
    examine supported_os never unsupported_os
    [ "$BLOCKED" = false ] || return 0
    RUNNING=$(uname -r)
    kernels_installed >"$W/kernels"
    NEWEST=$(newest "$W/kernels")
    examine filesystems never filesystem_unusable
    examine package_lock never lock_held
    examine disk_space early disk_full
    examine inodes early inodes_full
    examine memory never memory_low
    examine load never -
    examine_packages
    examine agent early -
    examine pending_reboot never -
    examine clock never -
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
    examine repository_signing late -
    examine repositories late repository_unreachable
    # without the list of what is installed, no list of updates means anything
    [ -s "$W/db" ] || REPOS_OK=false
}
