import { expect, it } from 'vitest';
import { launchOf } from '../../src/guest/exec-launch.ts';
import { armScript, disarmScript } from '../../src/guest/freeze-guard-script.ts';
import { killScript, lookScript, startScript } from '../../src/guest/spool-script.ts';
import { readLauncher } from './launcher.ts';

const id = 'task-uid';
const command = ['work', 'job-1', '300', '0'];
const launch = launchOf({ command }, undefined);
const bootId = '1f0c1a52-7d3d-4b5c-9a55-0b7a3e3f1c11';

it.each([
  ['start', startScript({ id, launch }), { does: 'start', id, command, drop: [] }],
  [
    'start in one boot only',
    startScript({ id, launch, ifBootIdIs: bootId, drop: ['a', 'b'] }),
    { does: 'start', id, command, ifBootIdIs: bootId, drop: ['a', 'b'] },
  ],
  ['look', lookScript(id), { does: 'look', id }],
  ['kill', killScript(id, 10), { does: 'kill', id, graceSeconds: 10 }],
  ['arm', armScript({ id, nonce: '7', seconds: 35 }), { does: 'arm', id, seconds: 35 }],
  ['disarm', disarmScript(id), { does: 'disarm', id }],
])('reads out of a script what went into it: %s', (_, script, expected) => {
  expect(readLauncher(script)).toEqual(expected);
});
