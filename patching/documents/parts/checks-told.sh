# ---- checks that are told only: load, swap, the agent, the clock, signatures of repositories ----

# The patch does not carry this part: these lines stand beside their checks.
examine_usage() {
    told load never
    told swap late
}

# Told only: a busy host is patched slowly, not wrongly.
check_load() {
    OK=true
    cpus=$(grep -c '^cpu[0-9]' "${PATCH_PORTAL_ROOT}/proc/stat" 2>/dev/null)
    load=$(awk '{ print $2 }' "${PATCH_PORTAL_ROOT}/proc/loadavg" 2>/dev/null)
    if [ -z "$load" ] || [ "${cpus:-0}" -eq 0 ]; then
        not_measured "load or number of processors are not known"
        return 0
    fi
    DETAIL="Load over five minutes is $load on $cpus processors."
    # GNU awk keeps the word "load" to itself
    [ "$(awk -v busy="$load" -v cpus="$cpus" 'BEGIN { print (busy > 8 * cpus) }')" = 0 ] || OK=false
}

# from here on package work waits for the disk at every step
MOST_SWAP_PERCENT=80
# what must be left when all of it is back: other work goes on meanwhile
SWAP_MARGIN_MB=512

# Told only: a host that swaps is patched slowly; where an update could be killed, the check of memory blocks.
check_swap() {
    OK=true
    awk '
        $2 ~ /^[0-9]+$/ { mb[$1] = int($2 / 1024); kb[$1] = $2 }
        END {
            if (!(("SwapTotal:" in kb) && ("SwapFree:" in kb))) exit
            print mb["SwapTotal:"], int((kb["SwapTotal:"] - kb["SwapFree:"]) / 1024), mb["MemAvailable:"]
        }' "${PATCH_PORTAL_ROOT}/proc/meminfo" >"$W/swap" 2>>"$LOG"
    if ! read -r swap swapped available <"$W/swap"; then
        not_measured "this kernel does not tell how much swap is in use"
        return 0
    fi
    # a fix that leaves swap off is none
    if [ "$swap" -lt "${SWAP_MB:=$swap}" ]; then
        OK=false
        DETAIL="Only $swap of $SWAP_MB MB of swap are on."
        return 0
    fi
    DETAIL="This host has no swap."
    [ "$swap" -gt 0 ] || return 0
    DETAIL="$swapped of $swap MB of swap are in use; ${available:-unknown} MB of memory are available."
    [ $((swapped * 100)) -lt $((swap * MOST_SWAP_PERCENT)) ] || OK=false
}

# A group of processes with a memory limit of its own is killed at that limit, however much the host has.
memory_is_limited() {
    groups=${PATCH_PORTAL_ROOT}/sys/fs/cgroup
    [ -d "$groups" ] || return 1
    find "$groups" \( -name memory.max -o -name memory.limit_in_bytes \) -exec cat {} + >"$W/limits" 2>>"$LOG" || return 0
    grep -qvE '^(max|9223372036854[0-9]{6})$' "$W/limits"
}

# Not before the window's start: the disk is busy with it, and the host has less in reserve meanwhile.
fix_swap() {
    needed=$((swapped + SWAP_MARGIN_MB))
    FIX_DETAIL="Not tried: $needed MB of memory must be available to take back what is in swap; it is ${available:-unknown}."
    [ "${available:-0}" -ge "$needed" ] || return 0
    FIX_DETAIL="Not tried: groups of processes have memory limits of their own, or their limits cannot be read."
    ! memory_is_limited || return 0
    FIX_DETAIL="Not tried: the kernel names no swap file or partition that is in use."
    # zram is memory itself; a negative priority is the kernel's own choice
    awk 'NR > 1 && $4 > 0 && $1 !~ /zram/ { print $1, $5 < 0 ? "" : $5 }' "${PATCH_PORTAL_ROOT}/proc/swaps" >"$W/areas" 2>>"$LOG"
    while read -r area priority; do
        FIX_DETAIL="Took back into memory what was in swap."
        renew_swap "${PATCH_PORTAL_ROOT}$area" "$priority"
        case $? in
            0) continue ;;
            124 | 137) FIX_DETAIL="Stopped: taking back what is in swap took too long." ;;
            *) FIX_DETAIL="Taking back what is in swap failed: $(last_words)" ;;
        esac
        break
    done <"$W/areas"
}

# One process turns an area off and on, and outlives this script. A swapoff that is stopped leaves its area on, and
# where memory runs out it is the first that the kernel stops.
renew_swap() {
    # shellcheck disable=SC2016  # the inner shell's own words
    quietly timeout -k 20 "$PATIENCE" sh -c 'trap : TERM; swapoff "$1" && swapon ${2:+-p "$2"} "$1"' swap "$1" "$2"
}

# The agent's unit: Ubuntu brings the agent as a snap.
agent_unit() {
    for unit in amazon-ssm-agent snap.amazon-ssm-agent.amazon-ssm-agent; do
        if ask agent systemctl cat "$unit" >/dev/null; then
            echo "$unit"
            return 0
        fi
    done
}

agent_version() {
    {
        [ ! -s "$W/db" ] || awk -F'\t' '$1 == "amazon-ssm-agent" { print $3 }' "$W/db"
        ! command -v amazon-ssm-agent >/dev/null 2>&1 || ask agent amazon-ssm-agent -version | awk '{ print $NF }'
        ! command -v snap >/dev/null 2>&1 || ask agent snap list amazon-ssm-agent | awk 'NR == 2 { print $2 }'
    } 2>>"$LOG" | awk 'NF && /^[0-9]/ { print; exit }'
}

# Told only: this very script came through an agent that works. One that is not enabled is lost after a reboot.
check_agent() {
    OK=true
    command -v systemctl >/dev/null 2>&1 || { not_measured "no systemctl"; return 0; }
    UNIT=$(agent_unit)
    [ -n "$UNIT" ] || { not_measured "no unit of the SSM agent is known to systemd"; return 0; }
    active=$(ask agent systemctl is-active "$UNIT")
    enabled=$(ask agent systemctl is-enabled "$UNIT")
    version=$(agent_version)
    DETAIL="The SSM agent ${version:-(version unknown)} is ${active:-unknown} and ${enabled:-unknown}."
    case $active:$enabled in
        active:enabled* | active:static | active:indirect | active:generated) ;;
        *) OK=false ;;
    esac
    case $version in
        [12].*) OK=false; DETAIL="$DETAIL Version 3 or later is needed." ;;
    esac
}

# The agent's worker that runs this script outlives a restart of the service.
fix_agent() {
    FIX_DETAIL=''
    if [ "$active" != active ]; then
        FIX_DETAIL="Restarted the SSM agent."
        quietly systemctl --no-block restart "$UNIT" || FIX_DETAIL="Restarting the SSM agent failed: $(last_words)"
    fi
    if [ "$enabled" = disabled ] && may_fix late; then
        FIX_DETAIL="$FIX_DETAIL Enabled the SSM agent, so that it comes back after a reboot."
        quietly systemctl enable "$UNIT" || FIX_DETAIL="Enabling the SSM agent failed: $(last_words)"
    fi
    FIX_DETAIL=${FIX_DETAIL:-"Nothing that a restart would help."}
    FIX_DETAIL=${FIX_DETAIL# }
}

# yes, no, or nothing when nobody can tell.
clock_synchronised() {
    ! command -v timedatectl >/dev/null 2>&1 || ask clock timedatectl show -p NTPSynchronized | sed -n 's/^NTPSynchronized=//p'
    ! command -v chronyc >/dev/null 2>&1 || ask clock chronyc -n tracking |
        awk -F': *' '/^Leap status/ { print ($2 ~ /Not/ ? "no" : "yes") }'
}

# SentAt is the portal's time when it sent the command. A host cannot get it earlier; a late delivery is not told
# from a clock that runs ahead, so that limit is wide.
check_clock() {
    OK=true
    synced=$(clock_synchronised | awk 'NR == 1')
    DETAIL="Not measured: neither timedatectl nor chronyc tells whether the clock is synchronised."
    [ "$synced" != yes ] || DETAIL="The clock is synchronised."
    [ "$synced" != no ] || { OK=false; DETAIL="The clock is not synchronised."; }
    [ -n "$SENT_AT" ] || return 0
    skew=$(($(date +%s) - SENT_AT))
    if [ "$skew" -lt -300 ]; then
        OK=false
        DETAIL="The clock is at least $((-skew)) s behind the portal's. $DETAIL"
    elif [ "$skew" -gt 7200 ]; then
        OK=false
        DETAIL="The clock is $skew s after the time of sending: late delivery, or a clock that runs ahead. $DETAIL"
    fi
}

# Repositories whose packages would be taken without any signature, one a line.
unsigned_repositories() {
    case $FAMILY in
        apt) unsigned_sources ;;
        dnf) unsigned_ini "${PATCH_PORTAL_ROOT}/etc/yum.conf" "${PATCH_PORTAL_ROOT}/etc/dnf/dnf.conf" "${PATCH_PORTAL_ROOT}"/etc/yum.repos.d/*.repo ;;
        zypper) unsigned_ini "${PATCH_PORTAL_ROOT}"/etc/zypp/repos.d/*.repo ;;
    esac
}

unsigned_sources() {
    for file in "${PATCH_PORTAL_ROOT}"/etc/apt/sources.list "${PATCH_PORTAL_ROOT}"/etc/apt/sources.list.d/*.list; do
        [ ! -r "$file" ] || awk '/^[ \t]*deb.*\[.*(trusted|allow-insecure)=yes/ { sub(/.*\][ \t]*/, ""); print $1 }' "$file"
    done
    for file in "${PATCH_PORTAL_ROOT}"/etc/apt/sources.list.d/*.sources; do
        [ ! -r "$file" ] || awk 'BEGIN { RS = "" } {
            text = "\n" tolower($0) "\n"
            if (text ~ /\n(trusted|allow-insecure):[ \t]*yes/ && text !~ /\nenabled:[ \t]*no/) {
                n = split($0, line, "\n")
                for (i = 1; i <= n; i++) if (tolower(line[i]) ~ /^uris:/) { sub(/^[^:]*:[ \t]*/, "", line[i]); print line[i] }
            }
        }' "$file"
    done
}

# dnf checks nothing unless gpgcheck is on; zypper checks everything unless it is off.
unsigned_ini() {
    for file in "$@"; do
        [ ! -r "$file" ] || { cat "$file"; echo; }
    done | awk -F'[ \t]*=[ \t]*' -v checks="$([ "$FAMILY" = zypper ] && echo 1 || echo 0)" '
        function yes(word) { return tolower(word) ~ /^(1|yes|true|on)/ }
        function flush() { if (id != "" && id != "main" && on && !safe && !signed) print id }
        /^\[/ { flush(); id = $0; gsub(/[][]/, "", id); on = 1; safe = checks; signed = 0 }
        $1 == "enabled" { on = yes($2) }
        $1 ~ /^(pkg|repo)_gpgcheck$/ { signed = signed || yes($2) }
        $1 == "gpgcheck" { safe = yes($2); if (id == "main") checks = safe }
        END { flush() }'
}

# Told only: the host waives the signatures itself. Where an approved definition asks for them, it is put back.
check_repository_signing() {
    OK=true
    unsigned_repositories >"$W/unsigned" 2>>"$LOG"
    DETAIL="Signatures are asked for in every repository definition."
    [ -s "$W/unsigned" ] || return 0
    OK=false
    DETAIL="Taken without any signature: $(sort -u "$W/unsigned" | tr '\n' ' ' | cut -c1-200)"
}

# Every system has bash, and no vendor's repository offers it: where none does, the system's own are not among them.
look_for_base() {
    [ -z "$(without_exclusions offered bash)" ] || return 0
    OK=false
    CODE=base_repository_missing
    DETAIL="No enabled repository offers bash, a package of every system: the system's own repositories are missing, and its updates cannot be seen."
}

check_withheld() {
    OK=true
    DETAIL='The host keeps no update back.'
    [ "$known" = true ] || { not_measured "the list of updates was not read"; return 0; }
    [ "$WITHHELD" != 0 ] || return 0
    [ "$SECURE" = 0 ] || OK=false
    DETAIL=$(told_withheld)
}

# Repositories that are pinned to a release of the system tell of no later one: AL2023's to the installed, others by file.
check_release() {
    OK=true release='' newest=''
    DETAIL="Release $OS_VERSION."
    [ "$FAMILY" = dnf ] || return 0
    for file in "${PATCH_PORTAL_ROOT}/etc/yum/vars/releasever" "${PATCH_PORTAL_ROOT}/etc/dnf/vars/releasever"; do
        [ ! -r "$file" ] || read -r release <"$file"
    done
    if [ "$OS_ID$OS_VERSION" = amzn2023 ]; then
        [ -n "$release" ] || release=$(ask release rpm -q --qf '%{VERSION}' system-release) || release=''
        newest=$(newest_release)
    fi
    fact release.in_use "$release"
    fact release.newest "$newest"
    case $release in *.*) fact release.pinned true ;; esac
    case $release:$newest in
        *.*:) DETAIL="Pinned to release $release; whether a later one is out is not known." ;;
        *.*:"$release") DETAIL="Pinned to release $release, the newest." ;;
        *.*:*)
            OK=false
            DETAIL="Pinned to release $release, whose repositories offer nothing of the later ones; $newest is out."
            ;;
    esac
}

# Amazon's tool ends with an error where it has found a later release, and tells them on either channel.
newest_release() {
    already=$(lines "$LOG")
    ! ask release dnf -q check-release-update >"$W/releases" || echo " Version $release:" >>"$W/releases"
    tail -n +$((already + 1)) "$LOG" >>"$W/releases"
    sed -n 's/^ *Version \([0-9.]*\):.*/\1/p' "$W/releases" | awk -F. '$NF > best { best = $NF; name = $0 } END { print name }'
}
