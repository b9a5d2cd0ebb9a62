import { Command, InvalidArgumentError, Option } from 'commander';
import { parseListenAddress } from './observability/http-server.ts';
import { createLogger } from './observability/log.ts';
import { runProcess } from './process.ts';
import { keepHeapSmall } from './small-heap.ts';
import { version } from './version.ts';

/** Exit status for a command line that can't be: as the shell's own programs have it. */
const usageError = 2;

const kubeconfig = () =>
  new Option('--kubeconfig <path>', 'how to reach the API server; in a pod the service account is used').env(
    'QGA_KUBECONFIG',
  );

const metricsAddress = (address: string) =>
  new Option('--metrics-address <host:port>', 'where /metrics, /healthz and /readyz are served; 0: nowhere')
    .env('QGA_METRICS_ADDRESS')
    .default(address);

const logLevel = () =>
  new Option('--log-level <level>', 'how much is logged')
    .env('QGA_LOG_LEVEL')
    .choices(['debug', 'info', 'warn', 'error'])
    .default('info');

const namespace = (description: string) => new Option('--namespace <name>', description).env('QGA_NAMESPACE');

const program = new Command('qga-operator')
  .description('The QEMU guest agent as a Kubernetes API.')
  .version(version)
  .showHelpAfterError('(see qga-operator --help)')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : usageError));

program
  .command('manager')
  .description('Decides: turns GuestExecJobs into tasks, and tells how they fare. Any number may run, one leads.')
  .addOption(kubeconfig())
  .addOption(namespace('where the leader Lease is kept').default('qga-system'))
  .addOption(metricsAddress(':8080'))
  .addOption(logLevel())
  .action(async (options) => {
    const address = listenAddress(options.metricsAddress);
    const { runManager } = await import('./manager/manager.ts');
    const logger = createLogger(options.logLevel, { component: 'manager' });
    await runProcess(logger, (signal) =>
      runManager({ kubeconfig: options.kubeconfig, namespace: options.namespace, address, logger, signal }),
    );
  });

program
  .command('agent')
  .description('Acts: carries out the tasks of the guests of one libvirt host.')
  .addOption(kubeconfig())
  .addOption(
    new Option('--node-name <name>', "this host's name among GuestHosts")
      .env('QGA_NODE_NAME')
      .argParser(nodeName)
      .makeOptionMandatory(),
  )
  .addOption(
    new Option('--libvirt-uri <uri>', 'the libvirt to connect to').env('QGA_LIBVIRT_URI').default('qemu:///system'),
  )
  .addOption(
    new Option('--state-dir <path>', 'where the journal is kept: on a disk that outlives this process')
      .env('QGA_STATE_DIR')
      .default('/var/lib/qga-operator'),
  )
  .addOption(
    new Option('--default-namespace <name>', 'for Guests whose domain metadata names none')
      .env('QGA_DEFAULT_NAMESPACE')
      .default('default'),
  )
  .addOption(
    new Option('--channel-repair <policy>', "whether guests' broken agent channels are plugged in anew")
      .env('QGA_CHANNEL_REPAIR')
      .choices(['Auto', 'Manual'])
      .default('Auto'),
  )
  .addOption(namespace('where the host Lease is kept (default: the default namespace)'))
  .addOption(metricsAddress(':8081'))
  .addOption(logLevel())
  .action(async (options) => {
    const address = listenAddress(options.metricsAddress);
    const { exitNow, runAgent } = await import('./agent/agent.ts');
    const logger = createLogger(options.logLevel, { component: 'agent', node: options.nodeName });
    const work = (signal: AbortSignal) =>
      runAgent({
        kubeconfig: options.kubeconfig,
        node: options.nodeName,
        libvirtUri: options.libvirtUri,
        stateDir: options.stateDir,
        defaultNamespace: options.defaultNamespace,
        leaseNamespace: options.namespace ?? options.defaultNamespace,
        channelRepair: options.channelRepair,
        address,
        logger,
        signal,
      });
    await runProcess(logger, work, exitNow);
  });

program
  .command('release-all')
  .description('Lets go of every guest that a freeze holds, and waits until they are thawed: before the operator goes.')
  .addOption(kubeconfig())
  .addOption(
    new Option('--timeout <seconds>', 'how long to wait until guests are thawed').argParser(seconds).default(100),
  )
  .addOption(
    new Option('--abandon', 'once the operator has gone: wait for nobody, and take the finalizer off every window'),
  )
  .addOption(logLevel())
  .action(async (options) => {
    const { runReleaseAll } = await import('./manager/run-release-all.ts');
    const logger = createLogger(options.logLevel, { component: 'release-all' });
    await runProcess(logger, (signal) =>
      runReleaseAll({
        kubeconfig: options.kubeconfig,
        timeoutMs: options.timeout * 1000,
        abandon: options.abandon === true,
        logger,
        signal,
      }),
    );
  });

function seconds(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a number of seconds, as 100.');
}

/** A GuestHost's name, and the value of a label. */
function nodeName(text: string): string {
  if (/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError(
    'a node name has at most 63 lower-case letters, digits, - and ., and ends with no sign.',
  );
}

function listenAddress(text: string) {
  try {
    return parseListenAddress(text);
  } catch (error) {
    return program.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  }
}

keepHeapSmall();
await program.parseAsync();
