# ---- what this host is: system, kernels, boot ----

read_system() {
    OS_ID='' OS_VERSION='' OS_NAME='' OS_LIKE=''
    release="${PATCH_PORTAL_ROOT}/etc/os-release"
    [ -r "$release" ] || release="${PATCH_PORTAL_ROOT}/usr/lib/os-release"
    [ -r "$release" ] || return 0
    while IFS='=' read -r key value || [ -n "$key" ]; do
        value=${value#[\"\']}
        value=${value%[\"\']}
        case $key in
            ID) OS_ID=$value ;;
            VERSION_ID) OS_VERSION=$value ;;
            PRETTY_NAME) OS_NAME=$value ;;
            ID_LIKE) OS_LIKE=$value ;;
        esac
    done <"$release"
}

choose_family() {
    case " $OS_ID $OS_LIKE " in
        *" debian "* | *" ubuntu "*) FAMILY=apt ;;
        *" sles "* | *suse*) FAMILY=zypper ;;
        *" amzn "* | *" rhel "* | *" fedora "* | *" centos "* | *" ol "* | *" rocky "*) FAMILY=dnf ;;
        *) FAMILY='' ;;
    esac
    TOOL=$FAMILY
    [ "$FAMILY" != apt ] || TOOL=apt-get
    [ "$FAMILY" != dnf ] || command -v dnf >/dev/null 2>&1 || TOOL=yum
}

boot_id() { cat "${PATCH_PORTAL_ROOT}/proc/sys/kernel/random/boot_id" 2>/dev/null; }

uptime_seconds() {
    booted=$(awk '$1 == "btime" { print $2 }' "${PATCH_PORTAL_ROOT}/proc/stat" 2>/dev/null)
    [ -z "$booted" ] || echo $(($(now) - booted))
}

kernels_installed() {
    for image in "${PATCH_PORTAL_ROOT}"/boot/vmlinuz-* "${PATCH_PORTAL_ROOT}"/boot/[iI]mage-*; do
        name=${image##*/}
        case $name in
            *rescue* | *.old | *'*' | *[!A-Za-z0-9.+~_-]*) continue ;;
        esac
        name=${name#vmlinuz-}
        echo "${name#[iI]mage-}"
    done
}

# Kernels are compared within one flavour only: cloud with cloud, rt with rt, Oracle's own with Oracle's own.
# Debian 12: 6.1.0-40-cloud-amd64; Debian 13: 6.12.48+deb13-cloud-amd64.
flavour() {
    case $FAMILY:$1 in
        dnf:*uek*) echo "uek.${1##*.}" ;;
        dnf:*.rt[0-9]*) echo "rt.${1##*.}" ;;
        dnf:*) echo "${1##*.}" ;;
        *)
            rest=${1#*-}
            case $rest in [0-9]*-*) rest=${rest#*-} ;; esac
            echo "$rest"
            ;;
    esac
}

# newest FILE: the newest name in a list of kernels of the running flavour, by the package tool's own order.
newest() {
    want=$(flavour "$RUNNING")
    best=''
    while IFS= read -r kernel; do
        [ "$(flavour "$kernel")" = "$want" ] || continue
        if [ -z "$best" ] || version_gt "$kernel" "$best"; then best=$kernel; fi
    done <"$1"
    echo "$best"
}

version_gt() {
    case $FAMILY:$1$2 in
        *:*[!A-Za-z0-9.+_:~^-]*) return 1 ;;
        apt:*) ask order dpkg --compare-versions "$1" gt "$2" ;;
        *) rpm_gt "$1" "$2" ;;
    esac
}

# Epoch, version and release one after the other: rpm before 4.16 compares the whole text, and calls 1.2-3 newer than 1.2.1-1.
rpm_gt() {
    for part in epoch version release; do
        mine=$(rpm_part $part "$1") others=$(rpm_part $part "$2")
        [ "$mine" != "$others" ] || continue
        [ "$(ask order rpm --eval "%{lua: print(rpm.vercmp('$mine', '$others'))}")" = 1 ]
        return
    done
    return 1
}

rpm_part() {
    rest=${2#*:}
    case $1:$2 in
        epoch:*:*) echo "${2%%:*}" ;;
        epoch:*) echo 0 ;;
        version:*) echo "${rest%-*}" ;;
        *) echo "${rest##*-}" ;;
    esac
}

# One reason a line, from the closed list of the schema.
reboot_reasons() {
    [ -z "$NEWEST" ] || ! version_gt "$NEWEST" "$RUNNING" || echo kernel
    case $FAMILY in
        apt) [ ! -e "${PATCH_PORTAL_ROOT}/run/reboot-required" ] || echo reboot_required_file ;;
        dnf)
            # its exit code 1 may also be a mistake of its own
            ! command -v needs-restarting >/dev/null 2>&1 || locked_out reboot || ! ask reboot needs-restarting -r | grep -q '^Reboot is required' || echo needs_restarting
            ;;
        zypper)
            ask reboot zypper -n needs-rebooting >>"$LOG"
            [ $? -ne 102 ] || echo package_manager_asked
            ;;
    esac
}

services_waiting() {
    locked_out services || case $FAMILY in
        apt) ! command -v needrestart >/dev/null 2>&1 || (NEEDRESTART_SUSPEND='' && ask services needrestart -b -r l) | sed -n 's/^NEEDRESTART-SVC: //p' ;;
        dnf) ! command -v needs-restarting >/dev/null 2>&1 || ask services needs-restarting -s ;;
        zypper) ask services zypper -n ps -sss ;;
    esac | awk 'NF == 1 { print $1 "\twants_restart" }'
}
