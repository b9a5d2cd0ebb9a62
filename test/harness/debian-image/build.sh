#!/usr/bin/env bash
# Builds a full Debian guest of release $1 into folder $2 from the packages of the mirror that apt is set up with:
#   vmlinuz       the release's cloud kernel
#   initramfs     busybox and the drivers to mount the root filesystem with
#   root.img      the root filesystem, ext4: never written to, each guest has an overlay of its own
#   packages.txt  what it was made of
# Needs root, for a chroot of its own. The folder appears by rename, so an interrupted build is never used.
set -euo pipefail
umask 022

release=$1
out=$2
here=$(cd "$(dirname "$0")" && pwd)
common=$here/../guest-common
mkdir -p "$(dirname "$out")"
work=$(mktemp -d "$out.partial.XXXXXX")
trap 'rm -rf "$work"' EXIT
packages=$work/packages tree=$work/tree root=$work/initramfs image=$work/image
mkdir "$packages" "$root" "$image"

mapfile -t programs < <(cat "$here/packages" "$here/$release/packages" 2>/dev/null)
# In this order: each needs the ones before it. What the kernel has built in is left out.
modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_console virtio_blk
  failover net_failover virtio_net evdev button autofs4)

# Where this machine's own release comes from, other releases are too.
mirror() {
  local codename
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
    awk -v codename="$codename" '$1 == "Debian" && $2 == codename { print $3; exit }'
}

install_debian() {
  local from
  from=$(mirror)
  [ -n "$from" ] || { echo "apt knows no source of this machine's own release: is this Debian?" >&2; return 1; }
  apt-config dump --format '%f "%v";%n' Acquire::http Acquire::https >"$work/apt.conf"
  mmdebstrap --variant=minbase --include="$(IFS=, && echo "${programs[*]}")" --aptopt="$work/apt.conf" \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --customize-hook="'$here/fetch-kernel.sh' '$packages'" \
    "$release" "$tree" "$from"
  for package in "$packages"/*.deb; do dpkg-deb -x "$package" "$work/debian"; done
  chroot "$tree" dpkg-query --show >"$image/packages.txt"
  basename --multiple "$packages"/*.deb >>"$image/packages.txt"
}

configure() {
  local unit units=$tree/etc/systemd/system
  cp -r "$here/rootfs/." "$tree"
  [ ! -d "$here/$release/rootfs" ] || cp -r "$here/$release/rootfs/." "$tree"
  install -t "$tree/usr/lib/harness" "$common/lib/"*
  gcc -O2 -Wall -static -o "$tree/usr/lib/harness/watch-writes" "$common/watch-writes.c"
  "$common/utmp.sh" >"$tree/usr/lib/harness/utmp"
  # Links are made here, where no copy of the sources can turn them into files.
  mkdir -p "$units/multi-user.target.wants"
  ln -sf /lib/systemd/system/multi-user.target "$units/default.target"
  ln -sf ../harness-control.service "$units/multi-user.target.wants/harness-control.service"
  while read -r unit; do ln -sf /dev/null "$units/$unit"; done < <(cat "$here/masked-units" "$here/$release/masked-units" 2>/dev/null)
  rm -f "$units/multi-user.target.wants/postgresql.service"
  chroot "$tree" useradd --create-home --uid 1000 --comment 'An ordinary user' --shell /bin/bash app
  echo app:app-password | chroot "$tree" chpasswd
  ln -sf /usr/share/zoneinfo/Europe/Berlin "$tree/etc/localtime"
  tr -d - </proc/sys/kernel/random/uuid >"$tree/etc/machine-id"
  mkdir "$tree/data"
  # Says that nothing in /usr is news.
  touch "$tree/etc/.updated" "$tree/var/.updated"
}

populate_initramfs() {
  local applet module
  mkdir -p "$root"/{bin,modules,proc,sys,dev,root,etc}
  install "$here/initramfs/init" "$root/init"
  # Debian 13 has it below usr/.
  find "$work/debian" -path '*/bin/busybox' -exec install {} "$root/bin/busybox" \;
  for applet in $("$root/bin/busybox" --list); do [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"; done
  for module in "${modules[@]}"; do
    find "$work/debian" -name "$module.ko*" -exec cp {} "$root/modules" \;
    [ ! -e "$root/modules/$module.ko.xz" ] || xz -d "$root/modules/$module.ko.xz"
    [ ! -e "$root/modules/$module.ko" ] || echo "$module"
  done >"$root/modules/order"
}

pack() {
  cp "$work"/debian/boot/vmlinuz-* "$image/vmlinuz"
  (cd "$root" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0) >"$image/initramfs"
  truncate -s 1G "$image/root.img"
  mkfs.ext4 -q -L root -d "$tree" "$image/root.img"
}

install_debian
configure
populate_initramfs
pack
mv -T "$image" "$out"
