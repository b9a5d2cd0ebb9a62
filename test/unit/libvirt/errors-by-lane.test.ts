import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { realClock } from '../../../src/libvirt/clock.ts';
import type { Connection } from '../../../src/libvirt/connection.ts';
import { virErrorNumber } from '../../../src/libvirt/errors.ts';
import { LanePool } from '../../../src/libvirt/lane-pool.ts';
import { defineDomain, firstDomain, testUri } from './test-driver.ts';

interface Call {
  run: (connection: Connection) => Promise<unknown>;
  /** What the call resolves to, or the error it rejects with. */
  expected: unknown;
}

test('gives each of hundreds of concurrent calls its own result or its own error', async () => {
  const off = defineDomain({ metadata: '<t:a xmlns:t="urn:test">here</t:a>' });
  const pool = new LanePool({
    uri: testUri,
    lanes: 16,
    keepAlive: { intervalSeconds: 5, count: 3 },
    openTimeoutMs: 10_000,
    clock: realClock,
  });
  const kinds: Call[] = [
    { run: (each) => each.withDomain(off.uuid, async (domain) => domain.name), expected: off.name },
    {
      run: (each) => each.withDomain(off.uuid, (domain) => domain.metadata('urn:test')),
      expected: '<a>here</a>',
    },
    { run: (each) => each.withDomain(firstDomain.uuid, (domain) => domain.metadata('urn:none')), expected: undefined },
    { run: (each) => each.withDomain(firstDomain.uuid, async (domain) => (await domain.state())[0]), expected: 1 },
    {
      run: (each) => each.withDomain(randomUUID(), (domain) => domain.xml()),
      expected: expect.objectContaining({ code: virErrorNumber.NO_DOMAIN, message: 'Domain not found' }),
    },
    {
      run: (each) => each.withDomain('not a UUID', (domain) => domain.xml()),
      expected: expect.objectContaining({ code: virErrorNumber.INVALID_ARG }),
    },
    {
      run: (each) => each.withDomain(firstDomain.uuid, (domain) => domain.agentCommand('{}', 1)),
      expected: expect.objectContaining({
        code: virErrorNumber.NO_SUPPORT,
        message: expect.stringContaining('virDomainQemuAgentCommand'),
      }),
    },
    {
      run: (each) => each.withDomain(firstDomain.uuid, (domain) => domain.setAgentResponseTimeout(5)),
      expected: expect.objectContaining({
        code: virErrorNumber.NO_SUPPORT,
        message: expect.stringContaining('virDomainAgentSetResponseTimeout'),
      }),
    },
    {
      run: (each) => each.withDomain(off.uuid, (domain) => domain.fsFreeze()),
      expected: expect.objectContaining({ code: virErrorNumber.OPERATION_INVALID }),
    },
  ];
  const calls = Array.from({ length: 800 }, (_, index) => kinds[index % kinds.length] as Call);

  const outcomes = await Promise.all(
    calls.map(({ run }, index) => pool.run(`guest ${index}`, run).catch((error: unknown) => error)),
  );

  expect(outcomes).toEqual(calls.map(({ expected }) => expected));
  await pool.close();
  off.undefine();
});
