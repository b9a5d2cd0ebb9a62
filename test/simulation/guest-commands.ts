import { mountpoints } from './simulated-filesystems.ts';
import type { AgentReply, SimulatedGuest } from './simulated-guest.ts';

type GuestCommand = (guest: SimulatedGuest, args: Record<string, unknown>) => AgentReply;

/** What an agent has switched off that lets nobody run a program or open a file. */
export const notOfBare: ReadonlySet<string> = new Set(['guest-exec', 'guest-exec-status', 'guest-file-open']);
const whileFrozen = new Set(['guest-info', 'guest-fsfreeze-status', 'guest-fsfreeze-thaw']);
const frozen: AgentReply = { error: 'Command has been disabled: the agent is in frozen state' };

/** The commands that a simulated guest's agent knows: those that the operator can't do without, and no more. */
export const guestCommands: Record<string, GuestCommand> = {
  'guest-info': (guest) => ({
    return: {
      version: '8.2.2',
      supported_commands: Object.keys(guestCommands).map((name) => ({
        name,
        enabled: (!guest.filesystems.saidFrozen || whileFrozen.has(name)) && !(guest.bare && notOfBare.has(name)),
      })),
    },
  }),
  'guest-fsfreeze-status': (guest) => ({ return: guest.filesystems.saidFrozen ? 'frozen' : 'thawed' }),
  'guest-fsfreeze-freeze': unlessFrozen((guest) => ({ return: guest.filesystems.freeze('the operator') })),
  'guest-fsfreeze-freeze-list': unlessFrozen((guest, args) => ({
    return: guest.filesystems.freeze('the operator', args['mountpoints'] as string[]),
  })),
  'guest-fsfreeze-thaw': (guest) => ({ return: guest.filesystems.thaw('thaw') }),
  'guest-get-fsinfo': unlessFrozen(() => ({
    return: mountpoints.map((mountpoint, index) => ({ name: `vd${index}`, mountpoint, type: 'ext4', disk: [] })),
  })),
  'guest-exec': unlessFrozen((guest, args) => {
    const script = Buffer.from(String(args['input-data']), 'base64').toString();
    return { return: { pid: guest.spool.launch(script) } };
  }),
  'guest-exec-status': unlessFrozen((guest, args) => {
    const status = guest.spool.statusOf(Number(args['pid']));
    return status ? { return: status } : { error: "Invalid parameter 'pid'" };
  }),
  'guest-file-open': unlessFrozen(() => ({ return: 1000 })),
  'guest-file-read': unlessFrozen((guest) => ({
    return: { count: 37, 'buf-b64': Buffer.from(`${guest.bootId}\n`).toString('base64'), eof: true },
  })),
  'guest-file-close': unlessFrozen(() => ({ return: {} })),
};

function unlessFrozen(command: GuestCommand): GuestCommand {
  return (guest, args) => (guest.filesystems.saidFrozen ? frozen : command(guest, args));
}
