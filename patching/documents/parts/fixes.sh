# ---- fixes: package caches, old kernels, unfinished package work, repository definitions; the agent's stands beside its check ----

# Early fixes touch package caches and the agent only; all others wait for the window's start (Fixes=all).
may_fix() {
    case $1:$FIXES in
        early:early | early:all | late:all) return 0 ;;
        *) return 1 ;;
    esac
}

pm_clean() {
    case $FAMILY in
        apt) quietly apt-get clean ;;
        dnf) quietly "$TOOL" -q clean packages ;;
        zypper) quietly zypper -n clean ;;
    esac
}

fix_disk_space() { make_room check_disk_space; }
fix_inodes() { make_room check_inodes; }

# make_room CHECK: the package cache at any time; old kernels only from the window's start on, and only if needed.
make_room() {
    if [ -n "$HOLDER" ]; then
        FIX_DETAIL="Not tried: other package work is going on."
        return 0
    fi
    FIX_DETAIL="Emptied the package cache."
    pm_clean || FIX_DETAIL="Emptying the package cache failed: $(last_words)"
    "$1"
    [ "$OK" = false ] && may_fix late || return 0
    remove_old_kernels
    FIX_DETAIL="$FIX_DETAIL $KERNELS_DETAIL"
}

fix_package_db() {
    FIX_DETAIL="Ran the package tool's own repair."
    if [ "$FAMILY" = apt ]; then
        finish_dpkg || FIX_DETAIL="The package tool's own repair failed: $(last_words)"
    elif [ -s "$W/db" ]; then
        remove_duplicates
    else
        rebuild_rpm_database
    fi
}

# --no-remove: a repair that would take packages away is a person's decision.
finish_dpkg() { configure_all && quietly_apt -y --no-remove -f install; }

# A killed transaction leaves old and new in the database. dnf and zypper take the older ones out, and the newest is
# installed again; they may do so only when nothing but these would go.
remove_duplicates() {
    FIX_DETAIL="Not tried: $TOOL has no safe repair for packages in two versions; take the older ones out by hand."
    [ "$TOOL" != yum ] || return 0
    pm_duplicates "$W/db" >"$W/twice"
    if ! others=$(if [ "$TOOL" = dnf ]; then dnf_plan; else zypper_plan; fi); then
        FIX_DETAIL="Not tried: $TOOL finds no way: $(last_words)"
        return 0
    fi
    if [ -n "$others" ]; then
        FIX_DETAIL="Not tried: the plan touches more than the older versions: $(echo "$others" | tr '\n' ' ' | cut -c1-150)"
        return 0
    fi
    FIX_DETAIL="Took out the older versions of $(tr '\n' ' ' <"$W/twice" | cut -c1-150)"
    if [ "$TOOL" = dnf ]; then quietly dnf -y remove --duplicates; else zypper_older_out; fi || FIX_DETAIL="Taking out the older versions failed: $(last_words)"
}

# What else the plan touches, one a line; it fails where there is no plan.
dnf_plan() {
    ask removal dnf --assumeno remove --duplicates >"$W/plan"
    grep -q '^Transaction Summary' "$W/plan" || return 1
    awk 'FILENAME ~ /twice$/ { twice[$1] = 1; next }
        /^[A-Z][a-z ]*:$/ { part = $0; kept = ""; if ($0 !~ /^(Removing|Reinstalling):$/) print $0; next }
        /^[^ ]/ || !NF { part = "" }
        part == "" { next }
        NF == 1 { kept = $1; next }
        { name = $1 == "replacing" ? $2 : (kept == "" ? $1 "." $2 : kept "." $1); kept = ""; if (!(name in twice)) print name }
        ' "$W/twice" "$W/plan"
}

zypper_plan() {
    ask removal zypper -n --xmlout verify --dry-run >"$W/plan" || return 1
    awk -v twice=" $(tr '\n' ' ' <"$W/twice")" '
        function attribute(name,    text) { text = $0; sub(".* " name "=\"", "", text); sub(/".*/, "", text); return text }
        BEGIN { RS = "<" }
        /^to-/ { part = $0 }
        /^solvable/ { n++; if (part !~ /^to-remove/ || !index(twice, " " attribute("name") "." attribute("arch") " ")) print attribute("name") }
        END { exit !n }' "$W/plan"
}

zypper_older_out() {
    quietly zypper -n verify || return
    pm_installed >"$W/db"
    # shellcheck disable=SC2046  # one package a word
    quietly zypper -n install --force $(awk -F'\t' 'FILENAME ~ /twice$/ { twice[$1] = 1; next }
        ($1 "." $2) in twice { print $1 "=" $3 }' "$W/twice" "$W/db")
}

# The old database stays beside the new one: what a rebuild drops can still be looked up.
rebuild_rpm_database() {
    kept="${PATCH_PORTAL_ROOT}/var/lib/patch-portal/rpm-database-$DISPATCH"
    FIX_DETAIL="Not tried: the old package database cannot be kept: no room."
    mkdir -p "${kept%/*}" && cp -Rp "${PATCH_PORTAL_ROOT}/var/lib/rpm/" "$kept" 2>>"$LOG" || return 0
    FIX_DETAIL="Rebuilt the package database; the old one is kept in ${kept##*/}."
    quietly rpm --rebuilddb || FIX_DETAIL="Rebuilding the package database failed: $(last_words)"
}

fix_repositories() { restore_repositories; }
fix_repository_signing() { restore_repositories; }

# Puts back the definitions that the host's owners approved; a replaced one is kept, or nothing is replaced.
restore_repositories() {
    approved="${PATCH_PORTAL_ROOT}/etc/patch-portal/approved-repos"
    kept="${PATCH_PORTAL_ROOT}/var/lib/patch-portal/replaced-repos/$DISPATCH"
    FIX_DETAIL="There is no approved definition to put back."
    [ -d "$approved" ] || return 0
    restored=''
    (cd "$approved" && find etc/apt etc/yum.repos.d etc/zypp -type f 2>/dev/null) >"$W/approved"
    while IFS= read -r file; do
        cmp -s "$approved/$file" "${PATCH_PORTAL_ROOT}/$file" && continue
        if [ -e "${PATCH_PORTAL_ROOT}/$file" ] && [ ! -e "$kept/$file" ]; then
            mkdir -p "$kept/${file%/*}" || continue
            cp -p "${PATCH_PORTAL_ROOT}/$file" "$kept/$file" || continue
        fi 2>>"$LOG"
        cp "$approved/$file" "${PATCH_PORTAL_ROOT}/$file" 2>>"$LOG" && restored="$restored $file"
    done <"$W/approved"
    FIX_DETAIL="The definitions in use are the approved ones."
    [ -z "$restored" ] || FIX_DETAIL="Put back the approved definition of$restored."
}
