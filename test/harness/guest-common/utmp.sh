#!/usr/bin/env bash
# Prints a login record as getutent(3) reads it, so that guest-get-users has someone to tell of: app on tty1, at the
# epoch.
set -euo pipefail

field() { printf '%s' "$1" && head -c $(($2 - ${#1})) /dev/zero; }

type='\7\0\0\0' process='\1\0\0\0'
# shellcheck disable=SC2059
printf "$type$process"
field tty1 32
field 1 4
field app 32
field console 256
field '' 52
