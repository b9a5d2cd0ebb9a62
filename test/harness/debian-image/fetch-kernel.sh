#!/usr/bin/env bash
# mmdebstrap's hook: downloads the release's cloud kernel and busybox into folder $1, without installing them.
set -euo pipefail
export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG
cd "$1"
kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" { print $2; exit }')
apt-get -qq download "$kernel" busybox-static
