// Runs a TypeScript program of this repository (conformance, benchmarks) without a compile step of its own.
//
// node scripts/run-ts.mjs FILE.ts [arguments]
// The program and what it imports from the repository become one file below .cache/run; packages stay outside. `#platform` is the platform
// of Node. The kernels are found because .cache/run lies as deep below the root as src/platform does.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [file, ...args] = process.argv.slice(2);
if (file === undefined || !existsSync(resolve(root, file))) {
  console.error(
    file === undefined ? 'run-ts: which program? node scripts/run-ts.mjs FILE.ts [arguments]' : `run-ts: there is no file ${file}`,
  );
  process.exit(2);
}

// An interrupt ends the program that runs; this process then removes the bundle.
process.on('SIGINT', () => {});

const folder = join(root, '.cache', 'run');
mkdirSync(folder, { recursive: true });
const outfile = join(folder, `${basename(file, '.ts')}-${process.pid}.mjs`);
let status = 1;
try {
  await build({
    entryPoints: [resolve(root, file)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    alias: { '#platform': join(root, 'src', 'platform', 'node.ts') },
    sourcemap: 'inline',
    sourcesContent: false,
    // package.json names the modules with side effects by their compiled files; here the sources are bundled
    ignoreAnnotations: true,
    logLevel: 'error',
  });
  // A sanitizer's library has to be in the program's process from its start (scripts/sanitize.mjs).
  const preload = process.env.FATHOM_PRELOAD;
  const env = preload ? { ...process.env, LD_PRELOAD: preload } : process.env;
  const run = spawnSync(process.execPath, ['--enable-source-maps', outfile, ...args], { stdio: 'inherit', env });
  if (run.error !== undefined) console.error(`run-ts: ${run.error.message}`);
  status = run.status ?? 1;
} catch (error) {
  // esbuild has printed what is wrong with the sources
  if (!(error instanceof Error && 'errors' in error)) throw error;
} finally {
  rmSync(outfile, { force: true });
}
process.exit(status);
