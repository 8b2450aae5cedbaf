// The machine that runs the kernels as WebAssembly, with or without a pool of worker threads.
import { bestVariant, wasmFeatures } from '../../platform/features.ts';
import type { Platform, WorkerHandle } from '../../platform/platform.ts';
import type { Machine } from '../../runtime/machine.ts';

const PAGE = 65536;
/** Pages the kernels are linked for: static data and, behind it, the workers' stacks and scratch memory. */
const INITIAL_PAGES = 512;
/** One page short of 4 GiB, so that the end of the memory is still a 32-bit address. */
const MAX_PAGES = 65535;
const MAX_THREADS = 16;
const DEFAULT_THREADS = 8;

interface KernelExports {
  execute(address: number, count: number): number;
  error_info(k: number): number;
  conv_workspace(address: number): number;
  heap_base(): number;
  // Only in the threaded variants:
  pool_start?(n: number): number;
  pool_ready?(): number;
}

export interface WasmMachineOptions {
  /** Threads, caller included. Default: the setting FATHOM_THREADS, or the hardware threads up to 8. */
  threads?: number;
  /** Kernel variant, as in 'simd' or 'relaxed-threads'. Default: the setting FATHOM_WASM, or the best this engine runs. */
  variant?: string;
}

// A large maximum is only reserved address space, but some engines refuse it for shared memory: ask for less then.
function createMemory(shared: boolean): { memory: WebAssembly.Memory; pages: number } {
  let last: unknown;
  for (const pages of [MAX_PAGES, 32768, 16384, 8192, 4096]) {
    try {
      return { memory: new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: pages, shared }), pages };
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

function wantedThreads(platform: Platform, threads: number | undefined): number {
  const setting = platform.env('FATHOM_THREADS');
  const n = threads ?? (setting ? Number(setting) : Math.min(platform.hardwareConcurrency, DEFAULT_THREADS));
  if (!Number.isInteger(n) || n < 1) throw new RangeError(`threads is ${threads ?? setting}; expected a whole number from 1`);
  return n;
}

/**
 * Creates a machine over the WebAssembly kernels. Synchronous; workers join when their threads have started.
 * Throws an Error when the kernels are missing or the engine has no WebAssembly SIMD.
 */
export function createWasmMachine(platform: Platform, options: WasmMachineOptions = {}): Machine {
  const variant = options.variant ?? platform.env('FATHOM_WASM') ?? bestVariant(wasmFeatures());
  if (variant === undefined)
    throw new Error('wasm: this JavaScript engine has no WebAssembly SIMD, which the kernels need; use a newer one');
  const module = platform.kernels(variant);
  if (module === undefined) {
    throw new Error(`wasm: fathom-${variant}.wasm is not in ${platform.kernelsPlace()}; build it with node scripts/build-kernels.mjs`);
  }
  const shared = variant.endsWith('-threads');
  const { memory, pages: maxPages } = createMemory(shared);
  const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as KernelExports;
  const workers: WorkerHandle[] = [];
  let threads = 1;
  let closed = false;

  const setThreads = (n: number): void => {
    if (!Number.isInteger(n) || n < 1) throw new RangeError(`threads is ${n}; expected a whole number from 1`);
    if (!shared || closed) return;
    threads = kernels.pool_start?.(Math.min(n, Math.max(platform.hardwareConcurrency, 2), MAX_THREADS)) ?? 1;
    while (workers.length < threads - 1) workers.push(platform.startWorker({ module, memory, index: workers.length + 1 }));
  };
  setThreads(wantedThreads(platform, options.threads));

  return {
    name: 'wasm',
    variant: `${variant.startsWith('relaxed') ? 'relaxed-simd' : 'simd'}${shared ? ', threads' : ''}`,
    get threads() {
      return Math.min(threads, 1 + (kernels.pool_ready?.() ?? 0));
    },
    get threadsWanted() {
      return threads;
    },
    heapBase: kernels.heap_base(),
    maxBytes: maxPages * PAGE,
    buffer: () => memory.buffer,
    grow(bytes) {
      const more = Math.ceil((bytes - memory.buffer.byteLength) / PAGE);
      if (more <= 0) return true;
      try {
        memory.grow(more);
        return true;
      } catch {
        return false;
      }
    },
    watcher: platform.collectingWatcher?.(),
    execute: kernels.execute,
    errorInfo: kernels.error_info,
    convWorkspace: kernels.conv_workspace,
    setThreads,
    close() {
      closed = true;
      kernels.pool_start?.(1);
      threads = 1;
      for (const worker of workers.splice(0)) worker.terminate();
    },
  };
}
