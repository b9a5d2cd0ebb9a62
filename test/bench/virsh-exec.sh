#!/usr/bin/env bash
# What people do today: `true` in one guest by virsh.
# usage: virsh-exec.sh URI GUEST
set -euo pipefail
uri=$1 guest=$2

agent() { virsh --quiet --connect "$uri" qemu-agent-command "$guest" "$1"; }

reply=$(agent '{"execute":"guest-exec","arguments":{"path":"true","capture-output":true}}')
[[ $reply =~ \"pid\":([0-9]+) ]]
status='{"execute":"guest-exec-status","arguments":{"pid":'${BASH_REMATCH[1]}'}}'
until [[ $reply == *'"exited":true'* ]]; do
  sleep 0.02
  reply=$(agent "$status")
done
[[ $reply == *'"exitcode":0'* ]]
