import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sharedGuest, sharedHypervisor } from '../harness/fixtures.ts';

describe('the test hypervisor', () => {
  test('runs guests whose agent answers through libvirt', async () => {
    const guest = await sharedGuest('web-1');

    await expect(guest.agent('guest-get-host-name')).resolves.toEqual({ 'host-name': 'web-1' });
  });

  test('reaches into a guest whose agent hangs', async () => {
    const guest = await sharedGuest('web-1');
    await guest.stopAgent();

    const { stdout } = await guest.exec(['hostname']);

    await guest.continueAgent();
    expect(stdout).toBe('web-1\n');
    await guest.waitForAgent();
  });

  test('gives a guest a filesystem that really freezes', async () => {
    const hypervisor = sharedHypervisor();
    const guest = await sharedGuest('web-1');
    await hypervisor.virsh(['domfsfreeze', guest.uuid]);

    const { stdout } = await guest.sh('(date > /data/probe) & sleep 0.3; cat /proc/$!/wchan');

    await hypervisor.virsh(['domfsthaw', guest.uuid]);
    expect(stdout).toBe('percpu_rwsem_wait');
  });

  test('keeps its guests while libvirtd is killed and started again', async () => {
    const hypervisor = sharedHypervisor();
    const guest = await sharedGuest('db-1');
    const qemu = guest.qemuPid();
    await hypervisor.killLibvirtd();

    await hypervisor.startLibvirtd();

    await guest.waitForAgent();
    expect(guest.qemuPid()).toBe(qemu);
  });

  test('is out of sight of the rest of the machine', async () => {
    const mounts = readFileSync('/proc/self/mounts', 'utf8');

    expect(mounts).not.toMatch(/libvirt/);
  });

  test('can make a guest whose agent refuses a command', async () => {
    const guest = await sharedHypervisor().defineGuest({ name: 'careful', agentArgs: ['-b', 'guest-exec'] });
    await guest.waitForAgent();

    const refusal = guest.agent('guest-exec', { path: '/bin/true' });

    await expect(refusal).rejects.toThrow(/guest-exec/);
    await guest.undefine();
  });
});
