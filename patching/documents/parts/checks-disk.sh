# ---- checks of file systems and memory ----

# a /boot of its own is small by design: one kernel needs about this much there
MIN_BOOT_MB=100
# a kernel with its headers brings some thousand files
MIN_INODES=10000
MIN_BOOT_INODES=50
# below, the system may kill the package tool in the middle of its work
MIN_MEMORY_MB=128

# The directories that package work writes to, as far as they exist.
volumes() {
    case $FAMILY in
        apt) cache=var/cache/apt/archives ;;
        dnf) cache=var/cache/$TOOL ;;
        *) cache=var/cache/zypp ;;
    esac
    for dir in '' usr var boot "$cache"; do
        [ ! -d "${PATCH_PORTAL_ROOT}/$dir" ] || echo "${PATCH_PORTAL_ROOT}/$dir"
    done
}

# Each directory with the mount that holds it and the mount's options.
mounts_of_volumes() {
    volumes | awk -v table="${PATCH_PORTAL_ROOT}/proc/mounts" -v root="${PATCH_PORTAL_ROOT}" '
        BEGIN { while ((getline line < table) > 0) { split(line, f, " "); n++; at[n] = f[2]; how[n] = f[4] } }
        {
            path = substr($0, length(root) + 1); best = 0
            for (i = 1; i <= n; i++)
                if ((at[i] == path || at[i] == "/" || index(path, at[i] "/") == 1) && length(at[i]) >= length(at[best])) best = i
            if (best) print at[best] "\t" how[best]
        }' | sort -u
}

check_filesystems() {
    OK=false
    DETAIL="Package work is not possible: ${PATCH_PORTAL_ROOT}/run is full or mounted read-only."
    [ "${W%/*}" = "${PATCH_PORTAL_ROOT}/run" ] || return 0
    OK=true
    mounts_of_volumes >"$W/mounts" 2>>"$LOG"
    [ -s "$W/mounts" ] || { not_measured "the list of mounts cannot be read"; return 0; }
    DETAIL="All file systems that package work writes to are writable."
    bad=$(awk -F'\t' -v family="$FAMILY" '
        "," $2 "," ~ /,ro,/ { print $1 " is mounted read-only" }
        # dpkg runs each package script from its own directory
        "," $2 "," ~ /,noexec,/ && family == "apt" && $1 ~ /\/var/ && $1 !~ /cache/ { print $1 " is mounted noexec" }' "$W/mounts")
    [ -n "$bad" ] || return 0
    OK=false
    DETAIL="Package work is not possible: $(echo "$bad" | awk '{ printf "%s%s", (NR > 1 ? ", " : ""), $0 }')."
}

# df_of OPTION UNIT NEED NEED_FOR_BOOT: sets OK and DETAIL from the free column of df.
df_of() {
    # shellcheck disable=SC2046  # one directory a word; none of them has a blank in its name
    seen=$(ask disk df "$1" $(volumes) | awk -v need="$3" -v boot="$4" -v unit="$2" '
        NR > 1 && !seen[$6]++ && $4 ~ /^[0-9]+$/ && $2 > 0 {
            free = unit == "MB" ? int($4 / 1024) : $4
            least = $6 ~ /\/boot$/ && boot < need ? boot : need
            text = text sprintf("%s%s has %d %s free", text == "" ? "" : ", ", $6, free, unit)
            if (free < least) { low = low == "" ? $6 : low; lack = least }
        }
        END { print (low != "" ? "low" : (text == "" ? "none" : "fine")) " " text "; " (lack ? lack : need) " " unit " are needed." }')
    DETAIL=${seen#* }
    OK=true
    case $seen in
        low*) OK=false ;;
        none*) not_measured "df tells nothing" ;;
    esac
}

check_disk_space() { df_of -Pk MB "$MIN_FREE_MB" "$MIN_BOOT_MB"; }
check_inodes() { df_of -Pi inodes "$MIN_INODES" "$MIN_BOOT_INODES"; }

check_memory() {
    OK=true
    free=$(awk '
        $1 == "MemAvailable:" { known = 1; kb += $2 }
        $1 == "SwapFree:" { kb += $2 }
        END { if (known) print int(kb / 1024) }' "${PATCH_PORTAL_ROOT}/proc/meminfo" 2>/dev/null)
    [ -n "$free" ] || { not_measured "this kernel does not tell how much memory is available"; return 0; }
    DETAIL="$free MB of memory and swap are free; $MIN_MEMORY_MB MB are needed."
    [ "$free" -ge "$MIN_MEMORY_MB" ] || OK=false
}
