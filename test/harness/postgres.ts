import type { TestGuest } from './hypervisor/guest.ts';

const startTimeoutMs = 60_000;

/**
 * Starts the PostgreSQL cluster of a debian12 guest, whose data is on the root filesystem; resolves when it takes
 * connections. `sql` in the result runs statements as its superuser and gives what psql prints, unaligned.
 */
export async function startPostgres(guest: TestGuest): Promise<{ sql(statements: string): Promise<string> }> {
  async function sh(script: string): Promise<string> {
    const { exitCode, stdout, stderr } = await guest.sh(script, startTimeoutMs);
    if (exitCode !== 0) throw new Error(`${guest.name}: ${stderr}`);
    return stdout;
  }
  // pg_ctlcluster waits for it.
  await sh('systemctl start postgresql@15-main');
  return {
    sql: (statements) => {
      const base64 = Buffer.from(statements).toString('base64');
      return sh(`echo ${base64} | base64 -d | su postgres -c 'psql -X -q -A -t -v ON_ERROR_STOP=1'`);
    },
  };
}
