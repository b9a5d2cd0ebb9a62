import { Command } from 'commander';
import { type Guest, guests } from '../../api/resources.ts';
import { type ConnectionOptions, type Session, withSession } from '../connect/session.ts';
import { exitCodes } from '../exit-codes.ts';
import { guestTable } from '../guest-view.ts';
import { connected, type OutputOptions, outputOption, selectorOption, withExamples } from '../options.ts';
import { listOf, nameOf, structured } from '../print/structured.ts';
import { table } from '../print/table.ts';
import { UsageError } from '../usage-error.ts';

interface GetOptions extends ConnectionOptions, OutputOptions<'wide' | 'json' | 'yaml' | 'name'> {
  selector?: string;
  allNamespaces?: true;
}

/** `kubectl qga get` */
export function getCommand(): Command {
  const command = new Command('get')
    .description('Show guests: their system and addresses, how their agents are, who is frozen or busy.')
    .argument('[guests...]', 'by name; all of the namespace where none is named')
    .addOption(selectorOption())
    .option('-A, --all-namespaces', 'of every namespace')
    .addOption(outputOption('wide', 'json', 'yaml', 'name'))
    .action(async (names: string[], options: GetOptions) => {
      if (names.length > 0 && (options.selector !== undefined || options.allNamespaces)) {
        throw new UsageError('name guests, or select them by -l or -A, not both');
      }
      await withSession(options, (session) => get(session, names, options));
    });
  return withExamples(
    connected(command),
    [
      'kubectl qga get',
      'kubectl qga get -A -o wide',
      'kubectl qga get web-1 web-2 -n team-a -o yaml',
      'kubectl qga get -l app=web -o name',
    ],
    '0; 125 when a guest does not exist or the API server says no',
  );
}

async function get(session: Session, names: readonly string[], options: GetOptions): Promise<number> {
  const { output, allNamespaces = false } = options;
  const found = await guestsOf(session, names, options);
  if (output === 'json' || output === 'yaml') {
    session.print(structured(output, names.length === 1 ? found[0] : listOf(found)));
  } else if (output === 'name') session.print(...found.map(({ metadata }) => nameOf(guests, metadata.name)));
  else if (found.length === 0)
    session.tell(`No guests found${allNamespaces ? '' : ` in namespace ${session.namespace}`}.`);
  else {
    const shown = { wide: output === 'wide', withNamespace: allNamespaces, now: session.clock.now() };
    const { headings, rows } = guestTable(found, shown);
    session.print(...table(headings, rows, session.paint));
  }
  return exitCodes.ok;
}

async function guestsOf(
  { cluster, namespace, signal }: Session,
  names: readonly string[],
  { selector, allNamespaces }: GetOptions,
): Promise<Guest[]> {
  if (names.length > 0) {
    return await Promise.all(names.map((name) => cluster.get(guests, { namespace, name }, { signal })));
  }
  const where = allNamespaces ? {} : { namespace };
  return (await cluster.list(guests, { ...where, labelSelector: selector, signal })).items;
}
