import type { Logger } from '../observability/log.ts';
import type { Clock } from '../seams/clock.ts';
import type { Random } from '../seams/random.ts';
import { runTogether } from '../seams/run-together.ts';
import type { Cluster, ListOptions } from './cluster.ts';
import { Controller, type ControllerOptions } from './controller.ts';
import { Informer } from './informer.ts';
import type { KubeObject, Resource } from './objects.ts';

/** What somebody who measures wants to hear. */
export interface LoopReports {
  reconciled?: ControllerOptions['onReconciled'];
  watchRestarted?(resource: string, reason: string): void;
}

export interface ControlLoopsOptions {
  cluster: Cluster;
  clock: Clock;
  random: Random;
  logger: Logger;
  reports?: LoopReports;
}

/** The informers and controllers of one process: what controller-runtime calls a manager. */
export class ControlLoops {
  readonly #options: ControlLoopsOptions;
  readonly #informers: { plural: string; informer: Pick<Informer<KubeObject>, 'run' | 'synced' | 'hasSynced'> }[] = [];
  readonly #controllers: Controller[] = [];

  constructor(options: ControlLoopsOptions) {
    this.#options = options;
  }

  informer<T extends KubeObject>(resource: Resource<T>, selection?: Omit<ListOptions, 'signal'>): Informer<T> {
    const { cluster, clock, random, logger, reports: { watchRestarted } = {} } = this.#options;
    const informer = new Informer<T>({
      cluster,
      resource,
      clock,
      random,
      logger,
      ...(selection && { selection }),
      ...(watchRestarted && { onRestart: watchRestarted }),
    });
    this.#informers.push({ plural: resource.plural, informer });
    return informer;
  }

  /** `source`: what there is to look at when it begins, mostly a cache. */
  controller(
    name: string,
    concurrency: number,
    source: { keys: ControllerOptions['keys'] },
    reconcile: ControllerOptions['reconcile'],
  ): Controller {
    const { clock, logger, reports: { reconciled } = {} } = this.#options;
    const controller = new Controller({
      name,
      concurrency,
      keys: () => source.keys(),
      reconcile,
      clock,
      logger,
      ...(reconciled && { onReconciled: reconciled }),
    });
    this.#controllers.push(controller);
    return controller;
  }

  get controllers(): readonly Controller[] {
    return this.#controllers;
  }

  /** The resources that have not been listed yet. */
  notSynced(): string[] {
    return this.#informers.filter(({ informer }) => !informer.hasSynced).map(({ plural }) => plural);
  }

  async runInformers(signal: AbortSignal): Promise<void> {
    await runTogether(
      signal,
      ...this.#informers.map(
        ({ informer }) =>
          (until: AbortSignal) =>
            informer.run(until),
      ),
    );
  }

  /** Runs the controllers once every cache has been filled: a decision on half a picture could be wrong. */
  async runControllers(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([stopped, Promise.all(this.#informers.map(({ informer }) => informer.synced))]);
    if (signal.aborted) return;
    await runTogether(signal, ...this.#controllers.map((each) => (until: AbortSignal) => each.run(until)));
  }
}
