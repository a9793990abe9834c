# ---- which of the pending updates this run installs: by mode, exclude list or tested set ----
# wanted FILE [MODE]: rows of an "available" list that shall go in. aside FILE: names that stay out on purpose.

# An exclude list knows the globs * and ?; a set holds name=version and lets nothing else in.
# shellcheck disable=SC2016  # an awk program: its dollars are awk's
CHOOSE='
function regex(glob) {
    gsub(/[.]/, "[.]", glob)
    gsub(/[+]/, "[+]", glob)
    gsub(/[*]/, ".*", glob)
    gsub(/[?]/, ".", glob)
    return "^" glob "$"
}
BEGIN {
    FS = "\t"
    globs = split(excluded, glob, ",")
    for (i = 1; i <= globs; i++) glob[i] = regex(glob[i])
    pairs = split(tested, pair, ",")
    for (i = 1; i <= pairs; i++) { at = index(pair[i], "="); version[substr(pair[i], 1, at - 1)] = substr(pair[i], at + 1) }
}
# apt writes name:arch where that is not its own: who names a package means each of them
function kept_out(    i, name) {
    name = $1
    sub(/:.*/, "", name)
    for (i = 1; i <= globs; i++) if (name ~ glob[i] || $1 ~ glob[i]) return 1
    return tested != "" && version[name] != $4
}
mode == "security" && tested == "" && $5 != 1 { next }
{ out = kept_out() }
want && !out { print }
!want && out && (mode != "security" || $5 == 1) { print $1 }'

wanted() { awk -v want=1 -v mode="${2:-$MODE}" -v excluded="$EXCLUDE" -v tested="$PACKAGE_SET" "$CHOOSE" "$1"; }
aside() { awk -v want=0 -v mode="$MODE" -v excluded="$EXCLUDE" -v tested="$PACKAGE_SET" "$CHOOSE" "$1"; }
