import { Command } from 'commander';
import { apiVersion } from '../../api/resources.ts';
import { version } from '../../version.ts';
import { type OutputOptions, outputOption, withExamples } from '../options.ts';
import { structured } from '../print/structured.ts';

/** `kubectl qga version` */
export function versionCommand(): Command {
  const command = new Command('version')
    .description('Print the version of this program, and of the API that it speaks. Those of the agents: doctor.')
    .addOption(outputOption('json', 'yaml'))
    .action(({ output }: OutputOptions<'json' | 'yaml'>) => {
      const line =
        output === undefined
          ? `kubectl qga ${version}, for ${apiVersion}`
          : structured(output, { version, apiVersion });
      process.stdout.write(`${line}\n`);
    });
  return withExamples(command, ['kubectl qga version', 'kubectl qga version -o json'], '0');
}
