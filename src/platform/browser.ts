// The platform in browsers: the best kernels are fetched and compiled once, when this module loads, so that all later use is synchronous.
import { bestVariant, wasmFeatures } from './features.ts';
import type { Platform, WorkerHandle, WorkerStart } from './platform.ts';

const place = new URL('../kernels/', import.meta.url);
const modules = new Map<string, WebAssembly.Module>();
let trouble = '';

async function fetchKernels(variant: string): Promise<WebAssembly.Module> {
  const url = new URL(`fathom-${variant}.wasm`, place);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.href}: ${response.status} ${response.statusText}`);
  // Not compileStreaming: it insists on a MIME type that simple file servers do not send.
  return WebAssembly.compile(await response.arrayBuffer());
}

function env(name: string): string | undefined {
  const own = (globalThis as Record<string, unknown>)[name];
  if (typeof own === 'string' || typeof own === 'number') return String(own);
  const query = (globalThis as { location?: { search?: string } }).location?.search;
  return query ? (new URLSearchParams(query).get(name) ?? undefined) : undefined;
}

const variant = env('FATHOM_WASM') ?? bestVariant(wasmFeatures());
if (variant === undefined) trouble = ' (this browser has no WebAssembly SIMD)';
else {
  try {
    modules.set(variant, await fetchKernels(variant));
  } catch (error) {
    trouble = ` (${error instanceof Error ? error.message : String(error)})`;
  }
}

const workerSource = `
onmessage = ({ data: { module, memory, index } }) => {
  const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports;
  kernels.worker_main(index, kernels.worker_stack(index));
};
`;
let workerUrl: string | undefined;

function startWorker(start: WorkerStart): WorkerHandle {
  workerUrl ??= URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }));
  const worker = new Worker(workerUrl, { name: `fathom-${start.index}` });
  worker.postMessage(start);
  return { terminate: () => worker.terminate() };
}

const macrotask = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

/** A page cannot call the collector; memory that it counts makes it run soon. The pages of the ballast are never touched. */
async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    void new ArrayBuffer(64 * 2 ** 20);
    await macrotask();
  }
}

export const platform: Platform = {
  name: 'browser',
  hardwareConcurrency: Math.max(1, globalThis.navigator?.hardwareConcurrency ?? 1),
  env,
  errorColours: () => false,
  now: () => performance.now(),
  kernels: (name) => modules.get(name),
  kernelsPlace: () => `${place.href}${trouble}`,
  nativeAddon: () => 'browsers run WebAssembly only',
  memoryLimit: () => 0,
  startWorker,
  collectGarbage,
};
