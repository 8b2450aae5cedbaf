// The platform in Node: kernels from the file system, worker threads, environment variables. Everything is synchronous.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { wasmFeatures } from './features.ts';
import { collectNow, createCollectingWatcher } from './node-collector.ts';
import type { NativeAddon, Platform, WorkerHandle, WorkerStart } from './platform.ts';

// From dist/platform the first place holds the kernels, from src/platform (tests run the sources) the second.
const places = ['../kernels/', '../../dist/kernels/'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
// Node 20 has relaxed SIMD behind a flag that takes effect for modules compiled later; newer versions have it anyway.
if (!wasmFeatures().relaxedSimd) setFlagsFromString('--experimental-wasm-relaxed-simd');

const modules = new Map<string, WebAssembly.Module>();

// A string, because a worker file would need another name when the sources run uncompiled.
const workerSource = `
const { module, memory, index } = require('node:worker_threads').workerData;
const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports;
kernels.worker_main(index, kernels.worker_stack(index));
`;

function kernels(variant: string): WebAssembly.Module | undefined {
  const known = modules.get(variant);
  if (known !== undefined) return known;
  for (const place of places) {
    const path = `${place}fathom-${variant}.wasm`;
    if (!existsSync(path)) continue;
    const module = new WebAssembly.Module(readFileSync(path));
    modules.set(variant, module);
    return module;
  }
  return undefined;
}

function startWorker(start: WorkerStart): WorkerHandle {
  const worker = new Worker(workerSource, { eval: true, workerData: start, execArgv: [], name: `fathom-${start.index}` });
  worker.unref();
  // A worker that cannot start (no memory for its thread) leaves the pool smaller and nothing else.
  worker.on('error', () => {});
  return { terminate: () => void worker.terminate() };
}

let addon: NativeAddon | string | undefined;

/** Where an add-on for this system may lie: built here, or in a package made ahead for the platform. */
function* addonPaths(): Generator<string> {
  const name = `${process.platform}-${process.arch}`;
  const file = process.env['FATHOM_ADDON'] ?? `fathom-${name}-${process.versions.modules}.node`;
  if (isAbsolute(file)) return yield file;
  for (const path of ['../native/', '../../dist/native/']) yield fileURLToPath(new URL(path + file, import.meta.url));
  try {
    yield createRequire(import.meta.url).resolve(`fathom-native-${name}/${file}`);
  } catch {}
}

function loadAddon(): NativeAddon | string {
  let looked = '';
  for (const path of addonPaths()) {
    looked ||= path;
    if (!existsSync(path)) continue;
    const holder = { exports: {} };
    try {
      process.dlopen(holder as NodeJS.Module, path);
      return holder.exports as NativeAddon;
    } catch (error) {
      return `${path} does not load: ${error instanceof Error ? error.message : error}`;
    }
  }
  try {
    const { abi, reason } = JSON.parse(readFileSync(join(dirname(looked), 'status.json'), 'utf8')) as { abi: string; reason: string };
    if (abi === process.versions.modules) return reason;
  } catch {}
  return `no add-on for Node ${process.versions.node} on ${process.platform} ${process.arch}; build it with \`node scripts/build-native.mjs\``;
}

/** Physical memory, or what the process was confined to; FATHOM_MEMORY sets less, in MiB. */
function memoryLimit(): number {
  const setting = process.env['FATHOM_MEMORY'];
  if (setting) {
    const mib = Number(setting);
    if (!(mib >= 256)) throw new Error(`FATHOM_MEMORY: '${setting}' is not a number of MiB of at least 256`);
    return mib * 2 ** 20;
  }
  const confined = process.constrainedMemory?.() ?? 0;
  return confined > 0 ? Math.min(confined, totalmem()) : totalmem();
}

/** Finalisers run in the macrotask that follows. */
async function collectGarbage(): Promise<void> {
  collectNow();
  await new Promise((resolve) => setImmediate(resolve));
}

export const platform: Platform = {
  name: 'node',
  hardwareConcurrency: Math.max(1, availableParallelism()),
  env: (name) => process.env[name],
  errorColours: () => process.stderr.isTTY === true && process.stderr.hasColors(),
  now: () => performance.now(),
  kernels,
  kernelsPlace: () => places.join(' or '),
  nativeAddon: () => (addon ??= loadAddon()),
  memoryLimit,
  startWorker,
  collectingWatcher: createCollectingWatcher,
  collectGarbage,
};
