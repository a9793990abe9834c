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
    fact reboot.done "$([ "$REBOOTS" -gt 0 ] && [ "${REBOOTED:-false}" = true ] && echo true || echo false)"
    fact reboot.needed "$([ -s "$W/reasons" ] && echo true || echo false)"
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
function str(s) { return text(s, 300) }
function num(s) { return s ~ /^[0-9]+$/ ? s : "null" }
function bool(s) { return s == "true" || s == 1 ? "true" : "false" }
function opt(s) { return s == "-" ? "\"\"" : str(s) }
function pair(key, value) { return "\"" key "\":" value }
function item(kind, f) {
    if (kind == "name") return str(f[1])
    if (kind == "available")
        return "{" pair("name", str(f[1])) "," pair("arch", str(f[2])) "," pair("from", opt(f[3])) "," \
            pair("to", opt(f[4])) "," pair("security", bool(f[5])) "}"
    if (kind == "change")
        return "{" pair("name", str(f[1])) "," pair("arch", str(f[2])) "," pair("from", opt(f[3])) "," \
            pair("to", opt(f[4])) "," pair("kind", str(f[5])) "," pair("security", bool(f[6])) "}"
    if (kind == "service") return "{" pair("name", str(f[1])) "," pair("state", str(f[2])) "}"
    return "{" pair("name", str(f[1])) "," pair("ok", bool(f[2])) "," pair("detail", str(f[3])) "," \
        pair("fix", "{" pair("tried", bool(f[4])) "," pair("ok", bool(f[5])) "," pair("detail", str(f[6])) "}") "}"
}
# A list as JSON, as many whole items as fit into `most` bytes; the true count goes to `truncated` when cut.
function list(file, key, kind, most,    line, f, i, one, out, used, total, shown) {
    out = ""; used = 2; total = 0; shown = 0
    while ((getline line < (dir file)) > 0) {
        total++
        if (shown < total - 1) continue
        split(line, f, "\t")
        one = item(kind, f)
        if (used + length(one) + 1 > most) continue
        out = out (shown++ ? "," : "") one
        used += length(one) + 1
    }
    close(dir file)
    if (shown < total) cut = cut (cut == "" ? "" : ",") pair(key, total)
    count[key] = total
    return "[" out "]"
}
function side(name) {
    if (!((name ".running") in fact)) return "null"
    return "{" pair("kernel", "{" pair("running", str(fact[name ".running"])) "," \
        pair("installed", list(name ".kernels", name ".kernel.installed", "name", 600)) "," \
        pair("newest_installed", str(fact[name ".newest_installed"])) "," \
        pair("newest_available", str(fact[name ".newest_available"])) "}") "," \
        pair("boot_id", str(fact[name ".boot_id"])) "," pair("uptime_s", num(fact[name ".uptime_s"])) "," \
        pair("packages", "{" pair("installed", num(fact[name ".installed"])) "," \
            pair("upgradable", num(fact[name ".upgradable"])) "," pair("security", num(fact[name ".security"])) "," \
            pair("held", list(name ".held", name ".packages.held", "name", 600)) "}") "," \
        pair("broken", list(name ".broken", name ".broken", "name", 600)) "," \
        pair("duplicates", list(name ".duplicates", name ".duplicates", "name", 600)) "," pair("available", "\001" name "\001") unanswered(name) "}"
}
function unanswered(name,    names) {
    names = list(name ".unanswered", name ".unanswered", "name", 600)
    return names == "[]" ? "" : "," pair("unanswered", names)
}
function error() {
    if (fact["error.code"] == "") return "null"
    return "{" pair("code", str(fact["error.code"])) "," pair("detail", text(fact["error.detail"], 600)) "}"
}
function put(doc, mark, value,    at) {
    at = index(doc, mark)
    return at ? substr(doc, 1, at - 1) value substr(doc, at + length(mark)) : doc
}
BEGIN {
    while ((getline line < (dir "facts")) > 0) { at = index(line, "\t"); fact[substr(line, 1, at - 1)] = substr(line, at + 1) }
    now = ("after.running" in fact) ? "after" : "before"
    doc = "{" pair("schema", 1) "," pair("dispatch", str(fact["dispatch"])) "," pair("command_id", str(fact["command_id"])) "," \
        pair("instance_id", str(fact["instance_id"])) "," pair("document_hash", str(fact["document_hash"])) "," \
        pair("phase", str(fact["phase"])) "," pair("status", str(fact["status"])) "," pair("error", error()) "," \
        pair("os", "{" pair("id", str(fact["os.id"])) "," pair("version", str(fact["os.version"])) "," pair("name", str(fact["os.name"])) "}") "," \
        pair("boot_count", num(fact["boot_count"])) "," pair("host_time", str(fact["host_time"])) "," \
        pair("checks", list("checks", "checks", "check", 5000)) "," pair("before", side("before")) "," pair("after", side("after")) "," \
        pair("aside", list("aside", "aside", "name", 600)) "," \
        pair("not_offered", list("not_offered", "not_offered", "name", 600)) "," pair("services", list("services", "services", "service", 900)) "," \
        pair("reboot", "{" pair("needed", bool(fact["reboot.needed"])) "," pair("reasons", list("reasons", "reboot.reasons", "name", 300)) "," \
            pair("done", bool(fact["reboot.done"])) "}") "," pair("took_s", num(fact["took_s"])) "," pair("changes", "\001changes\001")
    room = 19500 - length(doc)
    still = now == "after" ? list("after.available", "after.available", "available", int(room * 0.3)) : "[]"
    changed = list("changes", "changes", "change", room - length(still))
    earlier = list("before.available", "before.available", "available", room - length(still) - length(changed))
    doc = put(put(doc, "\001changes\001", changed), "\001after\001", still)
    doc = put(doc, "\001before\001", earlier) "," pair("truncated", "{" cut "}") "}"
    printf "%s", doc >(dir "report")
    print "PATCH-PORTAL-RESULT {" pair("schema", 1) "," pair("dispatch", str(fact["dispatch"])) "," pair("phase", str(fact["phase"])) "," \
        pair("status", str(fact["status"])) "," pair("error", str(fact["error.code"])) "," \
        pair("kernel", "{" pair("running", str(fact[now ".running"])) "," pair("newest", str(fact[now ".newest_installed"])) "}") "," \
        pair("boot_id", str(fact[now ".boot_id"])) "," \
        pair("packages", "{" pair("installed", num(fact[now ".installed"])) "," pair("upgradable", num(fact[now ".upgradable"])) "," \
            pair("security", num(fact[now ".security"])) "," pair("changed", count["changes"]) "," pair("broken", count[now ".broken"] + 0) "," pair("aside", count["aside"] + 0) "}") "," \
        pair("reboot", "{" pair("needed", bool(fact["reboot.needed"])) "," pair("done", bool(fact["reboot.done"])) "}") "," \
        pair("took_s", num(fact["took_s"])) >(dir "line")
}'
