# ---- what became of it: what is left, and the status ----

wanted_left() {
    wanted "$W/after.available" >"$W/left"
    lines "$W/left"
}

# Why apt kept them back: an update never takes a package away.
would_remove() {
    [ "$FAMILY" != apt ] || awk '$1 == "Remv" { names = names " " $2 } END { if (names) print " These would have to go for it:" substr(names, 1, 200) "." }' "$W/raw"
}

# Whatever the package tool said: packages left half done, or still wanting an update, are not "patched".
name_what_is_left() {
    if [ -s "$W/after.broken" ] || [ -s "$W/after.duplicates" ]; then
        detail="Left half installed: $(sort -u "$W/after.broken" "$W/after.duplicates" | tr '\n' ' ' | cut -c1-200 | sed 's/ *$//'). $ERROR_DETAIL"
        [ "$ERROR_CODE" != install_failed ] || ERROR_CODE=''
        fail_with packages_left_broken "$detail"
    elif grep -Eq "^(installed|several|broken|updates|reboot|order)$TAB" "$W/silent"; then
        fail_with not_measured "Not measured: $(silence). $ERROR_DETAIL"
    elif [ "$AFTER_KNOWN" = false ]; then
        fail_with repository_unreachable "What is still open cannot be read: $(last_words)"
    elif [ "$(wanted_left)" -gt 0 ]; then
        fail_with updates_left "Still wanting an update: $(cut -f1 "$W/left" | tr '\n' ' ' | cut -c1-300 | sed 's/ *$//').$(would_remove)"
    elif [ "$AFTER_KNOWN" = true ] && [ "$SECURE" != 0 ]; then
        fail_with withheld_by_host "$(told_withheld)"
    fi
}

final_status() {
    changed=$(lines "$W/changes")
    case $ERROR_CODE in
        '' | kernel_not_running | restart_did_not_cure | reboot_did_not_happen)
            if [ -s "$W/reasons" ]; then
                echo reboot_pending
            elif [ "$changed" -eq 0 ] && [ "$REBOOTED" = false ] && [ ! -s "$W/silent" ]; then
                echo nothing_to_do
            else
                echo patched
            fi
            ;;
        withheld_by_host) echo partial ;;
        *) if [ "$changed" -gt 0 ]; then echo partial; else echo failed; fi ;;
    esac
}
