# Reads lab/held, lab/pending, lab/packages (in this order); writes *.new and kernels_added; prints what moved.
# how=half leaves the victim unpacked (dpkg), how=keep leaves it untouched and pending (rpm).
FILENAME ~ /held$/ { held[$1] = 1; next }
FILENAME ~ /pending$/ {
    stays = ($1 in held) || (security == 1 && $5 != 1) || ($1 == victim && how == "keep")
    if (stays) { print > (lab "/pending.new"); next }
    print $1 "\t" $3 "\t" $4
    print $1 > (lab "/moved")
    if ($6 == "kernel") { print $7 "\t" $1 > (lab "/kernels_added"); added[++n] = "ii\t" $1 "\t" $2 "\t" $4; next }
    to[$1] = $4
    next
}
$2 in to { $1 = ($2 == victim && how == "half") ? "iF" : $1; $4 = to[$2]; print $1 "\t" $2 "\t" $3 "\t" $4 > (lab "/packages.new"); next }
{ print > (lab "/packages.new") }
END {
    printf "" > (lab "/moved")
    for (i = 1; i <= n; i++) print added[i] > (lab "/packages.new")
    printf "" > (lab "/pending.new")
}
