#!/usr/bin/env bash
# Builds etcd, kube-apiserver, kube-controller-manager and kubectl from their Go modules into $1, once per version.
# Nobody packages kube-apiserver for Debian or npm, so its own module is the only honest source.
# About 7 minutes cold on two cores. Each binary appears by rename: an interrupted build is resumed, never half used.
set -euo pipefail

out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"
version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' go.mod)
IFS=. read -r major minor _ <<<"${version#v}"
stamp=k8s.io/component-base/version

build() { # name, package, folder of its go.mod, further flags…
  local name=$1 package=$2 folder=$3
  shift 3
  [ -x "$out/$name" ] && return
  echo "building $name ($package)" >&2
  (cd "$folder" && go build "$@" -o "$out/$name.partial" "$package")
  mv "$out/$name.partial" "$out/$name"
}

kubernetes=(-ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=$major -X $stamp.gitMinor=$minor")
build etcd go.etcd.io/etcd/server/v3 etcd -ldflags "-s -w"
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver . "${kubernetes[@]}"
build kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager . "${kubernetes[@]}"
build kubectl k8s.io/kubernetes/cmd/kubectl . "${kubernetes[@]}"
