import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { build, type Plugin } from 'esbuild';

/**
 * The Kubernetes client's generated models are most of its code and all of its memory, and nobody here uses them: with
 * this its modules count only where something of them is used. They have no effects of their own.
 */
const shakeKubernetesClient: Plugin = {
  name: 'shake-kubernetes-client',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /.*/ }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      const concerned = path === '@kubernetes/client-node' || importer.includes('/@kubernetes/client-node/');
      if (!concerned || pluginData === 'seen') return undefined;
      const { pluginData: _, ...resolved } = await resolve(path, { importer, kind, resolveDir, pluginData: 'seen' });
      return { ...resolved, sideEffects: false };
    });
  },
};

/**
 * What is used of undici here, and in the Kubernetes client as far as it is used. Its index loads all it can do besides,
 * from fetch to mocks, which can't be shaken off.
 */
const undiciWithoutTheRest = replacement(
  'undici',
  /^undici$/,
  `Object.assign(require('undici/lib/dispatcher/dispatcher.js').prototype, require('undici/lib/api'));
   exports.Agent = require('undici/lib/dispatcher/agent.js');
   exports.errors = require('undici/lib/core/errors.js');`,
);

/** An import of Node's http looks at all it exports, and so loads Node's own fetch: 14 MB that nobody needs. */
const httpWithoutFetch = replacement(
  'http',
  /^(node:)?http$/,
  `module.exports = process.getBuiltinModule('node:http');`,
);

/** The page of reasons goes into the bundle: the plugin explains them by it where there is no docs folder. */
const reasonsInside: Plugin = {
  name: 'reasons-inside',
  setup({ onLoad }) {
    onLoad({ filter: /[/]src[/]cli[/]story[/]reasons-page\.ts$/ }, () => ({
      contents: `export function reasonsPage() { return ${JSON.stringify(readFileSync('docs/reasons.md', 'utf8'))}; }`,
    }));
  },
};

/** Puts a module of this text in the place of another. */
function replacement(name: string, filter: RegExp, contents: string): Plugin {
  return {
    name,
    setup({ onResolve, onLoad }) {
      onResolve({ filter }, () => ({ path: name, namespace: 'replacement' }));
      onLoad({ filter: new RegExp(`^${name}$`), namespace: 'replacement' }, () => ({
        contents,
        resolveDir: import.meta.dirname,
      }));
    },
  };
}

// Without node_modules, so that a container image carries none but koffi's, whose native part can't be bundled. In chunks,
// so that a manager loads nothing of the agent, and because what is imported lazily can't be shaken in one file.
rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: { 'qga-operator': 'src/main.ts', 'kubectl-qga': 'src/cli/main.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minify: true,
  keepNames: true,
  sourcemap: true,
  external: ['koffi'],
  plugins: [shakeKubernetesClient, undiciWithoutTheRest, httpWithoutFetch, reasonsInside],
  // Some dependencies are CommonJS and call require.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
// A person calls it by its name, and kubectl only what is executable.
chmodSync('dist/kubectl-qga.js', 0o755);
