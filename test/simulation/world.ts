import type { Logger } from '../../src/observability/log.ts';
import { Chance } from './chance.ts';
import { type FaultProfile, scaled } from './faults.ts';
import { type RunningAgent, runSimulatedAgent, runSimulatedManager } from './programs.ts';
import { type Saboteur, unharmed } from './saboteur.ts';
import { SimulatedApiServer } from './simulated-api-server.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedGuest } from './simulated-guest.ts';
import { SimulatedHost } from './simulated-host.ts';
import { SimulatedHypervisor } from './simulated-hypervisor.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { Timeline } from './timeline.ts';
import { Trace } from './trace.ts';
import { Truth } from './truth.ts';

/** What is started again whenever it ends. */
export interface Program {
  name: string;
  /** Its present life; undefined between two. */
  process: SimulatedProcess | undefined;
}

export interface Node extends Program {
  host: SimulatedHost;
  disk: SimulatedDisk;
  running: RunningAgent | undefined;
}

export interface WorldOptions {
  seed: number;
  profile: FaultProfile;
  /** Takes the trace's lines; without it none is made. */
  write?: ((line: string) => void) | undefined;
  saboteur?: Saboteur | undefined;
  /** Multiplies the profile's probabilities; the seed chooses where it is not given. */
  severity?: number;
  hosts?: readonly { node: string; guests: readonly string[] }[];
  /** The guests' agents let nobody run a program or open a file, as RHEL's by default. */
  bare?: boolean;
}

const oneHost = [{ node: 'hv1', guests: ['web-1', 'web-2'] }];
const twoHosts = [...oneHost, { node: 'hv2', guests: ['db-1'] }];

/** Two managers, an agent per host, the API server, the guests: everything in one process, under one clock. */
export class World {
  readonly seed: number;
  readonly chance: Chance;
  readonly timeline = new Timeline();
  readonly truth = new Truth();
  readonly trace: Trace | undefined;
  readonly api: SimulatedApiServer;
  readonly nodes: Node[];
  readonly managers: Program[];
  /** How the weather is, as this seed has it. */
  readonly profile: FaultProfile;
  /** Whether it still is: afterwards nothing goes wrong any more. */
  stormy = true;
  /** What went wrong so far, by its name. */
  readonly tally = new Map<string, number>();
  readonly #saboteur: Saboteur;
  readonly #logger: (who: string) => Logger;
  #lives = 0;

  constructor({ seed, profile, write, saboteur = unharmed, severity, hosts, bare = false }: WorldOptions) {
    const { timeline, truth } = this;
    this.seed = seed;
    this.chance = new Chance(seed);
    this.trace = write && new Trace(timeline, write);
    this.profile = scaled(profile, severity ?? this.chance.pick([0.1, 0.4, 1.2]));
    this.api = new SimulatedApiServer(timeline, this.chance.fork('api'));
    this.#saboteur = saboteur;
    this.#logger = loggers(this.trace);
    const { trace } = this;
    this.nodes = (hosts ?? this.chance.pick([oneHost, twoHosts])).map(({ node, guests }) => ({
      name: `agent-${node}`,
      process: undefined,
      running: undefined,
      disk: new SimulatedDisk(this.chance.fork(`disk of ${node}`), () => (this.stormy ? this.profile.disk : undefined)),
      host: new SimulatedHost({
        node,
        libvirtVersion: this.chance.pick(['9.0.0', '11.3.0']),
        guests: guests.map((name) => ({ name, uuid: this.chance.uuid(), bare })),
        timeline,
        chance: this.chance.fork(node),
        truth,
        trace,
        faults: this.#guestFaults,
      }),
    }));
    // Where nothing can be run, there is no guard.
    if (bare) for (const { uuid } of this.guests) truth.unguarded.add(uuid);
    this.managers = ['manager-a', 'manager-b'].map((name) => ({ name, process: undefined }));
  }

  get guests(): SimulatedGuest[] {
    return this.nodes.flatMap(({ host }) => host.guests);
  }

  get programs(): Program[] {
    return [...this.managers, ...this.nodes];
  }

  /** Starts every program, each in its own time. */
  begin(): void {
    for (const node of this.nodes) this.timeline.in(this.chance.between(0, 500), () => this.#startAgent(node));
    for (const each of this.managers) this.timeline.in(this.chance.between(0, 500), () => this.#startManager(each));
  }

  /** Nothing goes on. */
  end(): void {
    for (const { process } of this.programs) process?.die();
  }

  count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }

  say(who: string, what: string): void {
    this.trace?.say(who, what);
  }

  readonly #guestFaults = () => (this.stormy ? this.profile.guests : undefined);
  readonly #apiFaults = () => (this.stormy ? this.profile.api : undefined);

  #startAgent(node: Node): void {
    const process = this.#newLife(node, () => this.#startAgent(node));
    node.running = undefined;
    const { host } = node;
    const { trace, timeline } = this;
    const faults = this.#guestFaults;
    const hypervisor = new SimulatedHypervisor({ host, process, timeline, faults, trace });
    const seams = {
      node: host.node,
      process,
      cluster: this.#clusterOf(process),
      hypervisor: this.#saboteur.hypervisor(hypervisor),
      startHypervisor: () => hypervisor.start(),
      journal: this.#saboteur.journal(node.disk.open(process)),
      logger: this.#logger(process.name),
    };
    this.#letRun(
      process,
      runSimulatedAgent(seams, (running) => {
        if (process.alive) node.running = running;
      }),
    );
  }

  #startManager(program: Program): void {
    const process = this.#newLife(program, () => this.#startManager(program));
    const seams = { process, cluster: this.#clusterOf(process), logger: this.#logger(process.name) };
    this.#letRun(process, runSimulatedManager(seams));
  }

  #clusterOf(process: SimulatedProcess) {
    const { api: server, timeline, trace } = this;
    return this.#saboteur.cluster(
      new SimulatedCluster({ server, timeline, process, faults: this.#apiFaults, trace }),
      server,
    );
  }

  #newLife(program: Program, again: () => void): SimulatedProcess {
    const name = `${program.name}.${++this.#lives}`;
    const process = new SimulatedProcess(name, this.timeline, this.chance.fork(name));
    program.process = process;
    this.say(name, 'starts');
    process.onDeath(() => {
      this.say(name, 'is dead');
      this.count('lives');
      program.process = undefined;
      this.timeline.in(process.chance.between(100, 5000), again);
    });
    return process;
  }

  #letRun(process: SimulatedProcess, running: Promise<void>): void {
    running.then(
      () => process.die(),
      (error: unknown) => {
        this.say(process.name, `ends: ${(error as Error).message}`);
        process.die();
      },
    );
  }
}

/** Logs go into the trace; without one they cost nothing. */
function loggers(trace: Trace | undefined): (who: string) => Logger {
  return (who) => {
    const at = (level: string) => (fields: object, message: string) => {
      const { err } = fields as { err?: Error };
      trace?.say(who, `${level}: ${message}${err ? ` (${err.message})` : ''}`);
    };
    const silent = () => {};
    const logger = trace
      ? { debug: silent, info: at('info'), warn: at('warn'), error: at('error') }
      : { debug: silent, info: silent, warn: silent, error: silent };
    return Object.assign(logger, { child: () => logger }) as unknown as Logger;
  };
}
