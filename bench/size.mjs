// What a page loads: the bundle of fathom, fathom/nn and fathom/optim, and the kernels that it fetches, in bytes and gzipped.
//
// node bench/size.mjs   (needs a built dist/)
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const { outputFiles } = await build({
  stdin: {
    contents: "export * from './index.js'; export * as nn from './nn/index.js'; export * as optim from './optim/index.js';",
    resolveDir: dist,
  },
  bundle: true,
  write: false,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  external: ['node:*'],
});
const parts = {
  'fathom, fathom/nn, fathom/optim': outputFiles[0].contents,
  'kernels (relaxed SIMD, threads)': readFileSync(join(dist, 'kernels', 'fathom-relaxed-threads.wasm')),
};
const kb = (n) => (n / 1000).toFixed(0);
let total = 0;
for (const [name, bytes] of Object.entries(parts)) {
  const packed = gzipSync(bytes, { level: 9 }).length;
  total += packed;
  console.log(`${name}: ${kb(bytes.length)} kB, ${kb(packed)} kB gzipped`);
}
console.log(`together ${kb(total)} kB gzipped`);
