# Compares two package versions as dpkg and rpm do where they agree: [epoch:]version-release, ~ sorts before the end.
# -v a= -v b= -v op=(gt|lt|ge|le|eq|ne|print): exit 0 when true; print writes -1, 0 or 1.
function take(s, re) { return match(s, re) == 1 ? substr(s, 1, RLENGTH) : "" }
function part(x, y,    p, q) {
    while (x != "" || y != "") {
        if (x ~ /^~/ || y ~ /^~/) {
            if (x !~ /^~/) return 1
            if (y !~ /^~/) return -1
            x = substr(x, 2); y = substr(y, 2); continue
        }
        sub(/^[^A-Za-z0-9~]+/, "", x); sub(/^[^A-Za-z0-9~]+/, "", y)
        if (x == "" || y == "") break
        if ((x ~ /^[0-9]/) != (y ~ /^[0-9]/)) return x ~ /^[0-9]/ ? 1 : -1
        p = take(x, x ~ /^[0-9]/ ? "^[0-9]+" : "^[A-Za-z]+")
        q = take(y, x ~ /^[0-9]/ ? "^[0-9]+" : "^[A-Za-z]+")
        x = substr(x, length(p) + 1); y = substr(y, length(q) + 1)
        if (p ~ /^[0-9]/) { p += 0; q += 0 }
        if (p != q) return p > q ? 1 : -1
    }
    if (x == y) return 0
    if (x ~ /^~/) return -1
    if (y ~ /^~/) return 1
    return x != "" ? 1 : -1
}
function compare(x, y,    e, f, i, j, r) {
    e = x ~ /^[0-9]+:/ ? x + 0 : 0; f = y ~ /^[0-9]+:/ ? y + 0 : 0
    if (e != f) return e > f ? 1 : -1
    sub(/^[0-9]+:/, "", x); sub(/^[0-9]+:/, "", y)
    i = match(x, /-[^-]*$/) ? RSTART : length(x) + 1
    j = match(y, /-[^-]*$/) ? RSTART : length(y) + 1
    r = part(substr(x, 1, i - 1), substr(y, 1, j - 1))
    return r ? r : part(substr(x, i + 1), substr(y, j + 1))
}
BEGIN {
    r = compare(a, b)
    if (op == "print") { print r; exit 0 }
    yes = (op == "gt" && r > 0) || (op == "lt" && r < 0) || (op == "eq" && !r) || (op == "ne" && r) || \
          (op == "ge" && r >= 0) || (op == "le" && r <= 0)
    exit yes ? 0 : 1
}
