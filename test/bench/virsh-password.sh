#!/usr/bin/env bash
# What people do today: set one password by virsh. It neither keeps it nor looks whether it holds.
# usage: virsh-password.sh URI GUEST
set -euo pipefail
# The hash of no password anybody has; it is in the process list for all to see.
exec virsh --quiet --connect "$1" set-user-password "$2" app '$6$benchbench$xxxxxxxx' --encrypted
