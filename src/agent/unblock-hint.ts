/** What a person does in a guest about commands that its agent has switched off, by the system it runs (os.id). */
export function unblockHint(blocked: readonly string[], osId: string | undefined): string | undefined {
  if (blocked.length === 0) return undefined;
  const rhel = osId !== undefined && rhelFamily.has(osId);
  const sentences = [rhel ? rhelFiles : otherFiles];
  const booleans = rhel ? selinuxBooleans.filter(({ commands }) => blocked.some((each) => commands.test(each))) : [];
  for (const { boolean, what } of booleans) sentences.push(`SELinux: setsebool -P ${boolean} on, for ${what}.`);
  return sentences.join(' ');
}

const rhelFamily = new Set(['rhel', 'centos', 'rocky', 'almalinux', 'ol', 'fedora']);

const rhelFiles =
  'In /etc/sysconfig/qemu-ga take them out of BLOCK_RPCS, or BLACKLIST_RPC, or add them to --allow-rpcs in FILTER_RPC_ARGS; then systemctl restart qemu-guest-agent.';
const otherFiles =
  "Take them out of the agent's --block-rpcs, or add them to its --allow-rpcs: as arguments of its service, or as block-rpcs and allow-rpcs under [general] in /etc/qemu/qemu-ga.conf; then restart it.";

const selinuxBooleans = [
  { commands: /^guest-exec/, boolean: 'virt_qemu_ga_run_unconfined', what: 'commands' },
  { commands: /^guest-file/, boolean: 'virt_qemu_ga_read_nonsecurity_files', what: 'files' },
  { commands: /^guest-ssh/, boolean: 'virt_qemu_ga_manage_ssh', what: 'ssh keys' },
];
