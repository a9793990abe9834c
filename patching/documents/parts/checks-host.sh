# ---- checks of the host: system, agent, reboot, clock ----

check_supported_os() {
    OK=false
    DETAIL="No package tool is known for '$OS_NAME' (ID $OS_ID)."
    [ -n "$FAMILY" ] || return 0
    DETAIL="$OS_NAME needs $TOOL, which is not installed."
    command -v "$TOOL" >/dev/null 2>&1 || return 0
    OK=true
    DETAIL="$OS_NAME, patched with $TOOL."
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

check_pending_reboot() {
    OK=true
    DETAIL="No reboot is due."
    reboot_reasons >"$W/reasons"
    [ -s "$W/reasons" ] || return 0
    OK=false
    DETAIL="A reboot is due already: $(tr '\n' ' ' <"$W/reasons")"
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
