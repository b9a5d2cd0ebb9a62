import { expect, it } from 'vitest';
import { readGuestCapabilities } from '../../../src/agent/guest-capabilities.ts';
import { GuestAgent } from '../../../src/guest/guest-agent.ts';
import type { Hypervisor } from '../../../src/guest/hypervisor.ts';

/** A guest that is frozen or not at each of the calls that follow one another; the last counts for all that come later. */
function guestThatIs(...states: ('frozen' | 'thawed')[]): GuestAgent {
  const hypervisor = {
    info: () => undefined,
    async agentCommand(_uuid: string, request: string) {
      const state = states.length > 1 ? states.shift() : states[0];
      if (request.includes('guest-fsfreeze-status')) return JSON.stringify({ return: state });
      const enabled = state === 'thawed';
      const commands = [
        { name: 'guest-fsfreeze-status', enabled: true },
        { name: 'guest-exec', enabled },
      ];
      return JSON.stringify({ return: { version: '8.2.2', supported_commands: commands } });
    },
  };
  return new GuestAgent(hypervisor as unknown as Hypervisor, 'uuid');
}

it.each([
  ['frozen all the time', ['frozen'] as const, undefined],
  ['thawed all the time', ['thawed'] as const, true],
  ['thawed right after it told its commands', ['frozen', 'thawed'] as const, true],
  ['frozen right after it told its commands', ['thawed', 'frozen'] as const, undefined],
  ['frozen once more', ['frozen', 'thawed', 'frozen'] as const, undefined],
])('learns nothing wrong of a guest that is %s', async (_, states, execEnabled) => {
  const info = await readGuestCapabilities(guestThatIs(...states), AbortSignal.timeout(5000));

  expect(info?.supported_commands.find(({ name }) => name === 'guest-exec')?.enabled).toBe(execEnabled);
});
