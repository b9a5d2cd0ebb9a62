#!/usr/bin/env bash
# Makes the images that a node of its own runs, as archives in $1: the operator's from the repository's Dockerfile, once
# per what it is made of, and Kubernetes' pause. No registry of images is asked: the base images are Debian as debootstrap
# makes it, without and with the harness' Node. Prints the operator's archive.
set -euo pipefail

# shellcheck source=test/harness/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../env.sh"
repository=$(cd "$harness/../.." && pwd)
images=$(mkdir -p "$1" && cd "$1" && pwd)
suite=trixie

# Its storage is kept beside the archives, so that a machine's own containers are not touched.
builder() { buildah --root "$images/storage" --runroot "$images/storage-run" --storage-driver overlay "$@"; }

commit() { # container, image
  builder commit --quiet "$1" "$2" >/dev/null
  builder rm "$1" >/dev/null
}

has() { builder inspect --type image "$1" >/dev/null 2>&1; }

base_image() {
  local root container
  ! has localhost/base:"$suite" || return 0
  root=$(mktemp -d)
  debootstrap --variant=minbase "$suite" "$root" >&2
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  container=$(builder from scratch)
  builder copy --quiet "$container" "$root" / >/dev/null
  rm -rf --one-file-system "$root"
  commit "$container" localhost/base:"$suite"
}

node_image() {
  local container npm
  ! has localhost/base-node:"$node_version" || return 0
  npm=$(readlink -f "$(command -v npm)")
  container=$(builder from --pull-never localhost/base:"$suite")
  builder copy --quiet "$container" "$(command -v node)" /usr/local/bin/ >/dev/null
  builder copy --quiet "$container" "${npm%/bin/*}" /usr/local/lib/node_modules/npm >/dev/null
  builder run --isolation chroot "$container" -- ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
  commit "$container" localhost/base-node:"$node_version"
}

pause_image() {
  local container
  [ ! -f "$images/pause.tar" ] || return 0
  container=$(builder from scratch)
  builder copy --quiet "$container" "$QGA_CONTROL_PLANE/pause" /pause >/dev/null
  builder config --entrypoint '["/pause"]' "$container"
  commit "$container" localhost/pause:1
  builder push --quiet localhost/pause:1 "docker-archive:$images/pause.tar.partial:localhost/pause:1"
  mv "$images/pause.tar.partial" "$images/pause.tar"
}

# Which registry and authority npm uses on this machine is this machine's business: it comes by secrets.
operator_image() { # archive
  local secrets authority=${NODE_EXTRA_CA_CERTS:-}
  secrets=$(mktemp -d)
  echo "registry=$(npm config get registry)" >"$secrets/npmrc"
  [ -z "$authority" ] || echo "cafile=/run/secrets/ca.crt" >>"$secrets/npmrc"
  cat "${authority:-/dev/null}" >"$secrets/ca.crt"
  builder build --layers --isolation chroot --network host --pull=never --timestamp 0 \
    --secret "id=npmrc,src=$secrets/npmrc" --secret "id=ca,src=$secrets/ca.crt" \
    --build-arg BUILD_IMAGE=localhost/base-node:"$node_version" --build-arg RUNTIME_IMAGE=localhost/base:"$suite" \
    --tag localhost/qga-operator:e2e "$repository" >&2
  rm -rf "$secrets"
  builder push --quiet localhost/qga-operator:e2e "docker-archive:$1.partial:localhost/qga-operator:e2e"
  mv "$1.partial" "$1"
}

parts() {
  cd "$repository"
  find Dockerfile .dockerignore package.json package-lock.json tsconfig.json build.ts docs/reasons.md src -type f -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum --
}

archive=$images/qga-operator-$(parts | sha256sum | cut -c1-12).tar
exec 8>"$images/lock"
flock 8
if [ ! -f "$archive" ]; then
  base_image
  node_image
  find "$images" -name "qga-operator-*.tar" -mtime +2 -delete
  operator_image "$archive"
fi
pause_image
echo "$archive"
