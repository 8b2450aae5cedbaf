// Compiles kernels/*.cpp to dist/kernels/fathom-{simd,relaxed}{,-threads}.wasm with the clang of the npm package @yowasp/clang.
//
// node scripts/build-kernels.mjs [--variant NAME,...] [--without FILE.cpp,...] [--force]
// Objects are kept in .cache/kernels under a hash of their source, the headers and the flags, so only what changed is compiled.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sourceDir = join(root, 'kernels');
const outputDir = join(root, 'dist', 'kernels');
const cacheDir = join(root, '.cache', 'kernels');

const common =
  '--target=wasm32 -std=c++17 -nostdlib -ffreestanding -fno-exceptions -fno-rtti -fno-threadsafe-statics -fvisibility=hidden -fno-math-errno -Wall -Wextra -Wno-psabi -msimd128 -mbulk-memory -mnontrapping-fptoint';
// What a page loads should be small. Most sources are as fast when they are built for size: they wait for memory, or their inner loops are vectors
// written out. Products, convolutions and their relatives are not.
const fast = new Set(
  'attention_backward attention_forward batch_norm conv conv_stencil conv_weight_grad conv_weight_product conv_winograd index matmul norm optim recurrent_backward recurrent_forward softmax threads'.split(
    ' ',
  ),
);
const levelOf = (name) => (fast.has(name) ? '-O3' : '-Os');
const variants = ['relaxed', 'relaxed-threads', 'simd', 'simd-threads'];
const PAGES = 65536;

const hash = (...parts) => {
  const h = createHash('sha256');
  for (const part of parts) h.update(part).update('\0');
  return h.digest('hex').slice(0, 24);
};

const writeAtomic = (path, bytes) => {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, path);
};

let prefetched;

// The compiler runs for seconds only: optimising its own code would cost more time than it saves. (For worker threads too.)
setFlagsFromString('--liftoff-only');

/** Runs one LLVM tool over an in-memory file tree; throws an Error that holds the tool's own messages. */
async function runTool(tool, args, files) {
  const { commands, runLLVM } = await import('@yowasp/clang');
  await (prefetched ??= runLLVM(undefined, undefined, { fetchProgress: () => {} }));
  let log = '';
  const decoder = new TextDecoder();
  const collect = (bytes) => {
    if (bytes) log += decoder.decode(bytes, { stream: true });
  };
  try {
    const out = await commands[tool](args, files, { stdout: collect, stderr: collect, fetchProgress: () => {} });
    return { out, log };
  } catch (error) {
    throw new Error(log || String(error));
  }
}

async function runTask(task) {
  if (task.kind === 'compile') {
    const object = `${task.name}.o`;
    const { out, log } = await runTool('clang++', [...task.flags, '-c', `${task.name}.cpp`, '-o', object], task.files);
    writeAtomic(task.output, out[object]);
    return log;
  }
  const files = Object.fromEntries(task.objects.map((path, i) => [`${i}.o`, new Uint8Array(readFileSync(path))]));
  const threads = task.variant.endsWith('-threads');
  const args = [
    ...Object.keys(files),
    '--no-entry',
    '--export-dynamic',
    '--import-memory',
    `--max-memory=${PAGES * 65536}`,
    '--initial-memory=33554432',
    '-z',
    'stack-size=262144',
    '--stack-first',
    '--gc-sections',
    '--strip-all',
    '-O2',
    '--export=__stack_pointer',
    ...(threads ? ['--shared-memory'] : []),
    '-o',
    'out.wasm',
  ];
  const { out, log } = await runTool('wasm-ld', args, files);
  if (process.versions.v8.startsWith('11.')) setFlagsFromString('--experimental-wasm-relaxed-simd');
  await WebAssembly.compile(out['out.wasm']); // a module the engine refuses must not replace a good one
  writeAtomic(task.output, out['out.wasm']);
  return log;
}

/** Runs tasks over a few worker threads (each holds its own copy of the compiler); returns the messages of those that failed. */
async function runAll(tasks, size) {
  const failures = [];
  const times = [];
  let next = 0;
  const one = () =>
    new Promise((resolve) => {
      const worker = new Worker(fileURLToPath(import.meta.url));
      let task;
      let since = 0;
      const advance = () => {
        if (task !== undefined) times.push([task.label, performance.now() - since]);
        since = performance.now();
        task = tasks[next++];
        if (task === undefined) {
          worker.terminate();
          resolve();
        } else worker.postMessage(task);
      };
      worker.on('message', ({ error, log }) => {
        if (error) failures.push(`${task.label}:\n${error}`);
        else if (log.trim()) console.error(`${task.label}:\n${log.trim()}`);
        advance();
      });
      worker.on('error', (error) => {
        failures.push(`${task?.label}: ${error.message}`);
        resolve();
      });
      advance();
    });
  await Promise.all(Array.from({ length: Math.min(size, tasks.length) }, one));
  if (process.env.DEBUG) for (const [label, ms] of times.sort((a, b) => b[1] - a[1])) console.log(`${(ms / 1000).toFixed(1)} s ${label}`);
  return failures;
}

/** Brings dist/kernels up to date; resolves to the names of the files that were rebuilt. */
export async function buildKernels({ only = variants, force = false, without = [] } = {}) {
  mkdirSync(outputDir, { recursive: true });
  mkdirSync(cacheDir, { recursive: true });
  const names = readdirSync(sourceDir);
  const headers = Object.fromEntries(
    names
      .filter((name) => name.endsWith('.h'))
      .sort()
      .map((name) => [name, readFileSync(join(sourceDir, name), 'utf8')]),
  );
  const sources = names.filter((name) => name.endsWith('.cpp') && !without.includes(name)).sort();
  const tool = readFileSync(join(root, 'node_modules', '@yowasp', 'clang', 'package.json'), 'utf8');
  // A source depends on the headers it includes, directly or through others.
  const headersOf = (text, seen = new Set()) => {
    for (const match of text.matchAll(/#include "([^"]+)"/g)) {
      if (seen.has(match[1]) || headers[match[1]] === undefined) continue;
      seen.add(match[1]);
      headersOf(headers[match[1]], seen);
    }
    return seen;
  };

  const compiles = new Map();
  const links = [];
  const used = new Set();
  for (const variant of only) {
    const objects = sources.map((file) => {
      const name = file.slice(0, -4);
      const text = readFileSync(join(sourceDir, file), 'utf8');
      const files = { [file]: text };
      for (const header of [...headersOf(text)].sort()) files[header] = headers[header];
      // Most sources give the same object for several variants: only those that multiply and add in vectors depend on relaxed SIMD (math_*.cpp is scalar), and
      // only those that name atomics on threads (the others are compiled as for threads, which any variant can link).
      const all = Object.entries(files)
        .map(([path, code]) => (path === 'simd.h' ? '' : code))
        .join('');
      const flags = [...common.split(' '), levelOf(name)];
      if (variant.startsWith('relaxed') && all.includes('fma(') && !name.startsWith('math_')) flags.push('-mrelaxed-simd');
      if (variant.endsWith('-threads') || !/__atomic|__wasm_atomics__/.test(all)) flags.push('-matomics');
      const output = join(cacheDir, `${name}-${hash(tool, flags.join(' '), ...Object.entries(files).flat())}.o`);
      const label = `kernels/${file}${flags.includes('-mrelaxed-simd') ? ' (relaxed)' : ''}`;
      if (force || !existsSync(output)) compiles.set(output, { kind: 'compile', label, name, flags, files, output });
      used.add(output);
      return output;
    });
    const output = join(outputDir, `fathom-${variant}.wasm`);
    const stamp = join(cacheDir, `${variant}.stamp`);
    const key = hash(readFileSync(fileURLToPath(import.meta.url)), ...objects);
    const fresh = !force && existsSync(output) && existsSync(stamp) && readFileSync(stamp, 'utf8') === key;
    if (!fresh) links.push({ kind: 'link', label: `link ${variant}`, variant, objects, output, stamp, key });
  }
  const size = Math.max(1, Math.min(4, availableParallelism()));
  // Long files first, so that the last task is a short one.
  const weight = (task) =>
    (task.name.startsWith('matmul') || task.name.startsWith('conv_') ? 1e6 : 0) + task.files[`${task.name}.cpp`].length;
  const tasks = [...compiles.values()].sort((a, b) => weight(b) - weight(a));
  let failures = await runAll(tasks, size);
  if (failures.length === 0) failures = await runAll(links, 1);
  if (failures.length > 0) throw new Error(`kernels do not build\n${failures.join('\n')}`);
  for (const { stamp, key } of links) writeAtomic(stamp, key);
  // Objects of sources that have changed since; recent ones stay, another build may be about to link them.
  for (const name of readdirSync(cacheDir)) {
    const path = join(cacheDir, name);
    if (only.length === 4 && name.endsWith('.o') && !used.has(path) && Date.now() - statSync(path).mtimeMs > 3600_000)
      rmSync(path, { force: true });
  }
  return links.map((task) => `fathom-${task.variant}.wasm`);
}

if (!isMainThread) {
  parentPort?.on('message', async (task) => {
    try {
      parentPort.postMessage({ log: await runTask(task) });
    } catch (error) {
      parentPort.postMessage({ error: error.message });
    }
  });
} else if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  const start = performance.now();
  const list = (flag) => {
    const at = process.argv.indexOf(flag);
    return at > 0 ? (process.argv[at + 1] ?? '').split(',') : undefined;
  };
  const only = list('--variant');
  const unknown = only?.find((name) => !variants.includes(name));
  if (unknown !== undefined) {
    console.error(`--variant ${unknown}: expected one of ${variants.join(', ')}`);
    process.exit(2);
  }
  try {
    const built = await buildKernels({ only, without: list('--without'), force: process.argv.includes('--force') });
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(built.length === 0 ? 'kernels: up to date' : `kernels: built ${built.join(', ')} in ${seconds} s`);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
