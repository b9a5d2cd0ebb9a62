import { expect, it } from 'vitest';
import { unblockHint } from '../../../src/agent/unblock-hint.ts';

it('says nothing where nothing is blocked', () => {
  expect(unblockHint([], 'debian')).toBeUndefined();
});

it("names RHEL's file and the SELinux booleans of what is blocked there", () => {
  const hint = unblockHint(['guest-exec', 'guest-exec-status', 'guest-file-open'], 'rhel');

  expect(hint).toContain('/etc/sysconfig/qemu-ga');
  expect(hint).toContain('virt_qemu_ga_run_unconfined');
  expect(hint).toContain('virt_qemu_ga_read_nonsecurity_files');
  expect(hint).not.toContain('virt_qemu_ga_manage_ssh');
});

it('names the configuration file elsewhere, and no SELinux', () => {
  const hint = unblockHint(['guest-exec'], 'debian');

  expect(hint).toContain('/etc/qemu/qemu-ga.conf');
  expect(hint).not.toContain('SELinux');
});
