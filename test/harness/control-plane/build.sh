#!/usr/bin/env bash
# Builds what a Kubernetes cluster runs from its Go modules into $1, once per version: the parts named after it.
# Nobody packages kube-apiserver for Debian or npm, so its own module is the only honest source.
# About 8 minutes cold on two cores. Each binary appears by rename: an interrupted build is resumed, never half used.
set -euo pipefail

out=$(mkdir -p "$1" && cd "$1" && pwd)
shift
cd "$(dirname "$0")"
version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' go.mod)
IFS=. read -r major minor _ <<<"${version#v}"
stamp=k8s.io/component-base/version

build() { # name, package, folder of its go.mod, further flags…
  local name=$1 package=$2 folder=$3
  shift 3
  echo "building $name ($package)" >&2
  (cd "$folder" && go build "$@" -o "$out/$name.partial" "$package")
}

# The process that holds a pod's namespaces: no image of it can be had here.
build_pause() {
  local source
  source=$(go list -m -f '{{.Dir}}' k8s.io/kubernetes)/build/pause/linux/pause.c
  gcc -Os -static -DVERSION="$version" -o "$out/pause.partial" "$source"
}

for name in "$@"; do
  [ ! -x "$out/$name" ] || continue
  case $name in
    etcd) build etcd go.etcd.io/etcd/server/v3 etcd -ldflags "-s -w" ;;
    pause) build_pause ;;
    *)
      build "$name" "k8s.io/kubernetes/cmd/$name" . \
        -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=$major -X $stamp.gitMinor=$minor"
      ;;
  esac
  mv "$out/$name.partial" "$out/$name"
done
