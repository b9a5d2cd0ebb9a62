#!/usr/bin/env bash
# What people do today, carefully: freeze a guest by virsh, do nothing, and thaw it whatever happens.
# Prints how many milliseconds the freeze and the thaw took, and when it was frozen, in milliseconds since the epoch.
# usage: virsh-freeze.sh URI GUEST
set -euo pipefail
uri=$1 guest=$2

thaw() { virsh --quiet --connect "$uri" domfsthaw "$guest" >/dev/null; }

trap thaw EXIT
before=${EPOCHREALTIME/./}
virsh --quiet --connect "$uri" domfsfreeze "$guest" >/dev/null
frozen=${EPOCHREALTIME/./}
thaw
trap - EXIT
thawed=${EPOCHREALTIME/./}
echo "$(((frozen - before) / 1000)) $(((thawed - frozen) / 1000)) $((frozen / 1000))"
