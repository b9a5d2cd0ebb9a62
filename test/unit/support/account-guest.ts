import type { AccountPassword, Hypervisor } from '../../../src/guest/hypervisor.ts';
import { LibvirtError } from '../../../src/libvirt/errors.ts';

/** A simulated guest with one account, for what its agent answers at the worst moment. */
export class AccountGuest implements Partial<Hypervisor> {
  exists = true;
  field = '*';
  expires = '';
  mount = 'rw';
  frozen = false;
  /** The agent's commands that are switched off. */
  blocked: string[] = [];
  /** The agent's commands that it is too old for. */
  unknown: string[] = [];
  /** What the next calls come to, instead of being carried out: `answerLost` is carried out, too. */
  faults: ('lost' | 'answerLost' | 'notSent')[] = [];
  /** Why a password is refused; undefined: it isn't. */
  refusal: string | undefined;
  /** Takes a password, says so, and keeps the old one. */
  lies = false;
  sets = 0;
  looks = 0;

  /** As the whole interface: nothing else may be called. */
  get hypervisor(): Hypervisor {
    return this as unknown as Hypervisor;
  }

  info() {
    return { uri: 'simulated:///', libvirtVersion: '11.3.0', hypervisorVersion: 'simulated 1.0.0' };
  }

  async setUserPassword(_uuid: string, { password }: AccountPassword): Promise<void> {
    const fault = this.faults.shift();
    if (fault === 'notSent') throw libvirtError(68, 'held by another client');
    if (fault === 'lost') throw libvirtError(112, 'no answer');
    if (this.frozen || [...this.blocked, ...this.unknown].includes('guest-set-user-password'))
      throw libvirtError(113, 'not allowed');
    if (this.refusal !== undefined) throw libvirtError(113, this.refusal);
    this.sets += 1;
    if (!this.lies) this.field = password;
    if (fault === 'answerLost') throw libvirtError(112, 'no answer');
  }

  async agentCommand(_uuid: string, request: string): Promise<string> {
    const { execute } = JSON.parse(request) as { execute: string };
    if (this.blocked.includes(execute)) throw libvirtError(113, 'not allowed');
    return JSON.stringify({ return: this.#answer(execute) });
  }

  #answer(execute: string): unknown {
    switch (execute) {
      case 'guest-fsfreeze-status':
        return this.frozen ? 'frozen' : 'thawed';
      case 'guest-info': {
        const names = ['guest-exec', 'guest-fsfreeze-status', 'guest-set-user-password'].filter(
          (name) => !this.unknown.includes(name),
        );
        const commands = names.map((name) => ({
          name,
          enabled: !this.blocked.includes(name),
          'success-response': true,
        }));
        return { version: '10.0.0', supported_commands: commands };
      }
      case 'guest-exec':
        this.looks += 1;
        return { pid: 1 };
      case 'guest-exec-status': {
        const line = this.exists ? `app:${this.field}:20000:0:99999:7::${this.expires}:` : '';
        const text = `qga1 account ${this.exists ? 1 : 0} ${this.mount}\n${line}\n`;
        return { exited: true, exitcode: 0, 'out-data': Buffer.from(text).toString('base64') };
      }
      default:
        throw libvirtError(113, 'unknown command');
    }
  }
}

function libvirtError(code: number, message: string): LibvirtError {
  return new LibvirtError({ code, domain: 10, level: 2, message });
}
