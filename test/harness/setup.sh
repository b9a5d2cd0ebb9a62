#!/usr/bin/env bash
# Makes sure that everything which tests, the demo and the bench need is there: system packages, Node 24, npm
# packages, the binaries of a Kubernetes cluster, Helm, kubeconform, Prometheus and the guest images. Says what it
# installs; silent when nothing is missing.
# Nothing that it installs is started or configured on the machine. With --tools: only Node and the npm packages.
set -euo pipefail
# shellcheck source=test/harness/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
repository=$(cd "$harness/../.." && pwd)

# libvirt without the -system packages, so that no service is set up; QEMU; what the guest images and the bench's
# client in C are made with; what a node's network needs and its images are made with; a shell that guests have.
packages=(libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients libvirt0 qemu-system-x86 qemu-utils
  mmdebstrap debian-archive-keyring cpio e2fsprogs xz-utils openssl util-linux gcc libc6-dev
  iproute2 iptables conntrack libseccomp2 debootstrap buildah
  busybox)

say() { echo "setup: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

# Runs a command with its output kept aside; shows the output only when the command fails.
step() { # description, command…
  local description=$1 log started=$SECONDS
  shift
  log=$(mktemp)
  say "$description …"
  if "$@" >"$log" 2>&1; then
    say "$description: done in $((SECONDS - started)) s"
    rm -f "$log"
  else
    tail -40 "$log" >&2
    fail "$description failed; all it said is in $log"
  fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

one_setup_at_a_time() {
  mkdir -p "$QGA_HARNESS_CACHE"
  exec 9>"$QGA_HARNESS_CACHE/setup.lock"
  flock --nonblock 9 && return
  say "waiting for another setup to end"
  flock 9
}

install_system_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "these Debian packages are needed, and there is no apt-get here: ${missing[*]}"
  step "reading apt's package lists" as_root apt-get -q update
  step "installing ${missing[*]}" \
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "${missing[@]}"
}

install_node() {
  ! own_node_is_recent || return 0
  [ ! -x "$node_home/bin/node" ] || return 0
  command -v npm >/dev/null || fail "Node ${node_version%%.*} is needed: install it, or npm for this script to fetch it"
  step "installing Node $node_version into the cache" fetch_node
}

fetch_node() {
  local home=$QGA_HARNESS_CACHE/node/$node_version partial
  mkdir -p "$QGA_HARNESS_CACHE/node"
  partial=$(mktemp -d "$home.partial.XXXXXX")
  npm install --prefix "$partial" --no-audit --no-fund "$(node_package)@$node_version" &&
    rm -rf "$home" && mv -T "$partial" "$home"
}

install_npm_packages() {
  # npm writes the inner lock file last, so an interrupted installation is started anew.
  [ ! "$repository/node_modules/.package-lock.json" -nt "$repository/package-lock.json" ] || return 0
  step "installing npm packages" npm --prefix "$repository" ci --no-audit --no-fund
}

build_cluster() {
  local name missing=() folder=$QGA_CONTROL_PLANE
  mkdir -p "$folder"
  for name in etcd kube-apiserver kube-controller-manager kubectl kube-scheduler kubelet kube-proxy pause; do
    if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$KUBEBUILDER_ASSETS/$name" ]; then
      ln -sfT "$KUBEBUILDER_ASSETS/$name" "$folder/$name"
    fi
    [ -x "$folder/$name" ] || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v go >/dev/null || fail "Go 1.26 or newer is needed to build ${missing[*]}: install it, or set KUBEBUILDER_ASSETS"
  step "building ${missing[*]} (once, some minutes)" "$harness/control-plane/build.sh" "$folder" "${missing[@]}"
}

unpack_services() {
  unpack "$QGA_CONTAINER_RUNTIME" containerd runc containernetworking-plugins
  unpack "$QGA_PROMETHEUS" prometheus
}

unpack() { # the folder to make, packages…
  local folder=$1
  shift
  [ ! -d "$folder" ] || return 0
  step "unpacking $*" make_from_packages "$harness/unpack-packages.sh" "$folder" "$@"
}

build_tools() {
  build_tool helm "$QGA_HELM"
  build_tool kubeconform "$QGA_KUBECONFORM"
}

build_tool() { # its name, the folder to make
  [ ! -x "$2/$1" ] || return 0
  command -v go >/dev/null || fail "Go 1.26 or newer is needed to build $1"
  step "building $1 (once)" "$harness/$1/build.sh" "$2"
}

build_guest_images() {
  build_image "the guest image" "$QGA_GUEST_IMAGE" "$harness/guest-image/build.sh"
  build_image "the Debian 12 guest" "$QGA_DEBIAN12_IMAGE" as_root "$harness/debian-image/build.sh" bookworm
  build_image "the Debian 13 guest" "$QGA_DEBIAN13_IMAGE" as_root "$harness/debian-image/build.sh" trixie
}

build_image() { # what it is, the folder to make, the command that makes it
  local description=$1 folder=$2
  shift 2
  [ ! -d "$folder" ] || return 0
  [ "$(uname -m)" = x86_64 ] || fail "the test guests are x86_64 machines, made from this machine's own packages"
  step "building $description" make_from_packages "$@" "$folder"
}

# apt's package lists may be missing, or too old to be downloaded from.
make_from_packages() { # command…
  "$@" && return
  as_root apt-get -q update
  "$@"
}

one_setup_at_a_time
install_node
install_npm_packages
[ "${1:-}" != --tools ] || exit 0
install_system_packages
build_cluster
build_tools
unpack_services
build_guest_images
