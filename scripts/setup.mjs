// All set-up that `npm start` and `npm test` need, and nothing twice: dependencies, compiled TypeScript, kernels.
//
// Works on a clean clone with only Node and npm. Each step is skipped when its inputs have not changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonName } from './build-native.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

const [major] = process.versions.node.split('.').map(Number);
if (major < 20) {
  console.error(`fathom: Node ${process.versions.node} is too old; install Node 20 or newer`);
  process.exit(1);
}

function step(title, command, args) {
  process.stdout.write(`fathom: ${title} … `);
  const begin = Date.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    shell: process.platform === 'win32',
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) {
    console.log('failed');
    process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
    process.exit(1);
  }
  console.log(`${((Date.now() - begin) / 1000).toFixed(1)} s`);
  return stderr.trim();
}

function* filesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else yield path;
  }
}

/** Hash of the names, sizes and contents of the inputs of a step. */
function stamp(paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const full = join(root, path);
    const list = statSync(full).isDirectory() ? [...filesBelow(full)].sort() : [full];
    for (const file of list) hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

const stamps = join(root, '.cache', 'setup');
mkdirSync(stamps, { recursive: true });

/** Runs `action` unless its inputs are as they were when it last succeeded and its output is there. */
function once(name, inputs, output, action) {
  const now = stamp(inputs);
  const file = join(stamps, name);
  if (existsSync(join(root, output)) && existsSync(file) && readFileSync(file, 'utf8') === now) return;
  action();
  writeFileSync(file, now);
}

once('install', ['package.json', 'package-lock.json'], 'node_modules/typescript/package.json', () =>
  step('installing dependencies', npm, ['install', '--no-save', '--no-audit', '--no-fund']),
);
once('kernels', ['kernels', 'scripts/build-kernels.mjs'], 'dist/kernels', () =>
  step('compiling kernels to WebAssembly', process.execPath, ['scripts/build-kernels.mjs']),
);
// The native add-on: only where a compiler and Node's headers are. Otherwise the reason is told here and by `fathom doctor`, and WebAssembly runs.
once(`native-${process.versions.modules}`, ['kernels', 'native', 'scripts/build-native.mjs'], `dist/native/${addonName()}`, () => {
  const reason = step('compiling kernels for this processor', process.execPath, ['scripts/build-native.mjs', '--optional']);
  if (reason !== '') console.log(reason.replace(/^native/gm, 'fathom'));
});
once('typescript', ['src', 'tsconfig.json'], 'dist/index.js', () =>
  step('compiling TypeScript', process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']),
);
