#!/usr/bin/env bash
# The first process of a node of its own: its mounts, processes, network, cgroups and host name are private, so that the
# machine's stay as they are. All that a node writes goes to folders of $1; $2 is its address, $3 its name, and $4 the
# folder with libvirt's sockets. When this process ends, so does everything in the node, containers included.
set -euo pipefail

dir=$1 address=$2 name=$3 sockets=$4

become() { # folder, what it becomes
  mkdir -p "$1" "$2"
  mount --bind "$1" "$2"
}

# A cgroup of its own in each hierarchy; the cgroup namespace makes it the node's root.
own_cgroups() {
  local hierarchy
  for hierarchy in /sys/fs/cgroup/*/; do
    mkdir -p "$hierarchy/$name"
    if [ -f "$hierarchy/cpuset.cpus" ]; then
      cat "$hierarchy/cpuset.cpus" >"$hierarchy/$name/cpuset.cpus"
      cat "$hierarchy/cpuset.mems" >"$hierarchy/$name/cpuset.mems"
    fi
    echo $$ >"$hierarchy/$name/cgroup.procs"
  done
}

if [ "${5:-}" != inside ]; then
  own_cgroups
  exec unshare --cgroup bash "$0" "$@" inside
fi

# Shared among the node and its pods, but not with the machine.
mount --make-rshared /
for hierarchy in /sys/fs/cgroup/*/; do
  type=$(stat -f -c %T "$hierarchy")
  options=$(basename "$hierarchy")
  case $type in
    cgroup2fs) continue ;;
    *) [ "$options" != systemd ] || options=none,name=systemd ;;
  esac
  umount "$hierarchy"
  mount -t cgroup -o "$options" cgroup "$hierarchy"
done
mount -t tmpfs tmpfs /run
become "$sockets" /run/libvirt
for folder in containerd kubelet cni qga-operator; do become "$dir/lib/$folder" "/var/lib/$folder"; done
become "$dir/log/pods" /var/log/pods
become "$dir/log/containers" /var/log/containers
become "$dir/etc/cni" /etc/cni

# The kubelet would set these for the whole machine.
for setting in kernel/panic kernel/panic_on_oops vm/overcommit_memory; do
  own=$dir/sysctl-$(basename "$setting")
  cat "/proc/sys/$setting" >"$own"
  mount --bind "$own" "/proc/sys/$setting"
done

hostname "$name"
ip link set lo up
# Both ends here: an address that is not a loopback one is all that is wanted of it.
ip link add node type veth peer name nowhere
ip address add "$address/24" dev node
ip link set node up
ip link set nowhere up
ip route add default via "${address%.*}.254" dev node
echo 1 >/proc/sys/net/ipv4/ip_forward

touch "$dir/namespace.ready"
# A shell that waits also reaps.
sleep infinity &
while :; do wait || true; done
