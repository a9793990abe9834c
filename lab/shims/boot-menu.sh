#!/bin/sh
# boot-menu ROOT FAMILY [RELEASE PACKAGE]: makes the boot menu of a lab host anew, after the kernel RELEASE of PACKAGE was put
# in. As the systems' own tools do it: one file for all (grub-mkconfig of apt and zypper), or a file each beside a grub.cfg that
# says blscfg (kernel-install of dnf), and there a new kernel is the default where /etc/sysconfig/kernel wants that package.
set -u
root=$1 family=$2 release=${3:-} package=${4:-}
boot=$root/boot grub=$root/boot/grub2 machine=5f3e9c1a7b2d4e6f8a0b1c2d3e4f5a6b
GRUB_DEFAULT=saved
[ "$family" != apt ] || grub=$root/boot/grub GRUB_DEFAULT=0
mkdir -p "$grub"
[ -s "$grub/grubenv" ] || echo "# GRUB Environment Block" >"$grub/grubenv"
# shellcheck disable=SC1091  # the host's own settings
[ ! -r "$root/etc/default/grub" ] || . "$root/etc/default/grub"
# shellcheck disable=SC2016  # GRUB's own dollar
[ "$GRUB_DEFAULT" != saved ] || GRUB_DEFAULT='${saved_entry}'

kernels() {
    for image in "$boot"/vmlinuz-*; do echo "${image##*/vmlinuz-}"; done | grep -v rescue | sort -rV
}

head() {
    cat <<'END'
if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
END
    printf '   set default="%s"\nfi\n' "$GRUB_DEFAULT"
    cat <<'END'
function savedefault {
  if [ -z "${boot_once}" ]; then
    saved_entry="${chosen}"
    save_env saved_entry
  fi
}
END
}

# entry INDENT TITLE ID RELEASE
entry() {
    printf "%smenuentry '%s' --class gnu-linux --class os \$menuentry_id_option '%s' {\n" "$1" "$2" "$3"
    printf '%s\tinsmod ext2\n%s\tlinux\t/boot/vmlinuz-%s root=UUID=1234 ro quiet\n%s}\n' "$1" "$1" "$4" "$1"
}

menu() {
    newest=$(kernels | sed -n 1p)
    entry '' Linux gnulinux-simple-1234 "$newest"
    printf "submenu 'Advanced options for Linux' \$menuentry_id_option 'gnulinux-advanced-1234' {\n"
    kernels | while read -r one; do
        entry '	' "Linux, with Linux $one" "gnulinux-$one-advanced-1234" "$one"
        entry '	' "Linux, with Linux $one (recovery mode)" "gnulinux-$one-recovery-1234" "$one"
    done
    printf "}\nmenuentry 'UEFI Firmware Settings' \$menuentry_id_option 'uefi-firmware' {\n\tfwsetup\n}\n"
}

entries() {
    mkdir -p "$boot/loader/entries"
    rm -f "$boot/loader/entries/$machine"-*.conf
    kernels | while read -r one; do
        printf 'title Linux (%s)\nversion %s\nlinux /boot/vmlinuz-%s\noptions root=UUID=1234 ro\n' "$one" "$one" "$one" \
            >"$boot/loader/entries/$machine-$one.conf"
    done
}

save_new_one() {
    UPDATEDEFAULT=yes DEFAULTKERNEL=kernel
    # shellcheck disable=SC1091  # the host's own settings
    [ ! -r "$root/etc/sysconfig/kernel" ] || . "$root/etc/sysconfig/kernel"
    [ "$UPDATEDEFAULT" = yes ] || return 0
    case $package in "$DEFAULTKERNEL" | "$DEFAULTKERNEL-core") ;; *) return 0 ;; esac
    sed -i '/^saved_entry=/d' "$grub/grubenv"
    echo "saved_entry=$machine-$release" >>"$grub/grubenv"
}

if [ "$family" = dnf ]; then
    entries
    { head; printf 'insmod blscfg\nblscfg\n'; } >"$grub/grub.cfg"
    [ -z "$release" ] || save_new_one
else
    { head; menu; } >"$grub/grub.cfg"
fi
