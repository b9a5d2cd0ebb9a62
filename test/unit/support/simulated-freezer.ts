import type { Domain, Hypervisor, HypervisorEvent } from '../../../src/guest/hypervisor.ts';
import { LibvirtError, NotConnectedError } from '../../../src/libvirt/errors.ts';
import { readLauncher } from '../../simulation/launcher.ts';

export type FreezerCall = 'freeze' | 'thaw' | 'status' | 'exec';

/** A simulated guest that freezes, thaws and runs hooks, for what real guests can't be made to do at a given moment. */
export class SimulatedFreezer implements Hypervisor {
  frozen = false;
  connected = true;
  state: Domain['state'] = 'running';
  saved = false;
  guardFired = false;
  /** The task whose guard is armed in the guest. */
  armed: string | undefined;
  bootId = 'boot-1';
  /** What its agent lists, of which only the first can be frozen. */
  filesystems = [{ name: 'vda', mountpoint: '/', type: 'ext4' }];
  /** The programs that were started in the guest, by the names that their runs have there; each ends at once and well. */
  readonly started = new Map<string, string>();
  readonly calls: FreezerCall[] = [];
  /** Called before each call is carried out; may throw in its place. */
  before: (call: FreezerCall) => void | Promise<void> = () => {};
  readonly #listeners = new Set<(event: HypervisorEvent) => void>();
  /** What the shell of each pid printed. */
  readonly #printed: string[] = [];

  async fsFreeze(): Promise<number> {
    await this.#begin('freeze');
    if (this.frozen) throw refused();
    this.frozen = true;
    return 1;
  }

  async fsThaw(): Promise<number> {
    await this.#begin('thaw');
    const count = this.frozen ? 1 : 0;
    this.frozen = false;
    return count;
  }

  async agentCommand(_uuid: string, request: string): Promise<string> {
    const { execute, arguments: args } = JSON.parse(request);
    switch (execute) {
      case 'guest-fsfreeze-status':
        await this.#begin('status');
        return JSON.stringify({ return: this.frozen ? 'frozen' : 'thawed' });
      case 'guest-get-fsinfo':
        return JSON.stringify({ return: this.filesystems.map((filesystem) => ({ ...filesystem, disk: [] })) });
      case 'guest-exec': {
        await this.#begin('exec');
        if (this.frozen) throw refused();
        const printed = this.#shell(Buffer.from(args['input-data'], 'base64').toString());
        return JSON.stringify({ return: { pid: this.#printed.push(printed) } });
      }
      default: {
        const data = Buffer.from(this.#printed[args.pid - 1] ?? '').toString('base64');
        return JSON.stringify({ return: { exited: true, exitcode: 0, 'out-data': data } });
      }
    }
  }

  #shell(script: string): string {
    const launcher = readLauncher(script);
    const { id } = launcher;
    switch (launcher.does) {
      case 'arm':
        this.armed = id;
        return 'armed\n';
      case 'disarm':
        if (this.armed === id) this.armed = undefined;
        return `${this.guardFired ? 'fired' : 'quiet'} ${this.bootId}\n`;
      case 'start':
        if ((launcher.ifBootIdIs ?? this.bootId) !== this.bootId) return `qga1 ${id} absent ${this.bootId}\n`;
        if (this.started.has(id)) return `qga1 ${id} taken\n`;
        this.started.set(id, launcher.command.join(' '));
        return `qga1 ${id} done ${this.bootId} 0 exit 0 0\n`;
      case 'look':
      case 'kill':
      case 'nothing':
        return `qga1 ${id} ${this.started.has(id) ? `done ${this.bootId} 0 exit 0 0` : `absent ${this.bootId}`}\n`;
    }
  }

  async #begin(call: FreezerCall): Promise<void> {
    if (!this.connected) throw new NotConnectedError('no connection');
    this.calls.push(call);
    await this.before(call);
    if (this.state !== 'running') throw notRunning();
  }

  tell(event: HypervisorEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  async setUserPassword(): Promise<void> {}
  async agentChannelXml(): Promise<string | undefined> {
    return undefined;
  }
  async attachDevice(): Promise<void> {}
  async detachDevice(): Promise<void> {}
  info() {
    return { uri: 'simulated:///', libvirtVersion: '9.0.0', hypervisorVersion: 'simulated 1.0.0' };
  }
  async domains(): Promise<Domain[]> {
    return [];
  }
  async domain(uuid: string): Promise<Domain | undefined> {
    return {
      uuid,
      name: 'simulated',
      state: this.state,
      movedAway: false,
      saved: this.saved,
      persistent: true,
      agentChannel: 'connected',
      vcpus: 1,
      memoryKiB: 1,
    };
  }
  async isMigrating(): Promise<boolean> {
    return false;
  }
  async wakeUp(): Promise<void> {}
  subscribe(listener: (event: HypervisorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** As libvirt tells of an agent that did not answer. */
export function silence(): LibvirtError {
  return new LibvirtError({ code: 86, domain: 10, level: 2, message: 'Guest agent is not responding' }, false);
}

/** As libvirt's connection breaks in the midst of a call. */
export function broken(): LibvirtError {
  return new LibvirtError({ code: 38, domain: 7, level: 2, message: 'End of file while reading data' }, true);
}

function notRunning(): LibvirtError {
  return new LibvirtError({ code: 55, domain: 10, level: 2, message: 'domain is not running' }, false);
}

function refused(): LibvirtError {
  const message = "internal error: unable to execute QEMU agent command 'x': the agent is in frozen state";
  return new LibvirtError({ code: 1, domain: 10, level: 2, message }, false);
}
