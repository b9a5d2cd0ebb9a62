#!/usr/bin/env bash
# Builds kubeconform from its Go module into $1. It appears by rename.
set -euo pipefail

out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"
nice go build -ldflags "-s -w" -o "$out/kubeconform.partial" github.com/yannh/kubeconform/cmd/kubeconform
mv "$out/kubeconform.partial" "$out/kubeconform"
