# ---- packages: one function per question, answered by apt, dnf (yum) or zypper ----
# Installed: name arch version. Available: name arch from to security(1|0), "-" where there is no old version.

# shellcheck disable=SC2016  # dpkg-query reads these dollars
dpkg_states() { ask "$1" dpkg-query -W -f '${db:Status-Abbrev}\t${Package}\t${Architecture}\t${Version}\n'; }

pm_installed() {
    case $FAMILY in
        apt) dpkg_states installed | awk -F'\t' '$1 ~ /^.[iUFWt]/ { print $2 "\t" $3 "\t" $4 }' ;;
        # a key that the package tool imported looks like a package
        *) ask installed rpm -qa --qf '%{NAME}\t%{ARCH}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n' | awk -F'\t' '$1 != "gpg-pubkey" { sub(/\t0:/, "\t"); print }' ;;
    esac 2>>"$LOG"
}

# Packages that the package tool left half done: no later "nothing to do" may hide them.
pm_broken() {
    case $FAMILY in
        apt) dpkg_states broken | awk -F'\t' '$1 ~ /^.[UFHWt]/ || $1 ~ /^..R/ { print $2 }' ;;
        # asked only where something went wrong: it costs a start of dnf
        dnf) [ "$SUSPECT$ERROR_CODE" = false ] || locked_out broken || ask broken "$TOOL" -q check |
            awk '/ has missing requires | is obsoleted by | has installed conflict / { sub(/-[^-]*-[^-]*$/, "", $1); print $1 }' | sort -u ;;
    esac 2>>"$LOG"
}

# locked_out QUESTION: package tools wait for ever for a lock that another one holds, so that question is not asked.
locked_out() { [ -n "$HOLDER" ] && no_answer "$1" "$(holder_named) holds the package lock"; }

pm_duplicates() {
    [ "$FAMILY" != apt ] || return 0
    awk -F'\t' '++n[$1 "." $2] == 2 { print $1 "\t" $2 }' "$1" >"$W/two"
    [ -s "$W/two" ] || return 0
    pm_several "$1" >"$W/several"
    awk -F'\t' 'FILENAME ~ /several$/ { several[$1] = 1; next } !($1 in several) { print $1 "." $2 }' "$W/several" "$W/two"
}

# pm_several FILE: packages of this list that may be there in several versions, as the package tool is set: what its settings
# name or mean by default. Kernels of older systems do not say so themselves (yum 3 knows their names).
pm_several() {
    cut -f1 "$1" | grep -E '^kernel[0-9.]*(-(uek|rt|lt|ml|PAE|debug|default|azure|64k))*(-(core|modules|devel|extra|base|optional)[a-z-]*)?$'
    set -f
    # shellcheck disable=SC2046,SC2020  # a list of words, whose globs are rpm's
    set -- $(sed -n 's/^ *\(installonlypkgs\|multiversion\) *= *//p' "${PATCH_PORTAL_ROOT}/etc/dnf/dnf.conf" "${PATCH_PORTAL_ROOT}/etc/yum.conf" \
        "${PATCH_PORTAL_ROOT}/etc/zypp/zypp.conf" 2>/dev/null | tr ', ' '\n\n' | sed 's/^provides://')
    set +f
    ask several rpm -q --qf '%{NAME}\n' --whatprovides 'installonlypkg(kernel)' 'installonlypkg(kernel-module)' 'installonlypkg(vm)' 'multiversion(kernel)' "$@"
    [ $# -eq 0 ] || ask several rpm -qa --qf '%{NAME}\n' "$@"
}

pm_held() {
    case $FAMILY in
        apt) ask held apt-mark showhold ;;
        dnf) held_by_versionlock ;;
        zypper) locked_out held || ask held zypper -n locks | awk -F'|' '$1 ~ /^ *[0-9]/ { gsub(/ /, "", $2); print $2 }' ;;
    esac | awk 'NF == 1 { print $1 }'
}

# The plugin's own files: each start of dnf costs half a second. Lines are name-epoch:version-release.*; yum 3 has
# the epoch first; dnf 5 keeps a table.
held_by_versionlock() {
    for settings in "${PATCH_PORTAL_ROOT}/etc/dnf/plugins/versionlock.conf" "${PATCH_PORTAL_ROOT}/etc/yum/pluginconf.d/versionlock.conf"; do
        [ -r "$settings" ] || continue
        ! grep -Eiq '^enabled *= *(0|no|false|off)' "$settings" || continue
        list=$(sed -n 's/^locklist *= *//p' "$settings")
        list=${list:+${PATCH_PORTAL_ROOT}$list}
        list=${list:-${settings%.conf}.list}
        [ ! -r "$list" ] || sed '/^#/d; s/^!*[0-9]*:*//; s/-[^-]*-[^-]*$//' "$list"
    done
    locks="${PATCH_PORTAL_ROOT}/etc/dnf/versionlock.toml"
    [ ! -r "$locks" ] || sed -n 's/^ *name *= *"\(.*\)"/\1/p' "$locks"
}

# Mirrors may be slow: three times the patience, as far as there is time.
pm_refresh() {
    left=$(($(seconds_left) + GRACE)) usual=$PATIENCE
    [ "$left" -gt 0 ] || return 124
    PATIENCE=$((PATIENCE * 3 < left ? PATIENCE * 3 : left))
    case $FAMILY in
        apt) apt_refresh ;;
        dnf) dnf_refresh ;;
        zypper) ask refresh zypper -n refresh >>"$LOG" ;;
    esac
    set -- $?
    PATIENCE=$usual
    return "$1"
}

# apt before 2.1 does not know Error-Mode: it calls an update a success that reached no repository.
apt_refresh() {
    before=$(lines "$LOG")
    ask refresh apt-get -o DPkg::Lock::Timeout="$LOCK_WAIT" -o APT::Update::Error-Mode=any update >>"$LOG" || return
    ! tail -n +$((before + 1)) "$LOG" | grep -Eq '^(E: |Err:[0-9]|W: (Failed to fetch|Some index files failed|An error occurred during the signature))'
}

# Refreshes and lists in one start of dnf. A cache that has not expired yet would hide a dead repository; yum 3 knows
# no --refresh.
dnf_refresh() {
    if [ "$TOOL" = dnf ]; then set -- --refresh; else set --; ask refresh "$TOOL" -q clean expire-cache >>"$LOG"; fi
    LISTED=false
    ! dnf_check "$@" >"$W/all" || LISTED=true
    # what is no row of the list is a complaint
    awk 'NF > 3' "$W/raw" >>"$LOG"
    [ "$LISTED" = true ]
}

pm_available() {
    case $FAMILY in
        apt) apt_available ;;
        dnf) dnf_available "$1" ;;
        zypper) zypper_available ;;
    esac
}

# apt counts at the end what it has listed: a list without that line, or of another length, is none.
apt_available() {
    # shellcheck disable=SC2086  # a list of options
    ask updates apt-get -s $OPEN dist-upgrade >"$W/raw" || return 1
    awk '/^[0-9]+ upgraded, / {
        whole = 1
        for (i = 1; i < NF; i++) if ($(i + 1) ~ /^(upgraded|newly|reinstalled|downgraded)/) n -= $i
    }
    /^Inst / {
        n++
        from = $3 ~ /^\[/ ? substr($3, 2, length($3) - 2) : "-"
        inner = substr($0, index($0, "(") + 1)
        split(inner, word, " ")
        arch = match(inner, /\[[^]]*\]\)/) ? substr(inner, RSTART + 1, RLENGTH - 3) : ""
        print $2 "\t" arch "\t" from "\t" word[1] "\t" (inner ~ /Debian-Security:|-security/ ? 1 : 0)
    }
    END { exit !whole || n != 0 }' "$W/raw" || { incomplete apt-get; return 1; }
}

# Half an answer is none.
incomplete() { printf 'updates\t%s\n' "the list of $1 is not whole" >>"$W/silent"; }

# check-update: 100 = there are updates, 0 = none, anything else is an error. Long names and versions wrap.
dnf_check() {
    # shellcheck disable=SC2086  # a list of options
    ask updates "$TOOL" -q check-update --setopt='*.skip_if_unavailable=False' $OPEN "$@" >"$W/raw"
    case $? in
        0) ;;
        100) [ -n "$(dnf_rows)" ] || grep -q '^Obsoleting' "$W/raw" || { incomplete "$TOOL"; return 1; } ;;
        *) return 1 ;;
    esac
    dnf_rows
}

dnf_rows() {
    awk '/^Obsoleting [Pp]ackages/ { exit }
        NF && NF < 3 && (kept != "" || $1 ~ /\.[a-z0-9_]+$/) { $0 = kept " " $0; kept = $0; if (NF < 3) next }
        { kept = "" }
        NF == 3 && $1 ~ /^[^ ]+\.[a-z0-9_]+$/ && $2 ~ /[0-9].*-/ {
            dot = match($1, /\.[^.]*$/)
            print substr($1, 1, dot - 1) "\t" substr($1, dot + 1) "\t" $2
        }' "$W/raw"
}

# Without any update there is none for security either: that question is spared.
dnf_available() {
    [ "$LISTED" = true ] || dnf_check >"$W/all" || return 1
    LISTED=false
    : >"$W/security"
    [ ! -s "$W/all" ] || if [ -n "$OPEN" ]; then advised; else dnf_check --security; fi >"$W/security" || return 1
    awk -F'\t' '
        FILENAME ~ /security$/ { secure[$1 "\t" $2] = 1; next }
        FILENAME ~ /installed$/ { old[$1 "\t" $2] = $3; next }
        {
            key = $1 "\t" $2
            print key "\t" (key in old && $1 !~ /^kernel[0-9.]*(-(core|modules|devel|rt).*)?$/ ? old[key] : "-") "\t" $3 "\t" (key in secure ? 1 : 0)
        }' "$W/security" "$1" "$W/all"
}

# What the repositories' advisories name, "i" before those that are in; asked once a side.
advisories() {
    if [ "$TOOL" = dnf ]; then set -- --all; else set -- all; fi
    # shellcheck disable=SC2086  # a list of options
    [ -e "$W/advisories" ] || ask updates "$TOOL" -q $OPEN updateinfo list "$@" >"$W/advisories" || return 1
    cat "$W/advisories"
}

# Name and architecture of what has an advisory for security that is not in: spares a start of dnf.
advised() {
    advisories >"$W/told" &&
        awk '!/^i/ && /\/Sec\. / { n = a = $NF; sub(/.*\./, "", a); sub(/-[^-]*-[^-]*$/, "", n); print n "\t" a }' "$W/told"
}

# A dead repository makes zypper exit 106 and say "No updates found": that is no answer.
zypper_xml() {
    ask updates zypper -n --xmlout "$@" >"$W/raw"
    # 103: it wants to be run again after updating itself
    case $? in 0 | 100 | 101 | 102 | 103) ;; *) return 1 ;; esac
    grep -q '</stream>' "$W/raw" || { incomplete zypper; return 1; }
    awk 'BEGIN { RS = "<" }
        function attribute(name,    text) {
            if (!match($0, "[ \n\t]" name "=\"[^\"]*\"")) return "-"
            text = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4)
            return text == "" ? "-" : text
        }
        /^(update|solvable)[ \n\t]/ && attribute("name") != "-" && attribute("repository") !~ /^\(/ && attribute("type") attribute("kind") ~ /package/ {
            print attribute("name") "\t" attribute("arch") "\t" attribute("edition-old") "\t" attribute("edition")
        }' "$W/raw"
}

zypper_available() {
    zypper_xml list-updates -t package -t patch >"$W/all" || return 1
    : >"$W/security"
    # shellcheck disable=SC2046  # names of patches have no blank
    set -- $(awk 'BEGIN { RS = "<" } /^update[ \n\t]/ && /kind="patch"/ && /category="security"/ { sub(/.*[ \n\t]name="/, ""); sub(/".*/, ""); print }' "$W/raw")
    [ $# -eq 0 ] || zypper_patched "$@" >"$W/security" || return 1
    awk -F'\t' 'FILENAME ~ /security$/ { secure[$1] = 1; next } { print $0 "\t" ($1 in secure ? 1 : 0) }' \
        "$W/security" "$W/all"
}

# The packages that patches replace, by the patches' own words: the solver finds no answer where one of them is locked, and
# shows no patch behind zypper's own.
zypper_patched() {
    ask updates zypper -n info -t patch "$@" >"$W/patches" || return 1
    awk '/^[A-Z][A-Za-z ]*:/ { on = /^Conflicts/; sub(/^[^:]*: */, "") }
        on && $2 ~ /^</ && !/^srcpackage:/ { sub(/[.](noarch|x86_64|aarch64|i[3-6]86)$/, "", $1); print $1 }' "$W/patches"
}

# name TAB version of all that the repositories here have of these packages; none is an error to some tools.
offered() {
    case $FAMILY:$TOOL in
        apt:*) ask offered apt-cache madison "$@" | awk -F'[ |]+' '{ sub(/^ +/, ""); print $1 "\t" $2 }' ;;
        dnf:dnf) dnf_list --available "$@" ;;
        dnf:*) dnf_list available "$@" ;;
        zypper:*) zypper_xml search -s --match-exact -t package "$@" | cut -f1,4 ;;
    esac
}

dnf_list() {
    # shellcheck disable=SC2086  # a list of options
    ask offered "$TOOL" -q $OPEN list --showduplicates "$@" | awk '$3 !~ /^_/' >"$W/raw"
    dnf_rows | cut -f1,3
}

# The names that newly available kernels would run under.
kernels_available() {
    awk -F'\t' -v family="$FAMILY" '
        family == "apt" && $1 ~ /^linux-image-(unsigned-)?[0-9]/ { sub(/^linux-image-(unsigned-)?/, "", $1); print $1 }
        family == "dnf" && $1 ~ /^kernel[0-9.]*(-uek)?(-core)?$/ { sub(/^[0-9]+:/, "", $4); print $4 "." $2 }
        family == "zypper" && $1 ~ /^kernel-(default|azure|rt)$/ {
            sub(/\.[0-9]+$/, "", $4); sub(/^kernel/, "", $1); print $4 $1
        }' "$1"
}

quietly_apt() {
    quietly apt-get -o DPkg::Lock::Timeout="$LOCK_WAIT" -o Dpkg::Options::=--force-confdef \
        -o Dpkg::Options::=--force-confold "$@"
}

# Without these two a changed configuration file leaves its package half configured: nobody answers dpkg's question.
configure_all() { quietly dpkg --force-confdef --force-confold --configure -a; }

# Scripts of packages that failed although the tool said nothing (dnf ends with 0 then): name of each package.
scripts_failed() {
    sed -n -e 's/.*Error in [A-Z]* scriptlet in rpm package \([^ ]*\).*/\1/p' \
        -e 's/.*%p[a-z]*(\(.*\)-[^-]*-[^-]*) scriptlet failed.*/\1/p' "$LOG" | sort -u
}
