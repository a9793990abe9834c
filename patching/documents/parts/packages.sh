# ---- packages: one function per question, answered by apt, dnf (yum) or zypper ----
# Installed: name arch version. Available: name arch from to security(1|0), "-" where there is no old version.

dpkg_states() { dpkg-query -W -f '${db:Status-Abbrev}\t${Package}\t${Architecture}\t${Version}\n'; }

pm_installed() {
    case $FAMILY in
        apt) dpkg_states | awk -F'\t' '$1 ~ /^.[iUFWt]/ { print $2 "\t" $3 "\t" $4 }' ;;
        # a key that the package tool imported looks like a package
        *) rpm -qa --qf '%{NAME}\t%{ARCH}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n' | awk -F'\t' '$1 != "gpg-pubkey"' ;;
    esac 2>>"$LOG"
}

# Packages that the package tool left half done: no later "nothing to do" may hide them.
pm_broken() {
    case $FAMILY in
        apt) dpkg_states | awk -F'\t' '$1 ~ /^.[UFHWt]/ || $1 ~ /^..R/ { print $2 }' ;;
    esac 2>>"$LOG"
}

pm_duplicates() {
    [ "$FAMILY" != apt ] || return 0
    awk -F'\t' '$1 !~ /^(kernel|gpg-pubkey|installonly)/ && ++n[$1 "." $2] == 2 { print $1 "." $2 }' "$1"
}

pm_held() {
    case $FAMILY in
        apt) apt-mark showhold ;;
        # tells name-epoch:version-release.*; yum 3 has the epoch first
        dnf) "$TOOL" -q versionlock list | sed 's/^!*[0-9]*:*//; s/-[^-]*-[^-]*$//' ;;
        zypper) zypper --non-interactive locks | awk -F'|' '$1 ~ /^ *[0-9]/ { gsub(/ /, "", $2); print $2 }' ;;
    esac 2>>"$LOG" </dev/null | awk 'NF == 1 { print $1 }'
}

pm_refresh() {
    case $FAMILY in
        apt) quietly_apt -o APT::Update::Error-Mode=any update ;;
        dnf) dnf_refresh ;;
        zypper) quietly zypper --non-interactive refresh ;;
    esac
}

# A cache that has not expired yet would hide a dead repository; yum 3 knows no --refresh.
dnf_refresh() {
    set -- makecache --setopt='*.skip_if_unavailable=False'
    if [ "$TOOL" = dnf ]; then set -- "$@" --refresh; else quietly "$TOOL" -q clean expire-cache; fi
    quietly "$TOOL" "$@"
}

pm_available() {
    case $FAMILY in
        apt) apt_available ;;
        dnf) dnf_available "$1" ;;
        zypper) zypper_available ;;
    esac
}

apt_available() {
    bounded apt-get -s dist-upgrade >"$W/raw" || return 1
    awk '/^Inst / {
        from = $3 ~ /^\[/ ? substr($3, 2, length($3) - 2) : "-"
        inner = substr($0, index($0, "(") + 1)
        split(inner, word, " ")
        arch = match(inner, /\[[^]]*\]\)/) ? substr(inner, RSTART + 1, RLENGTH - 3) : ""
        print $2 "\t" arch "\t" from "\t" word[1] "\t" (inner ~ /Debian-Security:|-security/ ? 1 : 0)
    }' "$W/raw"
}

# check-update: 100 = there are updates, 0 = none, anything else is an error. Long names wrap onto two lines.
dnf_check() {
    bounded "$TOOL" -q check-update --setopt='*.skip_if_unavailable=False' "$@" >"$W/raw"
    case $? in 0 | 100) ;; *) return 1 ;; esac
    awk '/^Obsoleting Packages/ { exit }
        NF == 1 && $1 ~ /\./ { kept = $1; next }
        NF == 2 && kept != "" { $0 = kept " " $0 }
        { kept = "" }
        NF == 3 && $1 ~ /^[^ ]+\.[a-z0-9_]+$/ && $2 ~ /[0-9].*-/ {
            dot = match($1, /\.[^.]*$/)
            print substr($1, 1, dot - 1) "\t" substr($1, dot + 1) "\t" $2
        }' "$W/raw"
}

dnf_available() {
    dnf_check >"$W/all" || return 1
    dnf_check --security >"$W/security" || return 1
    awk -F'\t' '
        FILENAME ~ /security$/ { secure[$1 "\t" $2] = 1; next }
        FILENAME ~ /installed$/ { old[$1 "\t" $2] = $3; next }
        {
            key = $1 "\t" $2
            print key "\t" (key in old && $1 !~ /^kernel[0-9.]*(-(core|modules|devel|rt).*)?$/ ? old[key] : "-") "\t" $3 "\t" (key in secure ? 1 : 0)
        }' "$W/security" "$1" "$W/all"
}

# A dead repository makes zypper exit 106 and say "No updates found": only exit 0 is an answer.
zypper_xml() {
    bounded zypper --non-interactive --xmlout "$@" >"$W/raw"
    case $? in 0 | 100 | 101 | 102) ;; *) return 1 ;; esac
    awk 'BEGIN { RS = "<" }
        function attribute(name,    text) {
            if (!match($0, "[ \n\t]" name "=\"[^\"]*\"")) return "-"
            text = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4)
            return text == "" ? "-" : text
        }
        /^(update|solvable)[ \n\t]/ && attribute("name") != "-" && attribute("type") attribute("kind") ~ /package/ {
            print attribute("name") "\t" attribute("arch") "\t" attribute("edition-old") "\t" attribute("edition")
        }' "$W/raw"
}

zypper_available() {
    zypper_xml list-updates >"$W/all" || return 1
    # without --with-interactive, patches that want a reboot (kernels) are passed over in silence
    zypper_xml patch --with-interactive --category security --dry-run >"$W/security" || return 1
    awk -F'\t' 'FILENAME ~ /security$/ { secure[$1] = 1; next } { print $0 "\t" ($1 in secure ? 1 : 0) }' \
        "$W/security" "$W/all"
}

# The names that newly available kernels would run under.
kernels_available() {
    awk -F'\t' -v family="$FAMILY" '
        family == "apt" && $1 ~ /^linux-image-(unsigned-)?[0-9]/ { sub(/^linux-image-(unsigned-)?/, "", $1); print $1 }
        family == "dnf" && $1 ~ /^kernel[0-9.]*(-core)?$/ { sub(/^[0-9]+:/, "", $4); print $4 "." $2 }
        family == "zypper" && $1 ~ /^kernel-(default|azure|rt)$/ {
            sub(/\.[0-9]+$/, "", $4); sub(/^kernel/, "", $1); print $4 $1
        }' "$1"
}

pm_clean() {
    case $FAMILY in
        apt) quietly apt-get clean ;;
        dnf) quietly "$TOOL" -q clean packages ;;
        zypper) quietly zypper --non-interactive clean ;;
    esac
}

# Installs by MODE; the exit code is only a hint, the lists before and after decide.
pm_install() {
    case $FAMILY in
        apt) apt_install ;;
        dnf) if [ "$MODE" = security ]; then dnf_install --security; else dnf_install; fi ;;
        zypper) zypper_install ;;
    esac
}

quietly_apt() {
    quietly apt-get -o DPkg::Lock::Timeout="$LOCK_WAIT" -o Dpkg::Options::=--force-confdef \
        -o Dpkg::Options::=--force-confold "$@"
}

apt_install() {
    [ "$MODE" = security ] || { quietly_apt -y dist-upgrade; return; }
    set --
    while IFS=$TAB read -r name _ from to secure; do
        [ "$secure" = 0 ] || [ "$from" = - ] || set -- "$@" "$name=$to"
    done <"$W/before.available"
    [ $# -eq 0 ] || quietly_apt -y --only-upgrade install "$@"
}

dnf_install() { quietly "$TOOL" -y --setopt='*.skip_if_unavailable=False' "$@" upgrade; }

# 102 = done, wants a reboot; 103 = zypper updated itself, run again; 106 = a repository was skipped.
zypper_install() {
    for round in 1 2; do
        if [ "$MODE" = security ]; then
            quietly zypper --non-interactive patch --with-interactive --category security --auto-agree-with-licenses
        else
            quietly zypper --non-interactive update --auto-agree-with-licenses
        fi
        code=$?
        [ "$code" = 103 ] && [ "$round" = 1 ] || break
    done
    case $code in 0 | 100 | 101 | 102 | 103) return 0 ;; *) return "$code" ;; esac
}
