/** Tells a person what happens and how long it took. */
export interface Narrator {
  say: (text: string) => void;
  /** Announces a piece of work, does it, and adds how long it took. */
  step: <T>(title: string, work: () => Promise<T>) => Promise<T>;
  /** Shows a command as one would type it, does it, and shows what it printed. */
  show: (command: string, work: () => Promise<string>) => Promise<void>;
}

export function narrator(write: (text: string) => void): Narrator {
  return {
    say: (text) => write(`${text}\n`),
    async step(title, work) {
      write(`▸ ${title} … `);
      const started = performance.now();
      try {
        const result = await work();
        write(`${seconds(started)}\n`);
        return result;
      } catch (error) {
        write(`failed after ${seconds(started)}\n`);
        throw error;
      }
    },
    async show(command, work) {
      const started = performance.now();
      const output = await work();
      const lines = output.trimEnd().split('\n');
      write(`\n$ ${command}    # ${seconds(started)}\n${lines.map((line) => `  ${line}\n`).join('')}`);
    },
  };
}

function seconds(started: number): string {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}
