# ---- checks, the driver: each check_X sets OK and DETAIL (and CODE, when it has more than one reason to block); ----
# ---- each fix_X leaves FIX_DETAIL and is followed by the same check again                                   ----

# What cannot be measured is told, and stops nobody.
not_measured() {
    OK=true
    DETAIL="Not measured: $1."
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

# What is told only, and stops nobody, the pre-check tells.
told() { [ "$PHASE" = patch ] || examine "$1" "$2" -; }

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
    [ "$PHASE" = patch ] || examine_usage
    examine_packages
    told agent early
    examine pending_reboot never -
    told clock never
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
