import { constants } from 'node:os';
import { Command, Option } from 'commander';
import { loadEndpoint } from '../kube/endpoint.ts';
import { HttpCluster } from '../kube/http-cluster.ts';
import { systemClock } from '../seams/clock.ts';
import { systemRandom } from '../seams/random.ts';
import { version } from '../version.ts';
import { execInGuest } from './exec.ts';

/** As docker's and kubectl's own: what is wrong before the command in the guest had its say. */
const usageError = 2;
const operatorError = 125;

const program = new Command('kubectl-qga')
  .description('Work in libvirt guests through their guest agents, by way of the Kubernetes API.')
  .version(version)
  .showHelpAfterError('(see kubectl qga --help)')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : usageError));

program
  .command('exec')
  .description("Run a command in a guest and show what it prints. The exit status is the command's.")
  .argument('<guest>', 'a Guest of the namespace')
  .argument('<command...>', 'the program and its arguments, after --')
  .addOption(new Option('-n, --namespace <name>', "default: the kubeconfig's"))
  .addOption(new Option('--kubeconfig <path>', 'default: as kubectl'))
  .addOption(new Option('--timeout <seconds>', 'how long the command may take').default(300).argParser(seconds))
  .addHelpText('after', '\nExample:\n  kubectl qga exec web-1 -n team-a -- systemctl is-active nginx')
  .action(async (guest: string, command: string[], options) => {
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    const endpoint = await loadEndpoint(options.kubeconfig, systemClock);
    const cluster = new HttpCluster({ endpoint, random: systemRandom.next });
    try {
      const namespace = options.namespace ?? endpoint.namespace;
      const timeoutSeconds: number = options.timeout;
      const request = { guest, namespace, command, timeoutSeconds };
      const result = await execInGuest(cluster, request, systemRandom, stop.signal);
      process.stdout.write(result.stdout);
      process.stderr.write(result.stderr);
      if (result.problem) process.stderr.write(`kubectl-qga: ${result.problem}\n`);
      process.exitCode = result.exitCode ?? (result.signal ? 128 + result.signal : operatorError);
    } finally {
      await cluster.close();
    }
    if (stop.signal.aborted) process.exitCode = 128 + constants.signals.SIGINT;
  });

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    program.error(`error: --timeout takes whole seconds from 1 on, not ${text}`);
  return value;
}

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`kubectl-qga: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = operatorError;
}
