# ---- checks of package work: locks, database, repositories ----

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
                if (f[4] == "WRITE" && device[3] in wanted) print f[5]
            }
        }' | while read -r holder; do
        ! has_open "$holder" "$@" || { echo "$holder"; break; }
    done
}

# The same inode number may be another file of another disk. Whoever cannot be looked at is believed to hold the lock.
has_open() {
    open=$(ls -l "${PATCH_PORTAL_ROOT}/proc/$1/fd" 2>/dev/null) && [ -n "$open" ] || return 0
    shift
    for file in "$@"; do
        case "$open
" in *"/${file##*/}
"*) return 0 ;; esac
    done
    return 1
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
        apt)
            inode_holder "${PATCH_PORTAL_ROOT}/var/lib/dpkg/lock-frontend" "${PATCH_PORTAL_ROOT}/var/lib/dpkg/lock" \
                "${PATCH_PORTAL_ROOT}/var/lib/apt/lists/lock" "${PATCH_PORTAL_ROOT}/var/cache/apt/archives/lock"
            ;;
        dnf)
            inode_holder "${PATCH_PORTAL_ROOT}/var/lib/rpm/.rpm.lock"
            pid_file_holder "${PATCH_PORTAL_ROOT}"/var/cache/dnf/*.pid "${PATCH_PORTAL_ROOT}"/var/lib/dnf/*.pid \
                "${PATCH_PORTAL_ROOT}/run/yum.pid"
            ;;
        zypper)
            inode_holder "${PATCH_PORTAL_ROOT}/var/lib/rpm/.rpm.lock"
            pid_file_holder "${PATCH_PORTAL_ROOT}/run/zypp.pid"
            ;;
    esac | awk 'NR == 1'
}

# await_lock SECONDS: waits so long for other package work to end; HOLDER is who still works then.
await_lock() {
    give_up=$(($(now) + $1))
    while HOLDER=$(lock_holder) && [ -n "$HOLDER" ] && [ "$(now)" -lt "$give_up" ]; do
        sleep 1
    done
}

holder_named() {
    name=$(cat "${PATCH_PORTAL_ROOT}/proc/$HOLDER/comm" 2>/dev/null)
    echo "Process $HOLDER (${name:-name unknown})"
}

check_package_lock() {
    OK=true
    DETAIL="No other package work is going on."
    await_lock "$LOCK_WAIT"
    [ -n "$HOLDER" ] || return 0
    OK=false
    DETAIL="$(holder_named) has held the package lock for $LOCK_WAIT s and more."
}

check_package_db() {
    OK=false
    pm_installed >"$W/db" || : >"$W/db"
    [ -s "$W/db" ] || { DETAIL="The package database cannot be read: $(last_words)"; return 0; }
    { pm_broken; pm_duplicates "$W/db"; pm_interrupted; } | sort -u >"$W/db.bad"
    if [ -s "$W/db.bad" ]; then
        DETAIL="Half installed: $(tr '\n' ' ' <"$W/db.bad" | cut -c1-200)"
    elif [ "$FAMILY" = apt ] && ! ask consistent apt-get -o DPkg::Lock::Timeout="$LOCK_WAIT" check >>"$LOG"; then
        DETAIL="The installed packages do not fit together: $(last_words)"
    else
        OK=true
        DETAIL="$(lines "$W/db") packages, none half installed."
    fi
}

# An update of dpkg's database that never ended. (dpkg --audit also names packages that merely bring no checksums.)
pm_interrupted() {
    [ "$FAMILY" = apt ] || return 0
    for file in "${PATCH_PORTAL_ROOT}"/var/lib/dpkg/updates/[0-9]*; do
        [ ! -e "$file" ] || { echo "(dpkg was interrupted)"; return 0; }
    done
}

# The repositories that the package tools' own complaints name, with a comma between.
repositories_named() {
    awk '
        function told(name) { if (name != "" && !seen[name]++ && ++n <= 4) text = text (text == "" ? "" : ", ") name }
        # zypper speaks of healthy repositories in the same words
        /^(Retrieving|Building|Looking) |up to date/ { next }
        /^Err:[0-9]+ / { sub(/^Err:[0-9]+ /, ""); sub(/ (In)?Release.*/, ""); told($0) }
        match($0, /[Rr]epo(sitory)? ["\047][^"\047]+["\047]/) {
            name = substr($0, RSTART, RLENGTH - 1); sub(/^[^"\047]*["\047]/, "", name); sub(/ (In)?Release$/, "", name); told(name)
        }
        match($0, /for repo: [^ ]+/) { told(substr($0, RSTART + 10, RLENGTH - 10)) }
        END { print text }' "$1"
}

# The lists that the work begins with; without any update of this host known, nothing is.
check_updates() {
    OK=true
    snapshot before
    if [ "$known$MODE" = truesecurity ] && [ "$TOLD" = false ]; then
        OK=false
        CODE=security_unknown
        DETAIL="No repository of this host tells which updates are for security, so a run for security updates alone cannot choose any."
    elif [ "$known" = true ]; then
        DETAIL="$(lines "$W/before.available") updates are open."
    elif [ "$REPOS_OK" = false ]; then
        not_measured "the repositories were not read"
    else
        OK=false
        DETAIL="The list of updates cannot be read: $(last_words)"
    fi
}

check_repositories() {
    OK=true
    DETAIL="All package repositories answered."
    already=$(lines "$LOG")
    if [ $(($(seconds_left) + GRACE)) -le 0 ]; then
        OK=false REPOS_OK=false CODE=deadline_exceeded DETAIL="No time is left: this run had $DEADLINE s."
        return 0
    fi
    pm_refresh || OK=false
    tail -n +$((already + 1)) "$LOG" >"$W/refresh"
    if no_repository; then
        OK=false
        DETAIL="No package repository is configured."
    elif [ "$OK" = false ]; then
        name_repositories
    elif [ "$PHASE" = precheck ]; then
        look_for_base
    fi
    REPOS_OK=$OK
}

# apt and dnf call it a success: such a host would look up to date for ever.
no_repository() {
    case $FAMILY in
        apt) [ "$OK" = true ] && ! grep -qE '^(Get|Hit):[0-9]' "$W/refresh" ;;
        *) grep -qiE 'no (enabled )?repo(s|sitories)' "$W/refresh" ;;
    esac
}

name_repositories() {
    names=$(repositories_named "$W/refresh")
    why=$(awk '/Error message:|ignature verification failed|signed\.|^E: |Error: [^ ]|locked/ { print; exit }' "$W/refresh")
    why=${why:-$(last_words)}
    if grep -q "^E: .* changed its '" "$W/refresh"; then
        CODE=repository_changed
        DETAIL="A package repository became another release (${names:-name unknown}); accept it with apt-get update --allow-releaseinfo-change: $why"
        return 0
    fi
    DETAIL="A package repository did not answer (${names:-name unknown}): $why"
    if grep -qE 'no(t| longer) signed|NO_PUBKEY|EXPKEYSIG|GPG|unsigned|unknown key|[Ss]ignature ver' "$W/refresh"; then
        CODE=repository_unsigned
        DETAIL="The signature of a package repository is not accepted (${names:-name unknown}): $why"
    fi
}
