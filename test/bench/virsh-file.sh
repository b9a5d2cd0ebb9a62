#!/usr/bin/env bash
# What people do today: a file of a guest by virsh, in the largest chunks that one argument and one answer can be.
# usage: virsh-file.sh read URI GUEST PATH       prints the file
#        virsh-file.sh write URI GUEST PATH      makes it of standard input
set -euo pipefail
what=$1 uri=$2 guest=$3 path=$4

agent() { virsh --quiet --connect "$uri" qemu-agent-command "$guest" "$1"; }
number() { [[ $1 =~ [0-9]+ ]] && echo "${BASH_REMATCH[0]}"; }

if [ "$what" = read ]; then
  handle=$(number "$(agent '{"execute":"guest-file-open","arguments":{"path":"'"$path"'"}}')")
  # By programs of C: the shell itself takes seconds over so long a text.
  until grep -q '"eof":true' <<<"${reply:-}"; do
    reply=$(agent '{"execute":"guest-file-read","arguments":{"handle":'"$handle"',"count":1048576}}')
    sed -e 's/.*"buf-b64":"//' -e 's/".*//' <<<"$reply" | base64 -d
  done
else
  handle=$(number "$(agent '{"execute":"guest-file-open","arguments":{"path":"'"$path"'","mode":"w"}}')")
  # An argument of a program has 128 KiB at most.
  base64 -w 131000 | while read -r chunk; do
    agent '{"execute":"guest-file-write","arguments":{"handle":'"$handle"',"buf-b64":"'"$chunk"'"}}' >/dev/null
  done
fi
agent '{"execute":"guest-file-close","arguments":{"handle":'"$handle"'}}' >/dev/null
