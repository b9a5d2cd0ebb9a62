// Blocks every lane in libvirt, then tells how long a DNS lookup takes: blocked-lanes <URI> <lanes> [small-pool]
import { lookup } from 'node:dns/promises';
import { realClock } from '../../../../src/libvirt/clock.ts';
import { useEventLoop } from '../../../../src/libvirt/event-loop.ts';
import { nativeCallsInFlight } from '../../../../src/libvirt/ffi.ts';
import { LanePool } from '../../../../src/libvirt/lane-pool.ts';
import { ensureThreads, threadsOfPool } from '../../../../src/libvirt/thread-pool.ts';

const [uri = '', count = '', pool] = process.argv.slice(2);
const lanes = Number(count);
if (pool !== 'small-pool') ensureThreads(lanes);

useEventLoop();
const options = { uri, lanes, keepAlive: { intervalSeconds: 5, count: 3 }, openTimeoutMs: 60_000, clock: realClock };
const guests = new LanePool(options);
const control = new LanePool({ ...options, lanes: 1 });
for (let guest = 0; guest < lanes; guest += 1) void guests.run(`guest ${guest}`, async () => {});
void control.run('any', async () => {});
// Each lane, the control lane and the event loop.
while (nativeCallsInFlight() < lanes + 2) await realClock.sleep(10);
await realClock.sleep(100);

const began = performance.now();
const found = await Promise.race([lookup('localhost'), realClock.sleep(pool === 'small-pool' ? 1500 : 8000)]);
const lookupMs = found ? Math.round(performance.now() - began) : null;
const blocked = nativeCallsInFlight();
process.stdout.write(`${JSON.stringify({ lookupMs, blocked, threads: threadsOfPool() })}\n`);
process.stdout.write('exiting\n');
process.exit(7);
