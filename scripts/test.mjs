// Type-check, lint, golden cases (of the folder FATHOM_GOLDEN) and tests; the last line is `N passed, N failed`. `npm test` does the set-up first.
//
// node scripts/test.mjs [vitest arguments]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonName } from './build-native.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const node = process.execPath;
let passed = 0;
let failed = 0;

function check(title, args) {
  const begin = Date.now();
  const result = spawnSync(node, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  const ok = result.status === 0;
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${title} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
  if (!ok) console.log(`${result.stdout}${result.stderr}`);
  if (ok) passed++;
  else failed++;
}

const only = process.argv.slice(2);
if (only.length === 0) {
  check('types of tests, conformance and benchmarks', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.check.json']);
  check('lint and format', ['node_modules/@biomejs/biome/bin/biome', 'ci', '--diagnostic-level=error', '.']);
}

// Results of PyTorch, where their folder is named: on every device that is there, operation by operation and compiled.
const golden = process.env.FATHOM_GOLDEN;
if (only.length === 0 && golden) {
  const addon = existsSync(join(root, 'dist', 'native', addonName()));
  if (!addon) console.log('SKIPPED golden cases on the native device: there is no add-on (see `npx fathom doctor`)');
  for (const device of addon ? ['native', 'wasm'] : ['wasm'])
    for (const mode of [[], ['--compiled']])
      check(`golden cases, ${device}${mode.length > 0 ? ', compiled' : ''}`, [
        'scripts/run-ts.mjs',
        'conformance/main.ts',
        '--dir',
        golden,
        '--backend',
        device,
        ...mode,
      ]);
}

const folder = mkdtempSync(join(tmpdir(), 'fathom-test-'));
const report = join(folder, 'report.json');
const run = spawnSync(
  node,
  ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...only],
  {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  },
);
if (existsSync(report)) {
  const r = JSON.parse(readFileSync(report, 'utf8'));
  passed += r.numPassedTests;
  // A file that fails to load holds no test: it counts as one failure.
  failed += r.numFailedTests + r.testResults.filter((f) => f.status === 'failed' && f.assertionResults.length === 0).length;
  if (r.numPendingTests > 0) console.log(`${r.numPendingTests} skipped; see above why`);
}
if (run.status !== 0 && failed === 0) failed = 1;
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
