// Runs the golden cases on the native device under the compiler's sanitizers.
//
// node scripts/sanitize.mjs [--dir DIR] [address] [undefined] [thread]     (all three by default; DIR: the folder of golden cases)
//
// Each sanitizer gets an add-on of its own (dist/native/…-SANITIZER.node). With the address sanitizer, device memory that no tensor owns is
// poisoned, to the byte, so that a kernel that reads or writes beyond an operand is caught although all tensors lie in one reservation.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildNative, compilerName } from './build-native.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);
const at = args.indexOf('--dir');
const dir = at >= 0 ? args.splice(at, 2)[1] : process.env.FATHOM_GOLDEN;
if (!dir || !existsSync(dir)) {
  console.error('sanitize: give --dir, the folder that holds the golden cases');
  process.exit(2);
}
const sanitizers = {
  address: {
    library: 'libasan.so',
    env: { ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0:exitcode=99:detect_container_overflow=0', FATHOM_MEMORY: '2048' },
  },
  undefined: { library: 'libubsan.so', env: { UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1' } },
  thread: {
    library: 'libtsan.so',
    env: { TSAN_OPTIONS: 'report_signal_unsafe=0:exitcode=99:ignore_noninstrumented_modules=1', FATHOM_THREADS: '2' },
  },
};
const wanted = args.length > 0 ? args : Object.keys(sanitizers);
let failed = 0;
for (const name of wanted) {
  const sanitizer = sanitizers[name];
  if (sanitizer === undefined) {
    console.error(`sanitize: ${name} is none of ${Object.keys(sanitizers).join(', ')}`);
    process.exit(2);
  }
  const begin = Date.now();
  const { addon } = await buildNative({ sanitize: name });
  const built = (Date.now() - begin) / 1000;
  const library = execFileSync(compilerName(), [`-print-file-name=${sanitizer.library}`], { encoding: 'utf8' }).trim();
  const result = spawnSync(process.execPath, ['scripts/run-ts.mjs', 'conformance/main.ts', '--dir', dir, '--backend', 'native'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, ...sanitizer.env, FATHOM_ADDON: addon, FATHOM_PRELOAD: library },
  });
  const ok = result.status === 0;
  if (!ok) failed++;
  const all = result.stdout.split('\n').find((line) => line.startsWith('all ')) ?? '';
  console.log(
    `${ok ? 'ok    ' : 'FAILED'} ${name}: ${all.replace(/\s+/g, ' ')} (built in ${built.toFixed(0)} s, ran in ${((Date.now() - begin) / 1000 - built).toFixed(0)} s)`,
  );
  if (!ok) console.log(`${result.stdout.slice(-4000)}\n${result.stderr.slice(0, 8000)}`);
}
process.exit(failed === 0 ? 0 : 1);
