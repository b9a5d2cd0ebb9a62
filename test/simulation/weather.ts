import type { Incident } from './faults.ts';
import { mountpoints } from './simulated-filesystems.ts';
import type { SimulatedGuest } from './simulated-guest.ts';
import type { Node, Program, World } from './world.ts';

/** Lets the incidents of the world's profile happen within the next `ms`. */
export function brew(world: World, ms: number): void {
  const { chance, timeline, profile } = world;
  for (const [name, most] of Object.entries(profile.incidents ?? {}) as [Incident, number][]) {
    for (let left = chance.count(0, most); left > 0; left--) {
      timeline.in(chance.between(0, ms), () => {
        if (!world.stormy) return;
        world.count(name);
        incidents[name](world);
      });
    }
  }
}

/** The sky clears: nothing further goes wrong, and whoever is down comes back. */
export function clearUp(world: World): void {
  world.say('weather', 'clears up');
  world.stormy = false;
  for (const { process } of world.programs) if (process) process.partitionedUntil = 0;
  for (const guest of world.guests) guest.heal();
}

const incidents: Record<Incident, (world: World) => void> = {
  agentKilled: (world) => kill(world, world.chance.pick(world.nodes)),
  managerKilled: (world) => kill(world, world.chance.pick(world.managers)),
  agentRestarted: (world) => stop(world, world.chance.pick(world.nodes)),
  managerRestarted: (world) => stop(world, world.chance.pick(world.managers)),
  processStandsStill: (world) => {
    const { process } = world.chance.pick(world.programs);
    const ms = world.chance.between(500, 20_000);
    if (process) world.say(process.name, `stands still for ${Math.round(ms)} ms`);
    process?.standStill(ms);
  },
  partition: (world) => {
    const { process } = world.chance.pick(world.programs);
    const ms = world.chance.between(2000, 30_000);
    if (!process) return;
    world.say(process.name, `is parted from the API server for ${Math.round(ms)} ms`);
    process.partitionedUntil = world.timeline.elapsed + ms;
  },
  libvirtdRestarted: (world) => world.chance.pick(world.nodes).host.restart(world.chance.between(200, 8000)),
  diskWiped: (world) => {
    const node = world.chance.pick(world.nodes);
    world.say(node.name, 'loses its disk');
    for (const guest of node.host.guests) world.truth.disturbed.add(guest.uuid);
    node.process?.die();
    node.disk.wipe();
  },
  guestRebooted: (world) => anyGuest(world).reboot(),
  guestOff: (world) =>
    afterwards(
      world,
      anyGuest(world),
      (guest) => guest.powerOff(),
      (guest) => guest.powerOn(),
    ),
  guestPaused: (world) =>
    afterwards(
      world,
      anyGuest(world),
      (guest) => guest.pause(),
      (guest) => guest.resume(),
    ),
  guestSaved: (world) =>
    afterwards(
      world,
      anyGuest(world),
      (guest) => guest.save(),
      (guest) => guest.powerOn(),
    ),
  guestFrozen: (world) =>
    afterwards(
      world,
      anyGuest(world),
      (guest) => {
        if (!guest.filesystems.saidFrozen) guest.filesystems.freeze('somebody');
        // Its boot id can't be read meanwhile: a lost answer may then leave a doubt.
        world.truth.disturbed.add(guest.uuid);
      },
      // Whoever froze it: they know no better.
      ({ filesystems }) => void filesystems.thaw('somebody'),
    ),
  guestHeld: (world) => {
    const which = [world.chance.pick(mountpoints)];
    afterwards(
      world,
      anyGuest(world),
      // Within a freeze it could make up the count for one that somebody thawed: no protocol could tell that.
      ({ filesystems }) => void (filesystems.saidFrozen || filesystems.hold('somebody', which)),
      ({ filesystems }) => void filesystems.unfreeze('somebody', which),
    );
  },
  guestMoved: (world) => {
    const from = world.chance.pick(world.nodes);
    const to = world.chance.pick(world.nodes.filter((node) => node !== from));
    const guest = from.host.guests.length > 0 ? world.chance.pick(from.host.guests) : undefined;
    if (guest && to) from.host.moveAway(guest, to.host);
  },
  guestThawed: (world) => {
    const { filesystems } = anyGuest(world);
    const which = world.chance.pick([mountpoints, mountpoints.slice(1)]);
    if (world.chance.happens(0.5)) filesystems.thaw('somebody');
    else filesystems.unfreeze('somebody', which);
  },
  guestHangs: (world) => anyGuest(world).stall(world.chance.between(1000, 40_000)),
  guestAgentRestarted: (world) => anyGuest(world).restartAgent({ killing: false }),
  guestAgentKills: (world) => anyGuest(world).restartAgent({ killing: true }),
};

function anyGuest(world: World): SimulatedGuest {
  return world.chance.pick(world.guests);
}

function kill(world: World, { process }: Program | Node): void {
  if (process) world.say(process.name, 'is killed');
  process?.die();
}

function stop(world: World, { process }: Program | Node): void {
  if (process) world.say(process.name, 'is told to end');
  process?.terminate.abort(new Error('SIGTERM'));
}

function afterwards(
  world: World,
  guest: SimulatedGuest,
  first: (guest: SimulatedGuest) => void,
  then: (guest: SimulatedGuest) => void,
): void {
  first(guest);
  world.timeline.in(world.chance.between(500, 12_000), () => then(guest));
}
