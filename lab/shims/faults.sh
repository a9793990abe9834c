# shellcheck shell=sh
# Sourced by state.sh: faults that a script sees in files, not in a tool's answer. Each is shown once, when its file
# appears in lab/faults, and taken back when the file is gone (a fix of the document removes it through a tool).

# True when the fault was turned on (off) since the last shim ran; notes the new state.
turned_on() { fault "$1" && [ ! -e "$LAB/applied/$1" ] && : >"$LAB/applied/$1"; }
turned_off() { ! fault "$1" && [ -e "$LAB/applied/$1" ] && rm -f "$LAB/applied/$1"; }

show_kernel_files() {
    if turned_on memory_low || turned_off memory_low || turned_off swap_full; then memory; fi
    if turned_on swap_full; then : >"$LAB/swap"; memory; fi
    if turned_on load_high; then echo "40.10 38.50 30.00 9/400 4711" >"$HOST/proc/loadavg"; fi
    if turned_off load_high; then echo "0.12 0.20 0.18 1/210 4711" >"$HOST/proc/loadavg"; fi
    if turned_on filesystem_readonly; then mounts ro; fi
    if turned_off filesystem_readonly; then mounts rw; fi
}

# The host has a swap file from its first swap_full on; lab/swap says that it is on.
memory() {
    available=2976272 swap=0 left=100
    if fault memory_low; then available=40960; fi
    if [ -e "$LAB/swap" ]; then swap=2097148; fi
    if fault swap_full; then left=1; fi
    left=$((swap * left / 100))
    printf 'MemTotal: 3976272 kB\nMemAvailable: %s kB\nSwapTotal: %s kB\nSwapFree: %s kB\n' "$available" "$swap" "$left" >"$HOST/proc/meminfo"
    printf 'Filename Type Size Used Priority\n' >"$HOST/proc/swaps"
    [ "$swap" = 0 ] || printf '/swapfile file %s %s -2\n' "$swap" "$((swap - left))" >>"$HOST/proc/swaps"
}

mounts() { printf '/dev/nvme0n1p1 / ext4 rw,relatime 0 0\n/dev/nvme0n1p2 /var ext4 %s,relatime 0 0\n' "$1" >"$HOST/proc/mounts"; }

# The signatures are waived in the definition itself; the approved one asks for them.
show_signing() {
    if turned_on repo_signing_off; then
        repo_file
        sed 's/^deb /deb [trusted=yes] /; s/^gpgcheck=1/gpgcheck=0/' "$REPO" >"$LAB/repo.new"
        cat "$LAB/repo.new" >"$REPO"
    elif turned_off repo_signing_off; then
        repo_file
        cp "$APPROVED" "$REPO"
    fi
}

# A killed transaction: dpkg leaves a package unconfigured, rpm leaves old and new side by side.
show_broken_db() {
    if turned_on db_broken; then
        read_line "$LAB/family"
        awk -F'\t' -v family="$LINE" '
            NR > 1 { print; next }
            family == "apt" { sub(/^ii/, "iF"); print; next }
            { print; print $1 "\t" $2 "\t" $3 "\t9:" $4 }' "$LAB/packages" >"$LAB/packages.new"
        mv "$LAB/packages.new" "$LAB/packages"
    fi
}

# Three kernels more than anybody boots, on a /boot of its own.
show_old_kernels() {
    turned_on old_kernels_fill_boot || return 0
    read_line "$LAB/kernel_running"
    running=$LINE
    read_line "$LAB/family"
    family=$LINE
    for age in 1 2 3; do
        old=$(older "$age")
        : >"$HOST/boot/vmlinuz-$old"
        kernel_row "$old" >>"$LAB/packages"
    done
}

# The running kernel's name with its first number lowered: 6.1.0-40-cloud-amd64 becomes 3.1.0-40-cloud-amd64.
older() { echo "$((${running%%.*} - $1)).${running#*.}"; }

kernel_row() {
    case $family in
        apt) printf 'ii\tlinux-image-%s\tamd64\t%s-1\n' "$1" "${1%%-*}" ;;
        dnf) printf 'ii\tkernel-core\tx86_64\t%s\n' "${1%.x86_64}" ;;
        zypper) printf 'ii\tkernel-default\tx86_64\t%s.1\n' "${1%-default}" ;;
    esac
}

# take_out NAME...: removes packages (name, or name-version.arch), and a kernel's image with its package.
take_out() {
    for word in "$@"; do
        case $word in -*) continue ;; esac
        awk -F'\t' -v word="$word" '
            $2 == word || ($2 "-" $4 "." $3) == word { print $2 "\t" $4 "\t" $3 > "/dev/stderr"; next }
            { print }' "$LAB/packages" >"$LAB/packages.new" 2>"$LAB/taken"
        mv "$LAB/packages.new" "$LAB/packages"
        while IFS="$(printf '\t')" read -r name version arch; do
            case $name in
                linux-image-*) rm -f "$HOST/boot/vmlinuz-${name#linux-image-}" ;;
                kernel-core | kernel) rm -f "$HOST/boot/vmlinuz-$version.$arch" ;;
                kernel-default) rm -f "$HOST/boot/vmlinuz-${version%.*}-default" ;;
            esac
        done <"$LAB/taken"
    done
}

# The older version of each package that is there twice: it stands first in the table. Rows of name, arch, version.
older_twins() {
    awk -F'\t' 'FILENAME != last { last = FILENAME; round++ } round == 1 { n[$2]++; next }
        n[$2] > 1 && $2 !~ /^kernel/ && ++seen[$2] < n[$2] { print $2 "\t" $3 "\t" $4 }' "$LAB/packages" "$LAB/./packages" >"$LAB/twice"
}

take_out_older_twins() {
    awk -F'\t' 'FILENAME ~ /twice$/ { gone[$1, $2, $3] = 1; next } !(($2, $3, $4) in gone)' "$LAB/twice" "$LAB/packages" >"$LAB/packages.new"
    mv "$LAB/packages.new" "$LAB/packages"
    rm -f "$LAB/faults/db_broken"
}

# The host's own settings keep its first security update back, or the package that the fault names.
show_excluded() {
    if turned_on updates_excluded; then
        read_line "$LAB/faults/updates_excluded"
        name=${LINE:-$(awk -F'\t' '$5 == 1 { print $1; exit }' "$LAB/pending")}
        case $(cat "$LAB/family") in
            apt) printf 'Package: %s\nPin: release *\nPin-Priority: -1\n' "$name" >"$HOST/etc/apt/preferences" ;;
            dnf) mkdir -p "$HOST/etc/dnf"; printf '[main]\nexclude=%s\n' "$name" >"$HOST/etc/dnf/dnf.conf" ;;
            zypper) echo "$name" >>"$LAB/held" ;;
        esac
    elif turned_off updates_excluded; then
        rm -f "$HOST/etc/apt/preferences" "$HOST/etc/dnf/dnf.conf"
        : >"$LAB/held"
    fi
}

# Amazon Linux stays at the release that it was installed from.
show_release() {
    if turned_on release_pinned; then
        mkdir -p "$HOST/etc/dnf/vars"
        echo 2023.8.20250818 >"$HOST/etc/dnf/vars/releasever"
    elif turned_off release_pinned; then
        rm -f "$HOST/etc/dnf/vars/releasever"
    fi
}

clean_cache() { rm -f "$LAB/faults/disk_full" "$LAB/faults/inodes_full"; }

show_kernel_files
show_signing
show_broken_db
show_old_kernels
show_excluded
show_release
