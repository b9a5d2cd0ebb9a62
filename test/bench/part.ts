import type { Narrator } from '../harness/demo/narrator.ts';
import type { Row } from './report.ts';
import type { Stage } from './stage.ts';

/** What the parts of one bench share. */
export interface Bench {
  /** Takes what parts write. */
  readonly dir: string;
  readonly tell: Narrator;
  readonly signal: AbortSignal;
  /** Guests and everything that serves them, started when the first part asks for them. */
  stage(): Promise<Stage>;
}

/** Something that can be measured by itself. */
export interface Part {
  readonly name: string;
  measure(bench: Bench): Promise<Row[]>;
}
