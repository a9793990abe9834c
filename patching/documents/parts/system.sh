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

# They lie in /boot under their names, or in a folder that has the name: /boot/<machine>/<name>/linux, /usr/lib/modules/<name>/.
kernels_installed() {
    for image in "${PATCH_PORTAL_ROOT}"/boot/vmlinuz-* "${PATCH_PORTAL_ROOT}"/boot/[iI]mage-* \
        "${PATCH_PORTAL_ROOT}"/boot/*/*/linux "${PATCH_PORTAL_ROOT}"/usr/lib/modules/*/vmlinuz*; do
        name=$(kernel_of "$image")
        case $name in
            *rescue* | *.old | *[!A-Za-z0-9.+~_-]*) ;;
            [0-9]*) echo "$name" ;;
        esac
    done | awk '!seen[$0]++'
}

# kernel_of FILE: the name under which this kernel runs.
kernel_of() {
    case $1 in */linux | */modules/*) set -- "${1%/*}" ;; esac
    name=${1##*/}
    name=${name#vmlinuz-}
    echo "${name#[iI]mage-}"
}

# Which kernel the next start boots, by GRUB's own files. A choice for one start (next_entry) comes before the default of
# grub.cfg: a number, a title, an id, with ">" a path of these, or the saved entry. Entries stand in grub.cfg or, where it
# says blscfg, in a file each. Without a match GRUB takes the first.
# shellcheck disable=SC2016  # an awk program: its dollars are awk's
GRUB='
function kernel(path) {
    sub("/linux$", "", path); sub(".*/", "", path); sub(/^(vmlinuz|[iI]mage)-/, "", path)
    return path ~ /^[0-9]/ ? path : ""
}
FILENAME ~ /env$/ { at = index($0, "="); env[substr($0, 1, at - 1)] = substr($0, at + 1); next }
FILENAME ~ /conf$/ {
    id = FILENAME; sub(".*/", "", id); sub(/[.]conf$/, "", id)
    if (sub(/^title[ \t]+/, "")) title[id] = $0
    if ($1 == "linux") { entry[id] = kernel($2); machine[substr(id, 1, 32)] = 1 }
    next
}
{ split($0, q, /[\047"]/) }
$2 ~ /^default="/ && !/next_entry/ && !told++ {
    wish = env["next_entry"]
    if (wish == "") wish = q[2] ~ /^[$]/ ? env["saved_entry"] : q[2]
    split(wish, part, ">")
}
$1 == "blscfg" { bls = 1 }
$1 ~ /^(submenu|menuentry)$/ {
    n = level[deep + 0]++
    mine = part[deep + 1] == "" ? 0 : part[deep + 1]
    hit[deep + 1] = (!deep || hit[deep]) && (mine "" == n "" || mine == q[2] || mine == q[4])
    top[deep + 1] = (!deep || top[deep]) && !n
    level[++deep] = 0
}
$1 == "}" && deep { deep-- }
$1 ~ /^linux/ && deep {
    if (hit[deep] && !found++) chosen = kernel($2)
    if (top[deep] && !firsts++) first = kernel($2)
}
END {
    if (!told) exit
    if (!bls) { print found ? chosen : first; exit }
    for (id in entry) if (id == wish || title[id] == wish) { print entry[id]; exit }
    for (id in machine) machines++
    if (machines == 1 && wish !~ /^[1-9][0-9]*$/) for (id in entry) if (id !~ /rescue/) print entry[id]
}'

# BOOTS, or nothing where it cannot be known. What grubby says is what was meant: it looks at the saved entry alone.
find_boot_default() {
    set --
    for file in "${PATCH_PORTAL_ROOT}"/boot/grub*/grubenv "${PATCH_PORTAL_ROOT}"/boot/efi/EFI/*/grubenv \
        "${PATCH_PORTAL_ROOT}"/boot/loader/entries/*.conf "${PATCH_PORTAL_ROOT}"/boot/grub*/grub.cfg \
        "${PATCH_PORTAL_ROOT}"/boot/efi/EFI/*/grub.cfg; do
        [ ! -r "$file" ] || set -- "$@" "$file"
    done
    awk "$GRUB" "$@" </dev/null >"$W/boots" 2>>"$LOG"
    BOOTS=$(newest "$W/boots" any)
    [ -n "$BOOTS" ] || ! command -v grubby >/dev/null 2>&1 || BOOTS=$(kernel_of "$(ask kernels grubby --default-kernel)")
}

find_kernels() {
    RUNNING=$(uname -r)
    kernels_installed >"$1"
    NEWEST=$(newest "$1")
    find_boot_default
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

# newest FILE [any]: the newest name in a list of kernels of the running flavour (of any), by the package tool's own order.
newest() {
    want=$(flavour "$RUNNING")
    best=''
    while IFS= read -r kernel; do
        [ -n "${2:-}" ] || [ "$(flavour "$kernel")" = "$want" ] || continue
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

# One reason a line, from the closed list of the schema. UNTOLD: why nobody can say whether there are others.
# A newer kernel that is not booted is no reason; nor is what is asked for because of it alone.
reboot_reasons() {
    UNTOLD='' KERNEL_DUE=false
    due=${BOOTS:-$NEWEST}
    if [ "$(flavour "$due")" = "$(flavour "$RUNNING")" ] && version_gt "$due" "$RUNNING"; then KERNEL_DUE=true; echo kernel; fi
    case $FAMILY in
        apt) asked_by_file ;;
        dnf) locked_out reboot || asked_by_needs_restarting ;;
        zypper)
            ask reboot zypper -n needs-rebooting >>"$LOG"
            case $? in
                0) ;;
                102) echo package_manager_asked ;;
                *) UNTOLD="zypper needs-rebooting gave no answer" ;;
            esac
            ;;
    esac
}

# only_kernels: reads names of packages; true where they are kernels alone, and none that is booted and waits for it.
only_kernels() {
    [ -n "$BOOTS" ] && [ "$KERNEL_DUE" = false ] || return 1
    awk -v boots="$BOOTS" '!/^(linux-(base|image)|kernel)/ || index($0, boots) { other = 1 } END { exit other || !NR }'
}

# That the file is not there says something only where somebody would write it: update-notifier, or a hook of kernels.
asked_by_file() {
    asks="${PATCH_PORTAL_ROOT}/run/reboot-required"
    if [ -e "$asks" ]; then
        cat "$asks.pkgs" 2>>"$LOG" | only_kernels || echo reboot_required_file
    elif ! cat "${PATCH_PORTAL_ROOT}/usr/share/update-notifier/notify-reboot-required" "${PATCH_PORTAL_ROOT}"/etc/kernel/postinst.d/* 2>>"$LOG" |
        grep -q reboot-required; then
        UNTOLD="nothing on this host would leave a file that says so"
    fi
}

# Its exit code 1 may also be a mistake of its own.
asked_by_needs_restarting() {
    if needs_restarting reboot -r >"$W/restarting"; then
        return
    elif ! grep -q '^Reboot is required' "$W/restarting"; then
        UNTOLD="needs-restarting (dnf-plugins-core, yum-utils) gave no answer"
    elif ! sed -n 's/^  *\(\* \)*//p' "$W/restarting" | only_kernels; then
        echo needs_restarting
    fi
}

# yum 3 has it as a program of its own.
needs_restarting() { if [ "$TOOL" = dnf ]; then ask "$1" dnf needs-restarting "$2"; else ask "$1" needs-restarting "$2"; fi; }

services_waiting() {
    locked_out services || case $FAMILY in
        apt) ! command -v needrestart >/dev/null 2>&1 || (NEEDRESTART_SUSPEND='' && ask services needrestart -b -r l) | sed -n 's/^NEEDRESTART-SVC: //p' ;;
        dnf) [ -n "$UNTOLD" ] || needs_restarting services -s ;;
        zypper) ask services zypper -n ps -sss ;;
    esac | awk 'NF == 1 { print $1 "\twants_restart" }'
}
