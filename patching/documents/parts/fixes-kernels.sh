# ---- fixes: old kernels, when the disk has no room for the new one ----

# Kernels that may go: never the running one, the newest, the one to boot next, nor one spare (the newest other).
spare_kernels() {
    kernels_installed >"$W/kernels.all"
    last=$(newest "$W/kernels.all")
    while IFS= read -r kernel; do
        [ "$kernel" = "$RUNNING" ] || [ "$kernel" = "$last" ] || [ "$kernel" = "$BOOTS" ] ||
            [ "$(flavour "$kernel")" != "$(flavour "$RUNNING")" ] || echo "$kernel"
    done <"$W/kernels.all" >"$W/kernels.other"
    spare=$(newest "$W/kernels.other")
    grep -vxF -e "$spare" "$W/kernels.other"
}

# kernel_packages RELEASE: the packages that belong to this kernel alone, as the package tool wants them named.
kernel_packages() {
    pm_installed >"$W/rows"
    : >"$W/several"
    [ "$FAMILY" = apt ] || pm_several "$W/rows" >"$W/several"
    awk -F'\t' -v family="$FAMILY" -v release="$1" -v flavour="$(flavour "$1")" '
        FILENAME ~ /several$/ { several[$1] = 1; next }
        family == "apt" {
            name = $1
            if (sub(/^linux-(image-unsigned|image|modules-extra|modules|headers)-/, "", name) && name == release) print $1
            next
        }
        $1 !~ /^kernel/ || !($1 in several) { next }
        { sub(/^[0-9]+:/, "", $3) }
        family == "dnf" && $3 "." $2 == release { print $1 "-" $3 "." $2 }
        family == "zypper" && index($1 "-", "kernel-" flavour "-") == 1 {
            version = $3
            sub(/\.[0-9]+$/, "", version)
            if (version "-" flavour == release) print $1 "-" $3 "." $2
        }' "$W/several" "$W/rows"
}

remove_old_kernels() {
    spare_kernels >"$W/kernels.old"
    gone='' stays=''
    while IFS= read -r kernel; do
        set --
        for package in $(kernel_packages "$kernel"); do
            set -- "$@" "$package"
        done
        [ $# -gt 0 ] || continue
        if remove_only "$@"; then gone="$gone $kernel"; else stays="$stays $kernel stays: $(last_words)"; fi
    done <"$W/kernels.old"
    KERNELS_DETAIL="${gone:+Removed the old kernels$gone by package.}$stays"
    KERNELS_DETAIL=${KERNELS_DETAIL:-"No kernel can be spared."}
}

# remove_only PACKAGE...: removes these packages, and refuses when any other would go with them.
remove_only() {
    case $FAMILY in
        apt)
            ask removal apt-get -s remove "$@" >"$W/plan" || return 1
            printf '%s\n' "$@" >"$W/wanted"
            others=$(awk 'FILENAME ~ /wanted$/ { wanted[$1] = 1; next }
                $1 == "Remv" { sub(/:.*/, "", $2); if (!($2 in wanted)) print $2 }' "$W/wanted" "$W/plan")
            [ -z "$others" ] || { echo "Error: these would go too: $others" >>"$LOG"; return 1; }
            quietly_apt -y remove "$@"
            ;;
        dnf) ask removal rpm -e --test "$@" >>"$LOG" && quietly "$TOOL" -y --setopt=clean_requirements_on_remove=False remove "$@" ;;
        zypper) ask removal rpm -e --test "$@" >>"$LOG" && quietly zypper -n remove --no-clean-deps "$@" ;;
    esac
}
