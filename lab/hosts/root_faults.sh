# Turns a fault of a root host on or off: faults.sh NAME on|off [CONTENT]. Runs inside the host; FAMILY names its tool.
# shellcheck shell=sh
set -u
name=$1 way=$2 content=${3:-}

# The definition in use is kept where the portal's fix looks for an approved one.
repositories() {
    case $FAMILY in
        apt) echo /etc/apt/sources.list ;;
        dnf) echo /etc/yum.repos.d/lab.repo ;;
        zypper) echo /etc/zypp/repos.d/lab.repo ;;
    esac
}
approved() { echo "/etc/patch-portal/approved-repos$(repositories)"; }
give_back() { cp "$(approved)" "$(repositories)"; }
point_to_nobody() { sed -i 's,file:/*srv/repo,http://127.0.0.1:9,' "$1"; }

keys() {
    case $FAMILY:$1 in
        apt:away) cp /srv/repo/stranger.gpg /usr/share/keyrings/lab.gpg; rm -rf /var/lib/apt/lists/* ;;
        apt:back) cp /srv/repo/public.gpg /usr/share/keyrings/lab.gpg ;;
        *:away)
            rpm -e --allmatches gpg-pubkey
            sed -i 's,^gpgkey=.*,gpgkey=file:///srv/repo/stranger.asc,' "$(repositories)"
            rm -rf /var/cache/dnf/* /var/cache/zypp/* /var/lib/dnf/repos
            ;;
        *:back) rpm --import /srv/repo/public.asc; give_back ;;
    esac
}

# dpkg and rpm ask the kernel for a record lock: flock would not stop them.
hold_lock() {
    case $FAMILY in
        apt) file=/var/lib/dpkg/lock-frontend title=unattended-upgr ;;
        *) file=/var/lib/rpm/.rpm.lock title=rpm ;;
    esac
    [ "$FAMILY" != zypper ] || pidfile=/run/zypp.pid
    perl -e '
        use Fcntl; use POSIX ();
        my ($file, $title, $pidfile) = @ARGV;
        exit if fork;
        POSIX::setsid();
        open(my $handle, "+>>", $file) or die $!;
        my $wish = pack("s s l! l! i x8", F_WRLCK, 0, 0, 0, 0);
        fcntl($handle, F_SETLKW, $wish) or die $!;
        $0 = $title;
        if ($pidfile) { open(my $told, ">", $pidfile); print $told $$; close($told); }
        open(my $me, ">", "/run/lab-lock-holder"); print $me $$; close($me);
        close(STDOUT); close(STDERR);
        sleep 3600;
    ' "$file" "$title" ${pidfile:+"$pidfile"} </dev/null >/dev/null 2>&1
    while [ ! -s /run/lab-lock-holder ]; do sleep 0.02; done
}

leave_half_done() {
    case $FAMILY in
        apt) dpkg --unpack /srv/repo/pool/updates/labapp_*.deb ;;
        # as a transaction that was killed: the new version came, the old one did not go
        *) rpm -i --justdb --force /srv/repo/updates/labapp-*.rpm ;;
    esac
}

hanging_tools() {
    [ "$FAMILY" = apt ] && usual=dpkg-query || usual=rpm
    for word in ${content:-$usual}; do [ -e "/usr/bin/$word.lab" ] || command -v "$word"; done
}

# Where the package tool keeps what it has downloaded from the repository lab-old.
downloads() {
    case $FAMILY in
        apt) echo /var/cache/apt/archives ;;
        dnf) echo /var/cache/dnf/lab-old-0123456789abcdef/packages ;;
        zypper) echo /var/cache/zypp/packages/lab-old ;;
    esac
}
fill_cache() {
    [ "$FAMILY" = apt ] && ending=deb || ending=rpm
    mkdir -p "$(downloads)"
    head -c 210000000 /dev/zero >"$(downloads)/left-over.$ending"
}

case $name:$way in
    repo_broken:on) point_to_nobody "$(repositories)" ;;
    repo_broken:off) give_back ;;
    repo_broken_unfixable:on) point_to_nobody "$(approved)"; give_back ;;
    repo_broken_unfixable:off) cp /etc/lab/approved-repositories "$(approved)"; give_back ;;
    repo_unsigned:on) keys away ;;
    repo_unsigned:off) keys back ;;
    repo_signing_off:on) sed -i 's,\[signed-by[^]]*\],[trusted=yes],; s/gpgcheck=1/gpgcheck=0/' "$(repositories)" ;;
    repo_signing_off:off) give_back ;;
    lock_held:on) [ -s /run/lab-lock-holder ] || hold_lock ;;
    lock_held:off) [ ! -s /run/lab-lock-holder ] || kill "$(cat /run/lab-lock-holder)"; rm -f /run/lab-lock-holder ;;
    update_fails:on) echo "${content:-labbroken}" | tr ',' '\n' >/etc/lab/fails ;;
    update_fails:off) rm -f /etc/lab/fails ;;
    hang:on) : >/etc/lab/hang ;;
    hang:off) rm -f /etc/lab/hang ;;
    slow:on) echo "${content:-5}" >/etc/lab/slow-seconds ;;
    # a tool that never answers: those that the content names, else the one that lists what is installed
    tool_hangs:on) hanging_tools | while read -r tool; do mv "$tool" "$tool.lab" && printf '#!/bin/sh\nexec sleep 86400\n' >"$tool" && chmod 755 "$tool"; done ;;
    tool_hangs:off) for tool in /usr/bin/*.lab; do [ ! -e "$tool" ] || mv "$tool" "${tool%.lab}"; done ;;
    slow:off) rm -f /etc/lab/slow-seconds ;;
    db_broken:on) leave_half_done >/dev/null 2>&1 </dev/null ;;
    agent_inactive:on) : >/etc/lab/agent.inactive ;;
    agent_inactive:off) rm -f /etc/lab/agent.inactive ;;
    agent_disabled:on) : >/etc/lab/agent.disabled ;;
    agent_disabled:off) rm -f /etc/lab/agent.disabled ;;
    clock_off:on) echo "${content:--3600}" >/etc/lab/clock-off-seconds ;;
    clock_off:off) rm -f /etc/lab/clock-off-seconds ;;
    # its file system is a small one of its own now; downloads of earlier days fill it
    disk_full:on) fill_cache ;;
    disk_full:off) rm -f "$(downloads)"/left-over.* ;;
    *) ;;
esac
