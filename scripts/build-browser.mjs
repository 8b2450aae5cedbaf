// Bundles the compiled package for pages that load modules directly: dist/browser/*.js, ECMAScript modules that share chunks.
// Bundlers do not need this: the package's exports work with them as they are.
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const faces = ['nn', 'optim', 'distributions', 'data', 'io', 'vision', 'd2l', 'plot'];
const entryPoints = { fathom: join(root, 'dist/index.js') };
for (const face of faces) entryPoints[face] = join(root, `dist/${face}/index.js`);

rmSync(join(root, 'dist/browser'), { recursive: true, force: true });
await build({
  entryPoints,
  outdir: join(root, 'dist/browser'),
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  sourcemap: true,
  external: ['node:*'],
  logLevel: 'warning',
});
console.log(`dist/browser: ${readdirSync(join(root, 'dist/browser')).filter((f) => f.endsWith('.js')).length} modules`);
