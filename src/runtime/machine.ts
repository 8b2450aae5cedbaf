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
}
