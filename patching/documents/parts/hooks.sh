# ---- the host's own scripts before and after: chosen by name, kept by root in one folder ----

HOOKS="${PATCH_PORTAL_ROOT}/etc/patch-portal/hooks"

# safe_hook FILE: a plain file that nobody but its owner, who is whoever runs this, may change.
safe_hook() {
    if [ ! -f "$1" ] || [ -L "$1" ] || [ ! -x "$1" ]; then return 1; fi
    for file in "${HOOKS%/*}" "$HOOKS" "$1"; do
        # shellcheck disable=SC2012  # one file, and its name is ours
        ls -ldn "$file" | awk -v me="$(id -u)" '{ exit !($3 == me && substr($1, 6, 1) != "w" && substr($1, 9, 1) != "w") }' || return 1
    done
}

# run_hook NAME pre|post: 0 when it ended well; HOOK_DETAIL says what went wrong.
run_hook() {
    HOOK_DETAIL=''
    [ -n "$1" ] || return 0
    if ! safe_hook "$HOOKS/$1"; then
        HOOK_DETAIL="The script $1 is not among the approved ones of this host, or others may change it, so it was not run."
        return 1
    fi
    quietly "$HOOKS/$1" "$2" "$DISPATCH" && return 0
    HOOK_DETAIL="The script $1 ($2) ended with code $?: $(tail -n 1 "$LOG" | cut -c1-200)"
    return 1
}
