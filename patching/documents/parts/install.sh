# ---- install: the chosen updates, by apt, dnf (yum) or zypper ----

# Installs what `wanted` chooses; the exit code is only a hint, the lists before and after decide.
pm_install() {
    if [ -n "$PACKAGE_SET" ]; then install_set; return; fi
    case $FAMILY in
        apt) apt_install ;;
        dnf) dnf_install ;;
        zypper) zypper_install ;;
    esac
}

# Pins of our own beside the host's, in the work directory: nothing stays behind, however we end.
apt_pins() {
    cat "${PATCH_PORTAL_ROOT}/etc/apt/preferences" 2>/dev/null
    printf '%s\n' "$EXCLUDE" | tr ',' '\n' | awk 'NF { printf "\n\nPackage: %s\nPin: version *\nPin-Priority: -1\n", $1 }'
}

apt_install() {
    if [ "$MODE" = all ]; then
        # not dist-upgrade, which takes packages out where that suits others; new kernels come all the same
        set -- -y --with-new-pkgs upgrade
        [ -n "$EXCLUDE" ] || { quietly_apt "$@"; return; }
        apt_pins >"$W/preferences"
        quietly_apt -o Dir::Etc::Preferences="$W/preferences" "$@"
        return
    fi
    set --
    wanted "$W/before.available" >"$W/chosen"
    while IFS=$TAB read -r name _ from to _; do
        [ "$from" = - ] || set -- "$@" "$name=$to"
    done <"$W/chosen"
    [ $# -eq 0 ] || quietly_apt -y --no-remove --only-upgrade install "$@"
}

dnf_install() {
    set --
    [ "$MODE" = all ] || set -- --security
    # shellcheck disable=SC2086  # a list of names; globs must reach dnf, not this folder
    { set -f; for name in $(printf '%s' "$EXCLUDE" | tr ',' ' '); do set -- "$@" "--exclude=$name"; done; set +f; }
    quietly "$TOOL" -y --setopt='*.skip_if_unavailable=False' "$@" upgrade
}

# 102 = done, wants a reboot; 103 = zypper updated itself, run again; 106 = a repository was skipped.
zypper_install() {
    for round in 1 2; do
        zypper_once
        code=$?
        [ "$code" = 103 ] && [ "$round" = 1 ] || break
    done
    case $code in 0 | 100 | 101 | 102 | 103) return 0 ;; *) return "$code" ;; esac
}

zypper_once() {
    if [ -n "$EXCLUDE" ]; then
        set --
        wanted "$W/before.available" >"$W/chosen"
        while IFS=$TAB read -r name _ _ to _; do set -- "$@" "$name=$to"; done <"$W/chosen"
        [ $# -eq 0 ] || quietly zypper --non-interactive install --auto-agree-with-licenses "$@"
    elif [ "$MODE" = security ]; then
        quietly zypper --non-interactive patch --with-interactive --category security --auto-agree-with-licenses
    else
        quietly zypper --non-interactive update --auto-agree-with-licenses
    fi
}

# All of the set or nothing: each tool refuses the whole call when it lacks one version.
install_set() {
    set_to_install
    set --
    joint='='
    [ "$FAMILY" != dnf ] || joint='-'
    while IFS=$TAB read -r name version; do set -- "$@" "$name$joint$version"; done <"$W/set"
    [ $# -gt 0 ] || return 0
    case $FAMILY in
        apt) quietly_apt -y --no-remove install "$@" ;;
        dnf) quietly "$TOOL" -y --setopt='*.skip_if_unavailable=False' install "$@" ;;
        zypper) quietly zypper --non-interactive install --auto-agree-with-licenses "$@" ;;
    esac
    code=$?
    if [ "$code" -ne 0 ] && grep -Eq 'was not found|Unable to find a match|No match for argument|No provider of|not found in package names' "$LOG"; then
        fail_with version_unavailable "A version of the tested set is not on offer here, so nothing was installed: $(last_words)"
    fi
    case $FAMILY:$code in zypper:102 | zypper:103) return 0 ;; esac
    return "$code"
}

# name TAB version of the tested set, where the host has the package in an older version.
set_to_install() {
    printf '%s\n' "$PACKAGE_SET" | tr ',=' '\n\t' | awk -F'\t' '
        NR == FNR { version[$1] = $2; next }
        $1 in version { print $1 "\t" version[$1] "\t" $3 }' - "$W/before.installed" |
        while IFS=$TAB read -r name version has; do
            version_gt "$version" "$has" && printf '%s\t%s\n' "$name" "$version"
        done | sort -u >"$W/set"
}
