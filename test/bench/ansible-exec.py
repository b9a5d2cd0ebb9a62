# Runs `true` in guests by Ansible's connection to them, as Ansible itself does for a task: a connection of its own for each,
# the command by the guest's shell, one process a guest. What else Ansible does for a task is left out.
# usage: ansible-exec.py URI RUNS NAME...
# Prints one JSON line: how many milliseconds each run took, all of it, and the CPU milliseconds of the processes.
import json
import multiprocessing
import resource
import sys
import time

from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader, init_plugin_loader


def run_in_guest(uri, runs, name, ready, took):
    context = PlayContext()
    context.remote_addr = name
    ready.wait()
    for _ in range(runs):
        started = time.monotonic()
        connection = connection_loader.get("community.libvirt.libvirt_qemu", context, None)
        connection.set_options(direct={"virt_uri": uri})
        connection._connect()
        code, _, _ = connection.exec_command("/bin/sh -c true")
        connection.close()
        if code != 0:
            raise SystemExit(f"true ended with {code}")
        took.put((time.monotonic() - started) * 1000)


def main(uri, runs, *names):
    init_plugin_loader()
    ready = multiprocessing.Barrier(len(names) + 1)
    took = multiprocessing.Queue()
    workers = [
        multiprocessing.Process(target=run_in_guest, args=(uri, int(runs), name, ready, took)) for name in names
    ]
    for worker in workers:
        worker.start()
    ready.wait(60)
    started = time.monotonic()
    each = [took.get(timeout=60) for _ in range(int(runs) * len(names))]
    wall = (time.monotonic() - started) * 1000
    for worker in workers:
        worker.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"tookMs": each, "wallMs": wall, "cpuMs": (used.ru_utime + used.ru_stime) * 1000}))


main(*sys.argv[1:])
