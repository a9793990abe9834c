# ---- what an answer of the repositories proves: an empty list, only where it could have been another ----

# Asks as if the host excluded, pinned, held and locked nothing.
without_exclusions() {
    case $FAMILY in
        apt) OPEN="--ignore-hold -o Dir::Etc::Preferences=$W/preferences -o Dir::Etc::PreferencesParts=/dev/null" ;;
        dnf) OPEN='--disableexcludes=all --disableplugin=versionlock' ;;
        zypper)
            cat "${PATCH_PORTAL_ROOT}/etc/zypp/zypp.conf" >"$W/zypp.conf" 2>/dev/null || echo '[main]' >"$W/zypp.conf"
            echo 'locksfile.path = /dev/null' >>"$W/zypp.conf"
            export ZYPP_CONF="$W/zypp.conf"
            ;;
    esac
    "$@"
    set -- $?
    OPEN=''
    unset ZYPP_CONF
    return "$1"
}

# Whether the host keeps anything back: asked of its files, because each start of a tool costs time.
excludes() {
    case $FAMILY in
        apt) unpinned ;;
        dnf)
            ! grep -rqsiE '^ *(exclude(pkgs)?|includepkgs) *= *[^ ]' "${PATCH_PORTAL_ROOT}/etc/dnf/dnf.conf" \
                "${PATCH_PORTAL_ROOT}/etc/yum.conf" "${PATCH_PORTAL_ROOT}/etc/yum.repos.d" || return 0
            ;;
    esac
    [ -s "$S.held" ] || [ -s "$W/pins" ]
}

# The host's preferences without those that keep packages back: a pinned version, a priority below 100.
unpinned() {
    for file in "${PATCH_PORTAL_ROOT}/etc/apt/preferences" "${PATCH_PORTAL_ROOT}"/etc/apt/preferences.d/*; do
        [ ! -f "$file" ] || sed "\$G" "$file"
    done | awk -v RS= -v ORS='\n\n' -v pins="$W/pins" '
        !/(^|\n)Package: *[*] *\n/ && /\nPin: *version|\nPin-Priority: *(-|[0-9]?[0-9] *(\n|$))/ { print >pins; next }
        { print }' >"$W/preferences"
}

# WITHHELD updates that the host keeps back (the window may leave them out as well: those do not count), SECURE of them
# for security; empty: cannot be told. TOLD: the repositories tell which updates are for security.
weigh() {
    : >"$S.withheld"
    rm -f "$W/advisories"
    TOLD=true WITHHELD=0
    # the pre-check has told it minutes ago, and each question costs a start of the tool
    [ "$PHASE$SIDE" = patchbefore ] || ! excludes || find_withheld || WITHHELD=''
    tells_security || TOLD=false
    SECURE=$WITHHELD
    case $SECURE in '' | 0) ;; *) SECURE=$(security "$S.withheld") ;; esac
}

find_withheld() {
    cp "$W/raw" "$W/said"
    without_exclusions pm_available "$S.installed" >"$W/open" || return 1
    mv "$W/said" "$W/raw"
    wanted "$W/open" all | awk -v had="$S.available" 'BEGIN { while ((getline line <had) > 0) seen[line] = 1 } !($0 in seen)' >"$S.withheld"
    WITHHELD=$(lines "$S.withheld")
}

# No security update among them is none, only where some repository would tell.
tells_security() {
    ! grep -q '1$' "$S.available" "$S.withheld" || return 0
    [ "$FAMILY" = apt ] || [ -s "$S.available" ] || [ -s "$S.withheld" ] || return 0
    case $FAMILY:$TOOL in
        apt:*) ask updates apt-cache policy | grep -E '=Debian-Security|-security' ;;
        dnf:*) advisories ;;
        *) ask updates zypper --non-interactive --xmlout list-patches --all | grep 'kind="patch"' ;;
    esac | grep -q .
}

# security FILE: its security updates; nothing where no repository tells.
security() { [ "$TOLD" = false ] || awk -F'\t' '$5 == 1' "$1" | wc -l | tr -d ' '; }

told_withheld() {
    names=$(cut -f1 "$S.withheld" | tr '\n' ' ' | cut -c1-200 | sed 's/ *$//')
    echo "Updates that the host itself withholds: ${WITHHELD:-not known} (for security: ${SECURE:-not known})${names:+: $names}."
}
