import { build } from 'esbuild';

// One file each, so that a container image carries no node_modules but koffi's, whose native part can't be bundled.
await build({
  entryPoints: { 'qga-operator': 'src/main.ts', 'kubectl-qga': 'src/cli/main.ts' },
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minify: true,
  keepNames: true,
  sourcemap: true,
  external: ['koffi'],
  // Some dependencies are CommonJS and call require.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
