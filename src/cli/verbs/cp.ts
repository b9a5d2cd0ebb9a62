import { Command } from 'commander';
import { assertGuest } from '../connect/known-target.ts';
import { type ConnectionOptions, type Session, withSession } from '../connect/session.ts';
import { type Copied, fromGuest, toGuest } from '../cp/copy.ts';
import { type Copy, copyOf } from '../cp/places.ts';
import { exitCodes } from '../exit-codes.ts';
import { connected, type OutputOptions, outputOption, withExamples } from '../options.ts';
import { structured } from '../print/structured.ts';

type CpOptions = ConnectionOptions & OutputOptions<'json' | 'yaml'>;

/** `kubectl qga cp` */
export function cpCommand(): Command {
  const command = new Command('cp')
    .description('Copy a file of up to 64 MiB from or to a guest, with its mode, verified by its SHA-256.')
    .argument('<from>', 'GUEST:/path, or a file here')
    .argument('<to>', 'a file or folder here, or GUEST:/path; GUEST:/folder/ keeps the name')
    .addOption(outputOption('json', 'yaml'))
    .addHelpText(
      'after',
      '\nWhoever looks sees the old file or the new one, never half of it. What is copied goes through the API server:\nwho may read GuestTasks in the namespace can read it meanwhile. Secrets go by a GuestTask with contentFrom.',
    )
    .action(async (from: string, to: string, options: CpOptions) => {
      const copy = copyOf(from, to);
      await withSession(options, (session) => cp(session, copy, options));
    });
  return withExamples(
    connected(command),
    [
      'kubectl qga cp web-1:/var/log/syslog .',
      'kubectl qga cp nginx.conf web-1:/etc/nginx/ -n team-a',
      'kubectl qga cp web-1:/etc/fstab /tmp/fstab -o json',
    ],
    '0; 125 when it was not copied: nothing is changed then; 2 bad usage; 130 after Ctrl-C',
  );
}

async function cp(session: Session, copy: Copy, { output }: CpOptions): Promise<number> {
  await assertGuest(session, copy.way === 'fromGuest' ? copy.from.guest : copy.to.guest);
  const copied =
    copy.way === 'fromGuest'
      ? await fromGuest(session, copy.from, copy.to)
      : await toGuest(session, copy.from, copy.to);
  session.print(output === undefined ? line(copied) : structured(output, copied));
  if (!copied.verified) {
    session.tell('kubectl qga: each piece was verified, but not the whole: the guest lets nobody run sha256sum');
  }
  return exitCodes.ok;
}

function line({ from, to, bytes, sha256, mode }: Copied): string {
  return `${from} -> ${to}: ${bytes} bytes${mode === undefined ? '' : `, mode ${mode}`}, sha256 ${sha256}`;
}
