#!/usr/bin/env bash
# The first process of a private mount, process and network namespace for one libvirtd and its guests.
# Inside, every folder that libvirt writes to is one under $1, so a libvirt of the machine itself is never touched;
# but its cache is the folder $2, since asking a QEMU what it can do takes seconds and the answer stays the same.
# When this process ends, so does everything in the namespace.
set -euo pipefail

dir=$1
cache=$2
become() { # folder, what it becomes
  mkdir -p "$1" "$2"
  mount --bind "$1" "$2"
}
become "$dir/run" /run/libvirt
become "$dir/etc" /etc/libvirt
become "$dir/lib" /var/lib/libvirt
become "$dir/log" /var/log/libvirt
become "$cache" /var/cache/libvirt
# Debian's libvirtd looks up this account as it starts, even when told to run guests as root.
for file in passwd group; do
  grep -hv '^libvirt-qemu:' "/etc/$file" >"$dir/$file"
  mount --bind "$dir/$file" "/etc/$file"
done
echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin' >>"$dir/passwd"
echo 'libvirt-qemu:x:64055:' >>"$dir/group"
# Emulation is slower but the same everywhere. With a file that can't be written in its place, libvirt sees no
# /dev/kvm; one that is there but doesn't work would have it ask QEMU anew at each start of a guest.
if [ "${QGA_HARNESS_KVM:-0}" != 1 ] && [ -e /dev/kvm ]; then
  touch "$dir/no-kvm"
  mount --bind "$dir/no-kvm" /dev/kvm
  mount -o remount,bind,ro /dev/kvm
fi

touch "$dir/namespace.ready"
# A shell that waits also reaps: libvirtd and QEMU processes end up as this process's children.
sleep infinity &
while :; do wait || true; done
