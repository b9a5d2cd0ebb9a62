import type { World } from './world.ts';

/** What people ask of a world. */
export interface Scenario {
  /** Lets people begin within the next `ms`. */
  begin(world: World, ms: number): void;
  /** What still has to come to its end, in words; empty when all has. */
  open(world: World): string[];
}

/** What must be true of every world once it has come to rest, whatever went wrong in it. */
export interface Invariant {
  /** As the safety rules are numbered and worded in docs/architecture.md. */
  rule: string;
  /** What is not as it must be, in words. */
  violations(world: World): string[];
}
