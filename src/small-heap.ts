import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8's young generation from growing. An agent runs on every hypervisor, where memory belongs to the guests; by
 * default it grows to 48 MiB under load and is given back late. (Its greatest size can't be set any more by now.)
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
