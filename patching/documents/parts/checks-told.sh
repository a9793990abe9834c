# ---- checks that are told only: load, the agent, the clock, signatures of repositories ----

# The patch does not carry this part: these lines stand beside their checks.
examine_usage() {
    told load never
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

# The agent's unit: Ubuntu brings the agent as a snap.
agent_unit() {
    for unit in amazon-ssm-agent snap.amazon-ssm-agent.amazon-ssm-agent; do
        if bounded systemctl cat "$unit" >/dev/null; then
            echo "$unit"
            return 0
        fi
    done
}

agent_version() {
    {
        [ ! -s "$W/db" ] || awk -F'\t' '$1 == "amazon-ssm-agent" { print $3 }' "$W/db"
        ! command -v amazon-ssm-agent >/dev/null 2>&1 || bounded amazon-ssm-agent -version | awk '{ print $NF }'
        ! command -v snap >/dev/null 2>&1 || bounded snap list amazon-ssm-agent | awk 'NR == 2 { print $2 }'
    } 2>>"$LOG" | awk 'NF && /^[0-9]/ { print; exit }'
}

# Told only: this very script came through an agent that works. One that is not enabled is lost after a reboot.
check_agent() {
    OK=true
    command -v systemctl >/dev/null 2>&1 || { not_measured "no systemctl"; return 0; }
    UNIT=$(agent_unit)
    [ -n "$UNIT" ] || { not_measured "no unit of the SSM agent is known to systemd"; return 0; }
    active=$(bounded systemctl is-active "$UNIT")
    enabled=$(bounded systemctl is-enabled "$UNIT")
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
    ! command -v timedatectl >/dev/null 2>&1 || bounded timedatectl show -p NTPSynchronized | sed -n 's/^NTPSynchronized=//p'
    ! command -v chronyc >/dev/null 2>&1 || bounded chronyc -n tracking |
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
    skew=$(($(now) - SENT_AT))
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
