# shellcheck shell=sh
# Sourced by every shim: where the host's state is, and faults that show up as changed files.
# Faults are files in lab/faults; a lab may simply create or remove them.

HOST=${PATCH_PORTAL_ROOT:?a shim runs only on a simulated host}
LAB=$HOST/lab
HOLDER=4242

fault() { [ -e "$LAB/faults/$1" ]; }
read_line() { IFS= read -r LINE <"$1" || :; }
repo_file() { read_line "$LAB/repo_file"; REPO=$HOST/$LINE; APPROVED=$HOST/etc/patch-portal/approved-repos/$LINE; }

lock_files() {
    mkdir -p "$HOST/proc/$HOLDER"
    echo other-updater >"$HOST/proc/$HOLDER/comm"
    echo "$HOLDER" >"$HOST/run/zypp.pid"
    for file in "$HOST/var/lib/dpkg/lock-frontend" "$HOST/var/lib/rpm/.rpm.lock"; do
        [ ! -e "$file" ] || ls -i "$file"
    done | while read -r inode _; do
        echo "1: POSIX  ADVISORY  WRITE $HOLDER 08:01:$inode 0 EOF"
    done >"$HOST/proc/locks"
}

show_faults() {
    if fault lock_held; then
        [ -d "$HOST/proc/$HOLDER" ] || lock_files
    elif [ -d "$HOST/proc/$HOLDER" ]; then
        rm -rf "$HOST/proc/$HOLDER" "$HOST/proc/locks" "$HOST/run/zypp.pid"
    fi
    if fault repo_broken; then
        [ -e "$LAB/applied/repo_broken" ] || break_repo
    elif [ -e "$LAB/applied/repo_broken" ]; then
        repo_file
        cp "$APPROVED" "$REPO"
        rm -f "$LAB/applied/repo_broken"
    fi
}

break_repo() {
    repo_file
    sed 's,https://mirror[^/]*,http://127.0.0.1:9,' "$APPROVED" >"$REPO"
    : >"$LAB/applied/repo_broken"
}

repo_works() {
    ! fault repo_broken_unfixable && repo_file && ! grep -q '127\.0\.0\.1:9' "$REPO"
}

disk_full() { fault disk_full || fault disk_full_unfixable; }

# The package that update_fails breaks: named in the fault file, else the first pending upgrade.
victim() {
    VICTIM=
    fault update_fails || return 0
    read_line "$LAB/faults/update_fails"
    VICTIM=$LINE
    [ -n "$VICTIM" ] || VICTIM=$(awk -F'\t' '$6 == "upgrade" { print $1; exit }' "$LAB/pending")
}

# Call `victim` first (a pipe would lose what it sets).
# install_pending SECURITY_ONLY HOW_IT_BREAKS: moves pending rows into packages; prints the names it moved.
install_pending() {
    : >"$LAB/kernels_added"
    awk -F'\t' -v security="$1" -v victim="$VICTIM" -v how="$2" -v lab="$LAB" -f "${0%/*}/../install.awk" \
        "$(kept_back)" "$LAB/pending" "$LAB/packages" || return 1
    mv "$LAB/packages.new" "$LAB/packages"
    mv "$LAB/pending.new" "$LAB/pending"
    while IFS="$(printf '\t')" read -r kernel package; do
        : >"$HOST/boot/vmlinuz-$kernel"
        echo "$kernel" >"$LAB/kernel_newest"
        read_line "$LAB/family"
        [ ! -d "$HOST/boot/grub" ] && [ ! -d "$HOST/boot/grub2" ] || "${0%/*}/../boot-menu.sh" "$HOST" "$LINE" "$kernel" "$package"
    done <"$LAB/kernels_added"
}

# A file with the names that the host's own settings keep back: locks or holds where LOCKS is 1, exclusions and pins
# where EXCLUDES is.
kept_back() {
    : >"$LAB/now.held"
    [ "$LOCKS" = 0 ] || cat "$LAB/held" >>"$LAB/now.held"
    [ "$EXCLUDES" = 0 ] || {
        sed -n 's/^exclude *= *//p' "$HOST/etc/dnf/dnf.conf" 2>/dev/null | tr ' ' '\n'
        sed -n 's/^Package: *//p' "$HOST/etc/apt/preferences" 2>/dev/null
    } >>"$LAB/now.held"
    echo "$LAB/now.held"
}

# What was put in last and is in use from the start of a host on: its tools ask for a restart then.
core_packages() { grep -xE 'kernel(-core|-default)?|glibc|systemd|linux-firmware' "$LAB/moved"; }

# For ever, or for so many seconds as the fault says, with the package lock in its hands.
hang_if_asked() {
    fault hang || return 0
    read_line "$LAB/faults/hang"
    # exec: the signal that ends the shim must end the sleep too
    [ -n "$LINE" ] || exec sleep 86400
    : >"$LAB/faults/lock_held"
    show_faults
    sleep "$LINE"
    rm -f "$LAB/faults/lock_held"
    show_faults
}

# A tool that never answers: those that the fault names, else the one that lists what is installed.
hang_if_named() {
    fault tool_hangs || return 0
    read_line "$LAB/faults/tool_hangs"
    case " ${LINE:-dpkg-query rpm} " in *" ${0##*/} "*) exec sleep 86400 ;; esac
}

hang_if_named
show_faults
# shellcheck source=lab/shims/faults.sh
. "${0%/*}/../faults.sh"
