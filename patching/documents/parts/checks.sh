# ---- checks: each sets OK and DETAIL; each fix leaves FIX_DETAIL and is followed by the same check again ----

check_supported_os() {
    OK=false
    DETAIL="No package tool is known for '$OS_NAME' (ID $OS_ID)."
    [ -n "$FAMILY" ] || return 0
    DETAIL="$OS_NAME needs $TOOL, which is not installed."
    command -v "$TOOL" >/dev/null 2>&1 || return 0
    OK=true
    DETAIL="$OS_NAME, patched with $TOOL."
}

check_disk_space() {
    set -- "${PATCH_PORTAL_ROOT}/" "${PATCH_PORTAL_ROOT}/var" "${PATCH_PORTAL_ROOT}/boot"
    DETAIL=$(df -Pk "$@" 2>>"$LOG" | awk -v need="$MIN_FREE_MB" '
        NR > 1 && !seen[$6]++ {
            free = int($4 / 1024)
            text = text sprintf("%s%s has %d MB free", text == "" ? "" : ", ", $6, free)
            # a /boot of its own is small by design; a kernel needs about 100 MB there
            if (free < ($6 ~ /\/boot$/ && need > 100 ? 100 : need)) low = 1
        }
        END { print (low || text == "" ? "low" : "fine") " " text "; " need " MB are needed." }')
    OK=true
    [ "${DETAIL%% *}" = fine ] || OK=false
    DETAIL=${DETAIL#* }
}

fix_disk_space() {
    FIX_DETAIL="Emptied the package cache."
    pm_clean || FIX_DETAIL="Emptying the package cache failed: $(last_words)"
}

# The kernel's own list of locks tells the holder without any extra tool: flock would not see dpkg's lock.
inode_holder() {
    for file in "$@"; do
        [ ! -e "$file" ] || ls -i "$file"
    done | awk -v locks="${PATCH_PORTAL_ROOT}/proc/locks" '
        { wanted[$1] = 1 }
        END {
            while ((getline line < locks) > 0) {
                split(line, f, " ")
                split(f[6], device, ":")
                if (f[4] == "WRITE" && device[3] in wanted) { print f[5]; exit }
            }
        }'
}

pid_file_holder() {
    for file in "$@"; do
        [ -s "$file" ] || continue
        read -r holder _ <"$file"
        [ ! -d "${PATCH_PORTAL_ROOT}/proc/$holder" ] || { echo "$holder"; return; }
    done
}

lock_holder() {
    case $FAMILY in
        apt) inode_holder "${PATCH_PORTAL_ROOT}/var/lib/dpkg/lock-frontend" "${PATCH_PORTAL_ROOT}/var/lib/dpkg/lock" ;;
        dnf)
            inode_holder "${PATCH_PORTAL_ROOT}/var/lib/rpm/.rpm.lock"
            pid_file_holder "${PATCH_PORTAL_ROOT}"/var/cache/dnf/*.pid "${PATCH_PORTAL_ROOT}"/var/lib/dnf/*.pid \
                "${PATCH_PORTAL_ROOT}/run/yum.pid"
            ;;
        zypper) pid_file_holder "${PATCH_PORTAL_ROOT}/run/zypp.pid" ;;
    esac | awk 'NR == 1'
}

check_package_lock() {
    OK=true
    DETAIL="No other package work is going on."
    give_up=$(($(now) + LOCK_WAIT))
    while HOLDER=$(lock_holder) && [ -n "$HOLDER" ]; do
        if [ "$(now)" -ge "$give_up" ]; then
            name=$(cat "${PATCH_PORTAL_ROOT}/proc/$HOLDER/comm" 2>/dev/null)
            OK=false
            DETAIL="Process $HOLDER ($name) has held the package lock for $LOCK_WAIT s and more."
            return 0
        fi
        sleep 1
    done
}

check_package_db() {
    OK=false
    pm_installed >"$W/db" || { DETAIL="The package database cannot be read: $(last_words)"; return 0; }
    [ -s "$W/db" ] || { DETAIL="The package database is empty."; return 0; }
    { pm_broken; pm_duplicates "$W/db"; } >"$W/db.bad"
    OK=true
    DETAIL="$(lines "$W/db") packages, none half installed."
    [ -s "$W/db.bad" ] || return 0
    OK=false
    DETAIL="Half installed: $(tr '\n' ' ' <"$W/db.bad" | cut -c1-200)"
}

fix_package_db() {
    FIX_DETAIL="Ran the package tool's own repair."
    pm_repair || FIX_DETAIL="The package tool's own repair failed: $(last_words)"
}

check_repositories() {
    OK=true
    DETAIL="All package repositories answered."
    pm_refresh || { OK=false; DETAIL="A package repository did not answer: $(last_words)"; }
    REPOS_OK=$OK
}

# Puts back the definitions that the host's owners approved; the replaced ones are kept beside the dispatches.
fix_repositories() {
    approved="${PATCH_PORTAL_ROOT}/etc/patch-portal/approved-repos"
    kept="${PATCH_PORTAL_ROOT}/var/lib/patch-portal/replaced-repos"
    FIX_DETAIL="There is no approved definition to put back."
    [ -d "$approved" ] || return 0
    restored=''
    (cd "$approved" && find etc/apt etc/yum.repos.d etc/zypp -type f 2>/dev/null) >"$W/approved"
    while IFS= read -r file; do
        cmp -s "$approved/$file" "${PATCH_PORTAL_ROOT}/$file" && continue
        mkdir -p "$kept"
        cp -p "${PATCH_PORTAL_ROOT}/$file" "$kept/${file##*/}" 2>>"$LOG"
        cp "$approved/$file" "${PATCH_PORTAL_ROOT}/$file" 2>>"$LOG" && restored="$restored $file"
    done <"$W/approved"
    FIX_DETAIL="The definitions in use are the approved ones."
    [ -z "$restored" ] || FIX_DETAIL="Put back the approved definition of$restored."
}

agent_state() {
    systemctl is-active amazon-ssm-agent 2>/dev/null && return
    systemctl is-active snap.amazon-ssm-agent.amazon-ssm-agent 2>/dev/null
}

check_agent() {
    OK=true
    if ! command -v systemctl >/dev/null 2>&1; then
        DETAIL="Not measured: no systemctl."
        return 0
    fi
    DETAIL=$(agent_state | tail -n 1)
    [ "$DETAIL" = active ] || OK=false
    DETAIL="The SSM agent is ${DETAIL:-unknown}."
}

fix_agent() {
    FIX_DETAIL="Restarted the SSM agent."
    quietly systemctl --no-block restart amazon-ssm-agent || FIX_DETAIL="Restarting the SSM agent failed: $(last_words)"
}

check_pending_reboot() {
    OK=true
    DETAIL="No reboot is due."
    reboot_reasons >"$W/reasons"
    [ -s "$W/reasons" ] || return 0
    OK=false
    DETAIL="A reboot is due already: $(tr '\n' ' ' <"$W/reasons")"
}

check_clock() {
    OK=true
    DETAIL="Not measured: no timedatectl."
    [ "$(date +%Y)" -ge 2025 ] || { OK=false; DETAIL="The clock says $(date -u +%Y-%m-%d)."; return 0; }
    command -v timedatectl >/dev/null 2>&1 || return 0
    if [ "$(timedatectl show -p NTPSynchronized --value 2>/dev/null)" = no ]; then
        OK=false
        DETAIL="The clock is not synchronised."
    else
        DETAIL="The clock is synchronised."
    fi
}

may_fix() {
    case $1:$FIXES in
        early:early | early:all | late:all) return 0 ;;
        *) return 1 ;;
    esac
}

# examine NAME FIX(early|late|never) BLOCKS(error code, or "-" when it is only told)
examine() {
    tried=false FIX_DETAIL='' fixed=false
    "check_$1"
    if [ "$OK" = false ] && may_fix "$2"; then
        tried=true
        "fix_$1"
        "check_$1"
        fixed=$OK
    fi
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$OK" "$DETAIL" "$tried" "$fixed" "$FIX_DETAIL" >>"$W/checks"
    if [ "$OK" = false ] && [ "$3" != - ]; then
        BLOCKED=true
        fail_with "$3" "$DETAIL"
    fi
}

examine_all() {
    examine supported_os never unsupported_os
    [ "$BLOCKED" = false ] || return 0
    RUNNING=$(uname -r)
    kernels_installed >"$W/kernels"
    NEWEST=$(newest "$W/kernels")
    examine disk_space early disk_full
    examine package_lock never lock_held
    if [ "$OK" = true ]; then
        examine package_db late package_db_broken
        examine repositories late repository_unreachable
    else
        REPOS_OK=false
    fi
    examine agent early -
    examine pending_reboot never -
    examine clock never -
}
