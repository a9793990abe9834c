# ---- the report: one JSON object, ASCII, cut to size with true counts ----

render() {
    fact os.id "$OS_ID"
    fact os.version "$OS_VERSION"
    fact os.name "$OS_NAME"
    fact dispatch "$DISPATCH"
    fact command_id "$COMMAND_ID"
    fact instance_id "$INSTANCE_ID"
    fact document_hash "$DOCUMENT_HASH"
    fact phase "$PHASE"
    fact boot_count "$REBOOTS"
    fact host_time "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    fact status "$1"
    fact error.code "$ERROR_CODE"
    fact error.detail "$ERROR_DETAIL"
    fact took_s $(($(now) - STARTED))
    fact clock.stepped_s $(($(booted_at) - CLOCK))
    fact reboot.done "$([ "$REBOOTS" -gt 0 ] && [ "${REBOOTED:-false}" = true ] && echo true || echo false)"
    fact reboot.needed "$([ -s "$W/reasons" ] && echo true || echo false)"
    [ -e "$W/reasons" ] || UNTOLD="it was not asked"
    fact reboot.unknown "$UNTOLD"
    [ -s "$W/reasons" ] || [ ! -s "$W/reasons.first" ] || cp "$W/reasons.first" "$W/reasons"
    cat "$W/silent" >>"$W/$SIDE.unanswered"
    sort -u -t "$TAB" -k 1,1 -o "$W/$SIDE.unanswered" "$W/$SIDE.unanswered"
    awk -v dir="$W/" "$RENDER" </dev/null
    pack_packages
    # the line comes first: it survives where output is cut, and vouches for the blocks
    printf '%s,"sha256":{"report":"%s","packages":"%s"}}\n' "$(cat "$W/line")" "$(sum_of "$W/report")" "$(sum_of "$W/packages")"
    block REPORT "$W/report"
    [ ! -s "$W/packages" ] || block PACKAGES "$W/packages"
}

sum_of() { [ ! -s "$1" ] || sha256sum <"$1" | cut -c1-64; }
block() { printf '<<<PATCH-PORTAL-%s %s\n%s\nPATCH-PORTAL-%s>>>\n' "$1" "$DISPATCH" "$(cat "$2")" "$1"; }

# What is installed now: name, arch and version a line, sorted, compressed. Left out where it outgrows its bound.
pack_packages() {
    list=$W/after.installed
    [ -e "$list" ] || list=$W/before.installed
    : >"$W/packages"
    [ -s "$list" ] || return 0
    { sort "$list" | gzip -9 | base64 | tr -d '\n' >"$W/packages"; } 2>>"$LOG"
    [ "$(wc -c <"$W/packages")" -le 150000 ] || : >"$W/packages"
}

# shellcheck disable=SC2016  # an awk program: its dollars are awk's
RENDER='
function text(s, most,    i, n, piece, out) {
    gsub(/[^ -~]/, "?", s)
    gsub(/\\/, "&&", s)
    n = split(substr(s, 1, most), piece, "\"")
    out = piece[1]
    for (i = 2; i <= n; i++) out = out "\\\"" piece[i]
    if (match(out, /\\+$/) && RLENGTH % 2) out = out "\\"
    return "\"" out "\""
}
function value(kind, s) {
    if (kind == "n") return s ~ /^-?[0-9]+$/ ? s : "null"
    if (kind == "b") return s == "true" || s == 1 ? "true" : "false"
    return kind == "o" && s == "-" ? "\"\"" : text(s, kind == "t" ? 600 : 300)
}
# A form names keys in their order and, after the colon, what becomes of the fact of that name (with `at` ahead; or of
# the next field of `row`): s, t text, o text or "-" for none, n number or null, b boolean. All else stands as it is.
function fill(form, at, rows,    out, key, kind, n) {
    while (match(form, /[a-z_]+:[stonb]?/)) {
        key = substr(form, RSTART, RLENGTH)
        out = out substr(form, 1, RSTART - 1)
        form = substr(form, RSTART + RLENGTH)
        kind = key
        sub(/:.*/, "", key)
        sub(/.*:/, "", kind)
        out = out "\"" key "\":" (kind == "" ? "" : value(kind, rows ? row[++n] : fact[at key]))
    }
    return out form
}
function item(kind) {
    if (kind == "available") return fill("{name:s,arch:s,from:o,to:o,security:b}", "", 1)
    if (kind == "change") return fill("{name:s,arch:s,from:o,to:o,kind:s,security:b}", "", 1)
    if (kind == "service") return fill("{name:s,state:s}", "", 1)
    if (kind == "check") return fill("{name:s,ok:b,detail:s,fix:{tried:b,ok:b,detail:s}}", "", 1)
    return value("s", row[1])
}
# A list as JSON, as many whole items as fit into `most` bytes; the true count goes to `truncated` when cut.
function list(file, key, kind, most,    line, one, out, used, total, shown) {
    out = ""; used = 2; total = 0; shown = 0
    while ((getline line < (dir file)) > 0) {
        total++
        if (shown < total - 1) continue
        split(line, row, "\t")
        one = item(kind)
        if (used + length(one) + 1 > most) continue
        out = out (shown++ ? "," : "") one
        used += length(one) + 1
    }
    close(dir file)
    if (shown < total) cut = cut (cut == "" ? "" : ",") "\"" key "\":" total
    count[key] = total
    return "[" out "]"
}
function names(file, key, most) { return list(file, key, "name", most) }
function side(name,    at) {
    at = name "."
    if (!((at "running") in fact)) return "null"
    return fill("{kernel:{running:s,installed:", at) names(at "kernels", at "kernel.installed", 600) \
        fill(",newest_installed:s,newest_available:s,boot_default:s},boot_id:s,uptime_s:n,packages:{installed:n,upgradable:n,security:n,held:", at) \
        names(at "held", at "packages.held", 600) withheld(at) fill("},broken:") names(at "broken", at "broken", 600) \
        fill(",duplicates:") names(at "duplicates", at "duplicates", 600) fill(",available:") "\001" name "\001" unanswered(at) "}"
}
function withheld(at) {
    if (fact[at "upgradable"] == "" || !((at "withheld.total") in fact)) return ""
    return fill(",withheld:{total:n,security:n,names:", at "withheld.") names(at "withheld", at "packages.withheld.names", 600) "}"
}
function unanswered(at,    told) {
    told = names(at "unanswered", at "unanswered", 600)
    return told == "[]" ? "" : fill(",unanswered:") told
}
function put(doc, mark, told,    at) {
    at = index(doc, mark)
    return at ? substr(doc, 1, at - 1) told substr(doc, at + length(mark)) : doc
}
BEGIN {
    while ((getline line < (dir "facts")) > 0) { at = index(line, "\t"); fact[substr(line, 1, at - 1)] = substr(line, at + 1) }
    now = ("after.running" in fact) ? "after" : "before"
    doc = fill("{schema:1,dispatch:s,command_id:s,instance_id:s,document_hash:s,phase:s,status:s,error:") \
        (fact["error.code"] == "" ? "null" : fill("{code:s,detail:t}", "error.")) fill(",os:{id:s,version:s,name:s", "os.") \
        (fact["release.in_use"] == "" ? "" : fill(",release:{in_use:s,newest:s,pinned:b}", "release.")) \
        fill("},boot_count:n,host_time:s,checks:") list("checks", "checks", "check", 5000) \
        fill(",before:") side("before") fill(",after:") side("after") fill(",aside:") names("aside", "aside", 600) \
        fill(",not_offered:") names("not_offered", "not_offered", 600) fill(",services:") list("services", "services", "service", 900) \
        fill(",reboot:{needed:b,reasons:", "reboot.") names("reasons", "reboot.reasons", 300) fill(",done:b,unknown:s}", "reboot.") \
        fill(",clock:{stepped_s:n}", "clock.") fill(",took_s:n,changes:") "\001changes\001"
    room = 19500 - length(doc)
    still = now == "after" ? list("after.available", "after.available", "available", int(room * 0.3)) : "[]"
    changed = list("changes", "changes", "change", room - length(still))
    earlier = list("before.available", "before.available", "available", room - length(still) - length(changed))
    doc = put(put(doc, "\001changes\001", changed), "\001after\001", still)
    doc = put(doc, "\001before\001", earlier) fill(",truncated:{") cut "}}"
    printf "%s", doc >(dir "report")
    at = now "."
    print "PATCH-PORTAL-RESULT " fill("{schema:1,dispatch:s,phase:s,status:s,error:") value("s", fact["error.code"]) \
        fill(",kernel:{running:s,newest:", at) value("s", fact[at "newest_installed"]) \
        fill(",boot_default:s},boot_id:s,packages:{installed:n,upgradable:n,security:n,changed:", at) count["changes"] \
        fill(",broken:") count[at "broken"] + 0 fill(",aside:") count["aside"] + 0 fill(",withheld:") value("n", fact[at "withheld.total"]) \
        fill(",withheld_security:") value("n", fact[at "withheld.security"]) fill("},reboot:{needed:b,done:b}", "reboot.") \
        fill(",took_s:n") >(dir "line")
}'
