// What Fathom needs from the program that hosts it: kernels, workers, a clock and settings. One implementation for Node, one for browsers.

/** What a worker needs to join the thread pool of a WebAssembly machine. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Number of the worker, from 1. */
  readonly index: number;
}

/** A worker that was started; it may not run yet. */
export interface WorkerHandle {
  terminate(): void;
}

/** The functions of the native add-on (native/binding.cpp). */
export interface NativeAddon {
  open(bytes: number, variant?: string): { variant: string; buffer: ArrayBuffer };
  /** Kernels that it holds and this processor runs, best one first. */
  variants(): string[];
  execute(address: number, count: number): number;
  errorInfo(k: number): number;
  convWorkspace(address: number): number;
  poolStart(threads: number): number;
  poolReady(): number;
  watch(address: number, bytes: number, serial: number): object;
  takeDead(): number[];
  poison?(address: number, bytes: number, on: boolean): void;
}

/** Finds blocks of memory that no object stands for any more (see `Watcher` of the runtime's machine). */
export interface CollectingWatcher {
  watch(address: number, bytes: number, serial: number): object;
  takeDead(): readonly number[];
  /** Runs the garbage collector now, so that takeDead gives all that is dead. */
  collect(): void;
}

export interface Platform {
  readonly name: 'node' | 'browser';
  /** Hardware threads, at least 1. */
  readonly hardwareConcurrency: number;
  /** The value of a setting (an environment variable in Node, a query parameter or `globalThis.FATHOM_...` in browsers). */
  env(name: string): string | undefined;
  /** Whether standard error is a terminal that shows colours. */
  errorColours(): boolean;
  /** Milliseconds from an arbitrary origin. */
  now(): number;
  /** The compiled kernels of a variant, as in 'relaxed-threads'; undefined where this platform has none of that name. */
  kernels(variant: string): WebAssembly.Module | undefined;
  /** One line that says where kernels were looked for. */
  kernelsPlace(): string;
  /** The native add-on, or the reason in one line why there is none. */
  nativeAddon(): NativeAddon | string;
  /** Bytes that a native device may take at most: what the machine has. */
  memoryLimit(): number;
  /** Starts a worker that joins the pool and never comes back; it does not keep the process alive. */
  startWorker(start: WorkerStart): WorkerHandle;
  /** A watcher for devices whose memory V8 does not count; undefined where the collector cannot be asked to run at once. */
  collectingWatcher?(): CollectingWatcher;
  /** Asks the garbage collector to run, and lets finalisers run: storages that nobody holds return to the pool. */
  collectGarbage(): Promise<void>;
}
