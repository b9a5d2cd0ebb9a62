#!/usr/bin/env bash
# Builds the test guest into folder $1 from Debian's own packages, without installing any of them on this machine:
#   vmlinuz       the kernel of linux-image-cloud-amd64
#   initramfs     busybox, qemu-guest-agent, chpasswd and their libraries, plus rootfs/ beside this script
#   data.img      an ext4 filesystem, copied for each guest: something to freeze, which a root in memory isn't
#   packages.txt  what it was made of
# Takes a few seconds. The folder appears by rename, so an interrupted build is never used.
set -euo pipefail

out=$1
here=$(cd "$(dirname "$0")" && pwd)
common=$here/../guest-common
mkdir -p "$(dirname "$out")"
work=$(mktemp -d "$out.partial.XXXXXX")
trap 'rm -rf "$work"' EXIT
packages=$work/packages root=$work/root image=$work/image
mkdir "$packages" "$root" "$image"
libs=lib/x86_64-linux-gnu

programs=(busybox-static qemu-guest-agent passwd libpam-modules tzdata bash dash util-linux)
# In this order: each needs the ones before it.
modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_console virtio_blk
  failover net_failover virtio_net evdev button)

depends() { # the packages that the given ones directly depend on
  apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
    awk '$1 ~ /Depends:$/ && $2 !~ /^</ { print $2 }'
}

with_libraries() { # the packages themselves and every library package they lead to
  local -A seen=()
  local level=("$@") package
  while [ ${#level[@]} -gt 0 ]; do
    for package in "${level[@]}"; do seen[$package]=yes; done
    mapfile -t level < <(depends "${level[@]}" | grep -E '^(lib|zlib)' | sort -u |
      while read -r package; do [ -n "${seen[$package]:-}" ] || echo "$package"; done)
  done
  echo "${!seen[@]}"
}

fetch() {
  local kernel
  kernel=$(depends linux-image-cloud-amd64 | head -1)
  [ -n "$kernel" ] || { echo "apt knows no linux-image-cloud-amd64: is this Debian on x86_64?" >&2; return 1; }
  cd "$packages"
  # shellcheck disable=SC2046
  apt-get -qq -o APT::Sandbox::User=root download "$kernel" $(with_libraries "${programs[@]}")
  for package in *.deb; do dpkg-deb -x "$package" "$work/debian"; done
  printf '%s\n' *.deb >"$image/packages.txt"
}

# Asks Debian's dynamic loader, not the machine's, which libraries a program needs; copies both.
copy_program() { # path in the Debian tree, path in the guest
  local debian=$work/debian source=$work/debian/$1 library
  install -D "$source" "$root/$2"
  "$debian/$libs/ld-linux-x86-64.so.2" --library-path "$debian/$libs:$debian/usr/$libs" --list "$source" |
    awk -v tree="$debian" '$3 ~ "^" tree { print $3 }' |
    while read -r library; do install -D "$library" "$root/$libs/$(basename "$library")"; done
}

populate() {
  local debian=$work/debian applet
  mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,etc,lib64,lib/modules,proc,sys,dev,run,tmp,data,root,home/app,var}
  cp -r "$here/rootfs/." "$root"
  install -t "$root/lib/harness" "$common/lib/"*
  gcc -O2 -Wall -static -o "$root/lib/harness/watch-writes" "$common/watch-writes.c"
  install "$debian/bin/busybox" "$root/bin/busybox"
  for applet in $("$debian/bin/busybox" --list); do
    [ -e "$root/sbin/$applet" ] || [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
  done
  ln -s ../bin/busybox "$root/sbin/init"
  ln -s ../bin/hwclock "$root/sbin/hwclock"
  install -D "$debian/$libs/ld-linux-x86-64.so.2" "$root/lib64/ld-linux-x86-64.so.2"
  copy_program usr/sbin/qemu-ga usr/sbin/qemu-ga
  copy_program usr/sbin/chpasswd usr/sbin/chpasswd
  # Whether a password opens an account is asked of this one; busybox's asks no PAM.
  copy_program bin/su bin/su
  chmod u+s "$root/bin/su"
  for module in pam_unix pam_deny pam_rootok; do copy_program "$libs/security/$module.so" "$libs/security/$module.so"; done
  # Other people's shells for tests to try scripts with; the guest's own is busybox.
  copy_program bin/bash opt/debian/bash
  copy_program bin/dash opt/debian/dash
  copy_program usr/bin/setsid opt/debian/setsid
  # As a link, since glib takes the zone's name from where it leads.
  install -D "$debian/usr/share/zoneinfo/Europe/Berlin" "$root/usr/share/zoneinfo/Europe/Berlin"
  ln -s /usr/share/zoneinfo/Europe/Berlin "$root/etc/localtime"
  "$common/utmp.sh" >"$root/etc/utmp"
  chmod 600 "$root/etc/shadow"
  local module
  for module in "${modules[@]}"; do
    find "$debian/lib/modules" -name "$module.ko*" -exec cp {} "$root/lib/modules" \;
    [ ! -e "$root/lib/modules/$module.ko.xz" ] || xz -d "$root/lib/modules/$module.ko.xz"
    echo "$module"
  done >"$root/lib/modules/order"
}

pack() {
  cp "$work"/debian/boot/vmlinuz-* "$image/vmlinuz"
  (cd "$root" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0) >"$image/initramfs"
  truncate -s 16M "$image/data.img"
  mkfs.ext4 -q -L data -E lazy_itable_init=0,lazy_journal_init=0 "$image/data.img"
}

fetch
populate
pack
mv -T "$image" "$out"
