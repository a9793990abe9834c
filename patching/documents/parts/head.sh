#!/bin/sh
# Patch Portal: checks or patches this host and prints one report. POSIX sh; runs under dash, bash and busybox.
# shellcheck disable=SC2034,SC2317,SC2329  # parts serve both phases; checks and fixes are called by name
# Every path starts with ${PATCH_PORTAL_ROOT}: empty on a real host, a directory when an image root is patched.
set -u
umask 022

DISPATCH='{{ DispatchId }}'
MIN_FREE_MB='{{ MinFreeMb }}'
LOCK_WAIT='{{ LockWaitSeconds }}'
DEADLINE='{{ DeadlineSeconds }}'
DOCUMENT_HASH='{{ DocumentHash }}'

PATCH_PORTAL_ROOT=${PATCH_PORTAL_ROOT:-}
# An agent may have a short PATH and no HOME: dpkg refuses to work without the first, scripts of packages trip over both.
for dir in usr/local/sbin usr/local/bin usr/sbin usr/bin sbin bin; do
    # shellcheck disable=SC2123  # this very PATH is meant
    PATH="${PATH:+$PATH:}${PATCH_PORTAL_ROOT}/$dir"
done
export PATH HOME="${HOME:-${PATCH_PORTAL_ROOT}/root}"
COMMAND_ID=${SSM_COMMAND_ID:-} INSTANCE_ID=${AWS_SSM_INSTANCE_ID:-}
# Agents before 3.0.284 tell no command id, but every agent puts it into the path of this script:
# .../<instance id>/document/orchestration/<command id>/<step>/_script.sh
set -f
IFS=/
for part in $0; do
    case $part in
        ????????-????-????-????-????????????) COMMAND_ID=${COMMAND_ID:-$part} ;;
        i-* | mi-*) INSTANCE_ID=${INSTANCE_ID:-$part} ;;
    esac
done
unset IFS
set +f
COMMAND_ID=${COMMAND_ID:-by-hand-$$}
MAX_REBOOTS=2
GRACE=0  # seconds past the deadline for looking at what was done
PATIENCE=300  # seconds for one question to a tool; each that follows one without an answer gets a tenth
TAB=$(printf '\t')

export LC_ALL=C DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none UCF_FORCE_CONFFOLD=1
export NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1 ZYPP_LOCK_TIMEOUT="$LOCK_WAIT"

ERROR_CODE='' ERROR_DETAIL=''
BLOCKED=false REPOS_OK=true REBOOTS=0 AFTER_KNOWN=true HOLDER='' LISTED=false
RUNNING='' NEWEST='' BOOTS='' UNTOLD='' SUSPECT=false OPEN='' EXCLUDE='' PACKAGE_SET=''
SIDE=before  # of the work: what had no answer belongs to it

# The work directory is in memory where that has room: a full disk must not cost us the report, nor a full /run.
W=''
for place in run dev/shm tmp var/tmp; do
    mkdir -p "${PATCH_PORTAL_ROOT}/$place" && W=$(mktemp -d "${PATCH_PORTAL_ROOT}/$place/patch-portal.XXXXXX") &&
        head -c 1000000 /dev/zero >"$W/log" && break
    rm -rf "$W"
    W=''
done 2>/dev/null
[ -n "$W" ] || { echo "Patch Portal: no report: run, dev/shm, tmp and var/tmp are full or read-only."; exit 70; }
LOG=$W/log
: >"$LOG"
: >"$W/facts"
: >"$W/checks"
: >"$W/silent"
trap 'rm -rf "$W"' EXIT

fact() { printf '%s\t%s\n' "$1" "$2" >>"$W/facts"; }
lines() { if [ -s "$1" ]; then wc -l <"$1" | tr -d ' '; else echo 0; fi; }
# The clock may be set while we work, so it is no stop-watch: time is counted by how long the host has been up.
uptime_seconds() { head -n 1 "${PATCH_PORTAL_ROOT}/proc/uptime" 2>/dev/null | { IFS=. read -r up _; echo "$up"; }; }
now() { up=$(uptime_seconds); echo "${up:-$(date +%s)}"; }
seconds_left() { echo $((STARTED + DEADLINE - $(now))); }
# CLOCK: when the host was started, by its clock; another answer later means that the clock was set.
booted_at() { echo $(($(date +%s) - $(now))); }
STARTED=$(now) CLOCK=$(booted_at)

# Runs a package tool quietly: output to the log, no terminal, never past our own deadline (the agent's
# time-out kills without a signal that a script could catch, so no report would come out).
quietly() {
    left=$(($(seconds_left) + GRACE))
    [ "$left" -gt 0 ] || return 124
    timeout -k 20 "$left" "$@" >>"$LOG" 2>&1 </dev/null
}

# ask QUESTION TOOL...: prints the answer, and gives the tool's exit code. Every question to a tool passes here and ends,
# deadline or not, with all that the tool has started; half an answer is none. Its name goes to $W/silent then.
ask() {
    question=$1 limit=$PATIENCE
    shift
    [ ! -e "$W/impatient" ] || limit=$((PATIENCE / 10 + 1))
    timeout -k 5 "$limit" "$@" >"$W/answer.$question" 2>>"$LOG" </dev/null
    set -- $? "${1##*/}"
    case $1 in
        124 | 137) no_answer "$question" "$2 gave no answer within $limit s" ;;
        *) cat "$W/answer.$question" ;;
    esac
    return "$1"
}

no_answer() {
    : >"$W/impatient"
    echo "Error: $2." >>"$LOG"
    printf '%s\t%s\n' "$1" "$2" >>"$W/silent"
}

# The questions without an answer, with the reason of each.
silence() { sort -u "$W/silent" | awk -F'\t' '{ printf "%s%s (%s)", (NR > 1 ? ", " : ""), $1, $2 }'; }

# The line of the log that says most: a full disk above all, and no line that only points at others.
last_words() {
    awk '/[Ee]rror: *$|encountered while processing|Error Summary|the above error|returned an error code/ { next }
        /No space left on device|more space (needed )?on the|enough free space/ { full = $0 }
        /Problem:|^E:|^Err|[Ee]rror|ailed|locked|annot/ { hit = $0 }
        NF { last = $0 }
        END { print full != "" ? full : hit == "" ? last : hit }' "$LOG"
}

fail_with() {
    [ -z "$ERROR_CODE" ] || return 0
    ERROR_CODE=$1
    ERROR_DETAIL=$(plainly "$2")
}
