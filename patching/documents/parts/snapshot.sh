# ---- snapshots and what changed between two of them ----

# snapshot before|after: lists in $W/NAME.*, single facts as NAME.* in $W/facts.
snapshot() {
    S=$W/$1
    find_kernels "$S.kernels"
    pm_installed >"$S.installed"
    pm_held >"$S.held"
    pm_broken >"$S.broken"
    pm_duplicates "$S.installed" >"$S.duplicates"
    known=$REPOS_OK
    [ "$known" = false ] || pm_available "$S.installed" >"$S.available" || known=false
    [ "$known" = true ] || : >"$S.available"
    WITHHELD='' SECURE=''
    [ "$known" = false ] || weigh
    [ "$1" = before ] || AFTER_KNOWN=$known
    snapshot_facts "$1"
}

snapshot_facts() {
    { cat "$S.kernels"; kernels_available "$S.available"; } >"$W/kernels"
    fact "$1.running" "$RUNNING"
    fact "$1.newest_installed" "$NEWEST"
    fact "$1.boot_default" "$BOOTS"
    fact "$1.newest_available" "$(newest "$W/kernels")"
    fact "$1.boot_id" "$(boot_id)"
    fact "$1.uptime_s" "$(uptime_seconds)"
    # no list at all: unknown
    fact "$1.installed" "$([ ! -s "$S.installed" ] || lines "$S.installed")"
    if [ "$known" = false ]; then
        # empty = unknown; it also replaces what was known before a restart
        fact "$1.upgradable" ''
        fact "$1.security" ''
        return 0
    fi
    fact "$1.upgradable" "$(lines "$S.available")"
    fact "$1.security" "$(security "$S.available")"
    [ "$PHASE$1" != patchbefore ] || return 0
    fact "$1.withheld.total" "$WITHHELD"
    fact "$1.withheld.security" "$SECURE"
}

# A version that stays beside a new one (kernels) makes the new one an install, not an upgrade.
changes() {
    : >"$W/changes"
    [ -s "$W/after.installed" ] || return 0
    awk -F'\t' '
        FILENAME ~ /available$/ { sub(/:.*/, "", $1); if ($5 == 1) secure[$1 "\t" $2] = 1; next }
        { key = $1 "\t" $2; all[key] = 1 }
        FILENAME ~ /before.installed$/ { was[key] = was[key] " " $3; had[key, $3] = 1; next }
        { is[key] = is[key] " " $3; has[key, $3] = 1 }
        END {
            for (key in all) {
                n = split(was[key], w, " "); m = split(is[key], v, " ")
                gone = ""; came = ""; stayed = 0; g = 0; c = 0
                for (i = 1; i <= n; i++) if ((key, w[i]) in has) stayed = 1; else old[++g] = w[i]
                for (i = 1; i <= m; i++) if (!((key, v[i]) in had)) new[++c] = v[i]
                split(key, part, "\t")
                safe = key in secure ? 1 : 0
                if (g == 1 && c == 1 && !stayed) { print key "\t" old[1] "\t" new[1] "\tupgrade\t" safe; continue }
                for (i = 1; i <= g; i++) print key "\t" old[i] "\t-\tremove\t0"
                for (i = 1; i <= c; i++) print key "\t-\t" new[i] "\tinstall\t" safe
            }
        }' "$W/before.available" "$W/before.installed" "$W/after.installed" | sort >"$W/changes"
}
