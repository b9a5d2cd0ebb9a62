import { rmSync } from 'node:fs';
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
  plugins: [shakeKubernetesClient],
  // Some dependencies are CommonJS and call require.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
