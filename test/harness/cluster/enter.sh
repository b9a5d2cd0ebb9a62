#!/usr/bin/env bash
# Runs a command as a process of the node whose first process is $1, in the node's own cgroups.
# shellcheck disable=SC2016
exec nsenter --target "$1" --mount --pid --net --uts --ipc --cgroup -- bash -c '
  for hierarchy in /sys/fs/cgroup/*/cgroup.procs; do echo $$ >"$hierarchy" 2>/dev/null || true; done
  exec "$@"' enter "${@:2}"
