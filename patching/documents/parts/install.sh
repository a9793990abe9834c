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
    for round in 1 2 3 4; do
        pm_installed >"$W/round.$round"
        zypper_once
        code=$?
        [ "$code" = 103 ] || break
        # what stood behind its own update is on offer now; a round that changes nothing is the last
        ! cmp -s "$W/round.$round" "$W/round.$((round - 1))" || break
    done
    case $code in 0 | 100 | 101 | 102 | 103) return 0 ;; *) return "$code" ;; esac
}

zypper_once() {
    if [ -n "$EXCLUDE" ]; then
        zypper_by_name
    elif [ "$MODE" = security ]; then
        quietly zypper -n patch --with-interactive --category security --auto-agree-with-licenses
        # 4: no solution, for one package of one patch is locked; by name the others go in
        set -- $?
        [ "$1" = 4 ] || return "$1"
        zypper_by_name
    else
        quietly zypper -n update --auto-agree-with-licenses
    fi
}

zypper_by_name() {
    set --
    wanted "$W/before.available" >"$W/chosen"
    while IFS=$TAB read -r name _ _ to _; do set -- "$@" "$name=$to"; done <"$W/chosen"
    [ $# -eq 0 ] || quietly zypper -n install --auto-agree-with-licenses "$@"
}

# Each tool refuses the whole call when it lacks one version, so what is not on offer here stays out, and is told.
install_set() {
    set_to_install
    [ ! -s "$W/set" ] || split_by_offer
    set --
    while IFS=$TAB read -r name version arch; do
        case $FAMILY in
            apt) set -- "$@" "$name${arch:+:$arch}=$version" ;;
            dnf) set -- "$@" "$name-$version${arch:+.$arch}" ;;
            zypper) set -- "$@" "$name${arch:+.$arch}=$version" ;;
        esac
    done <"$W/set"
    [ $# -gt 0 ] || return 0
    case $FAMILY in
        apt) quietly_apt -y --no-remove install "$@" ;;
        dnf) quietly "$TOOL" -y --setopt='*.skip_if_unavailable=False' install "$@" ;;
        zypper) quietly zypper -n install --auto-agree-with-licenses "$@" ;;
    esac
    code=$?
    case $FAMILY:$code in zypper:102 | zypper:103) return 0 ;; esac
    return "$code"
}

# name TAB version of the tested set, where the host has the package in an older version; TAB its arch, where it has it
# for several.
set_to_install() {
    printf '%s\n' "$PACKAGE_SET" | tr ',=' '\n\t' | awk -F'\t' '
        NR == FNR { version[$1] = $2; next }
        $1 in version { if (!seen[$1, $2]++) archs[$1]++; row[++n] = $0 }
        END { for (i = 1; i <= n; i++) { split(row[i], f, "\t"); print f[1] "\t" version[f[1]] "\t" f[3] "\t" (archs[f[1]] > 1 ? f[2] : "") } }
        ' - "$W/before.installed" |
        while IFS=$TAB read -r name version has arch; do
            version_gt "$version" "$has" && printf '%s\t%s\t%s\n' "$name" "$version" "$arch"
        done | sort -u >"$W/set"
}

split_by_offer() {
    # shellcheck disable=SC2046  # names of packages: no blank, no glob
    offered $(cut -f1 "$W/set") >"$W/offered"
    mv "$W/set" "$W/wished"
    : >"$W/set"
    awk -F'\t' -v dir="$W/" 'FILENAME ~ /offered$/ { here[$1 "=" $2] = 1; next }
        ($1 "=" $2) in here { print >(dir "set"); next }
        !told[$1, $2]++ { print $1 "=" $2 >(dir "not_offered") }' "$W/offered" "$W/wished"
}
