// The machine that runs the kernels as native code, over memory that the add-on reserves.
import type { NativeAddon, Platform } from '../../platform/platform.ts';
import type { Machine } from '../../runtime/machine.ts';

/** The first page of the memory is the add-on's own (the number of dead blocks stands there), so that no tensor has address 0. */
const HEAP_BASE = 65536;
const MAX_THREADS = 16;

export interface NativeMachineOptions {
  /** Threads, caller included. Default: the hardware threads up to 16. */
  threads?: number;
  /** Kernels to use, as in 'avx2'. Default: the setting FATHOM_NATIVE, or the best that this processor runs. */
  variant?: string;
}

let opened: { addon: NativeAddon; variant: string; buffer: ArrayBuffer } | undefined;

function open(platform: Platform, variant: string | undefined): { addon: NativeAddon; variant: string; buffer: ArrayBuffer } {
  if (opened !== undefined) {
    if (variant !== undefined && variant !== opened.variant)
      throw new Error(`native: runs ${opened.variant} kernels already; ${variant} needs a process of its own`);
    return opened;
  }
  const addon = platform.nativeAddon();
  if (typeof addon === 'string') throw new Error(`native: ${addon}`);
  const built = addon.variants();
  if (variant !== undefined && !built.includes(variant))
    throw new Error(`native: no ${variant} kernels for this processor in the add-on; it has ${built.join(', ')}`);
  opened = { addon, ...addon.open(platform.memoryLimit(), variant) };
  return opened;
}

/**
 * Creates the machine over the native add-on: one a process. Throws an Error with the reason when there is no add-on
 * for this system, or another thread of the process has it.
 */
export function createNativeMachine(platform: Platform, options: NativeMachineOptions = {}): Machine {
  const { addon, variant, buffer } = open(platform, options.variant ?? (platform.env('FATHOM_NATIVE') || undefined));
  const deadCount = new Int32Array(buffer, 0, 1);
  let threads = 1;
  const setThreads = (n: number): void => {
    if (!Number.isInteger(n) || n < 1) throw new RangeError(`threads is ${n}; expected a whole number from 1`);
    threads = addon.poolStart(Math.min(n, Math.max(platform.hardwareConcurrency, 2), MAX_THREADS));
  };
  setThreads(options.threads ?? platform.hardwareConcurrency);
  return {
    name: 'native',
    variant,
    get threads() {
      return Math.min(threads, 1 + addon.poolReady());
    },
    get threadsWanted() {
      return threads;
    },
    heapBase: HEAP_BASE,
    maxBytes: buffer.byteLength,
    buffer: () => buffer,
    grow: (bytes) => bytes <= buffer.byteLength,
    execute: addon.execute,
    errorInfo: addon.errorInfo,
    convWorkspace: addon.convWorkspace,
    setThreads,
    close: () => void addon.poolStart(1),
    watcher: {
      watch: addon.watch,
      takeDead: () => (deadCount[0] === 0 ? none : addon.takeDead()),
    },
    poison: addon.poison,
  };
}

const none: readonly number[] = [];
