import type { Domain, Hypervisor, HypervisorEvent } from '../../../src/guest/hypervisor.ts';
import { LibvirtError, NotConnectedError } from '../../../src/libvirt/errors.ts';

export type FreezerCall = 'freeze' | 'thaw' | 'status' | 'exec';

/** A simulated guest that only freezes and thaws, for what real guests can't be made to do at a given moment. */
export class SimulatedFreezer implements Hypervisor {
  frozen = false;
  connected = true;
  state: Domain['state'] = 'running';
  guardFired = false;
  readonly calls: FreezerCall[] = [];
  /** Called before each call is carried out; may throw in its place. */
  before: (call: FreezerCall) => void | Promise<void> = () => {};
  readonly #listeners = new Set<(event: HypervisorEvent) => void>();

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
    const { execute } = JSON.parse(request);
    switch (execute) {
      case 'guest-fsfreeze-status':
        await this.#begin('status');
        return JSON.stringify({ return: this.frozen ? 'frozen' : 'thawed' });
      case 'guest-exec':
        await this.#begin('exec');
        if (this.frozen) throw refused();
        return JSON.stringify({ return: { pid: 7 } });
      default: {
        const output = `${this.guardFired ? 'fired' : 'quiet'} boot-1\n`;
        const data = Buffer.from(output).toString('base64');
        return JSON.stringify({ return: { exited: true, exitcode: 0, 'out-data': data } });
      }
    }
  }

  async #begin(call: FreezerCall): Promise<void> {
    if (!this.connected) throw new NotConnectedError('no connection');
    this.calls.push(call);
    await this.before(call);
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

function refused(): LibvirtError {
  const message = "internal error: unable to execute QEMU agent command 'x': the agent is in frozen state";
  return new LibvirtError({ code: 1, domain: 10, level: 2, message }, false);
}
