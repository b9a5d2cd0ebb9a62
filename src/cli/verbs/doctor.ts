import { Command } from 'commander';
import { type ConnectionOptions, type Session, withSession } from '../connect/session.ts';
import { diagnose } from '../doctor/diagnose.ts';
import { observe } from '../doctor/observe.ts';
import { reportLines } from '../doctor/report.ts';
import { exitCodes } from '../exit-codes.ts';
import { connected, type OutputOptions, outputOption, withExamples } from '../options.ts';
import { structured } from '../print/structured.ts';

interface DoctorOptions extends ConnectionOptions, OutputOptions<'json' | 'yaml'> {
  allNamespaces?: true;
  operatorNamespace?: string;
}

/** `kubectl qga doctor` */
export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description(
      'Look at everything that has to work, from the API server to the agents in the guests, and say what to fix.',
    )
    .option('-A, --all-namespaces', 'the guests of every namespace')
    .option('--operator-namespace <name>', 'where manager and agents keep their Leases; default: as the hosts say')
    .addOption(outputOption('json', 'yaml'))
    .action((options: DoctorOptions) => withSession(options, (session) => doctor(session, options)));
  return withExamples(
    connected(command),
    [
      'kubectl qga doctor',
      'kubectl qga doctor -A',
      'kubectl qga doctor -o json | jq \'.findings[] | select(.level == "wrong")\'',
    ],
    '0 nothing is wrong; 1 something is. Warnings, such as commands that a guest has switched off, are not counted',
  );
}

async function doctor(session: Session, options: DoctorOptions): Promise<number> {
  const { allNamespaces, operatorNamespace, output } = options;
  const namespace = allNamespaces ? undefined : session.namespace;
  const findings = diagnose(await observe(session, { namespace, operatorNamespace }));
  const wrong = findings.some(({ level }) => level === 'wrong');
  if (output === undefined) session.print(...reportLines(findings, session.paint));
  else session.print(structured(output, { wrong, findings }));
  return wrong ? exitCodes.wrong : exitCodes.ok;
}
