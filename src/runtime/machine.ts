// The interface between the runtime and whatever executes its instructions (see docs/instruction-set.md).

/** What a backend gives the runtime: memory and one function that executes instructions. */
export interface Machine {
  /** The backend, as in 'wasm'. */
  readonly name: string;
  /** Which build of it, as in 'relaxed-simd, threads'. */
  readonly variant: string;
  /** Threads in use now, caller included. */
  readonly threads: number;
  /** Threads asked for; workers join a few milliseconds after they were started. */
  readonly threadsWanted: number;
  /** First address (bytes) the allocator may hand out. */
  readonly heapBase: number;
  /** Upper bound of the memory in bytes. */
  readonly maxBytes: number;
  /** The current memory; a new object may come back after `grow`. */
  buffer(): ArrayBuffer | SharedArrayBuffer;
  /** Makes the memory at least `bytes` long; false when the limit is reached. */
  grow(bytes: number): boolean;
  /** Runs `count` instructions that start at byte address `address`; 0, or an error code. */
  execute(address: number, count: number): number;
  /** Detail `k` (0 … 3) of the last error. */
  errorInfo(k: number): number;
  /** Bytes of workspace that the convolution instruction at `address` can use. */
  convWorkspace(address: number): number;
  /** Sets the number of threads, 1 … hardware threads. */
  setThreads(n: number): void;
  /** Stops the workers; the machine must not be used afterwards. */
  close(): void;
  /** Finds blocks of memory that nobody reaches, sooner than a FinalizationRegistry does: the collector counts their bytes. */
  readonly watcher?: Watcher;
  /** Only in builds with a sanitizer: marks memory that may not be touched. */
  poison?(address: number, bytes: number, on: boolean): void;
}

/** See `Machine.watcher`. */
export interface Watcher {
  /** An object that stands for a block. When it is found dead, `serial` is among the next `takeDead`. */
  watch(address: number, bytes: number, serial: number): object;
  /** Serial numbers of the blocks found dead since the last call. Costs next to nothing when there are none. */
  takeDead(): readonly number[];
  /** Runs the garbage collector now, so that takeDead gives all that is dead. Takes milliseconds. */
  collect?(): void;
}
