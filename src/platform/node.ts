// The platform in Node: kernels from the file system, worker threads, environment variables. Everything is synchronous.
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { wasmFeatures } from './features.ts';
import type { Platform, WorkerHandle, WorkerStart } from './platform.ts';

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

let gc: (() => void) | undefined;

/** V8 exposes its collector to contexts made after the flag is set; finalisers run in the macrotask that follows. */
async function collectGarbage(): Promise<void> {
  if (gc === undefined) {
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('gc') as () => void;
  }
  gc();
  await new Promise((resolve) => setImmediate(resolve));
}

export const platform: Platform = {
  name: 'node',
  hardwareConcurrency: Math.max(1, availableParallelism()),
  env: (name) => process.env[name],
  now: () => performance.now(),
  kernels,
  kernelsPlace: () => places.join(' or '),
  startWorker,
  collectGarbage,
};
