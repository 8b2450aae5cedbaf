// What users see of memory: counts, scopes for tight synchronous loops, and the yield that lets the collector work.

import { platform } from '#platform';
import type { MemoryInfo } from './pool.ts';
import { device, pool, start } from './runtime.ts';

/** Something that `scope` releases at its end. */
export interface Disposable {
  dispose(): void;
  /** Survives the end of a scope. */
  kept?: boolean;
  /** What must live as long as this does. */
  holds?(): Iterable<Disposable>;
}

let current: Disposable[] | null = null;

/** Notes a new handle in the innermost scope, if there is one. */
export function track(handle: Disposable): void {
  if (current !== null) current.push(handle);
}

/** Runs `fn` and collects the handles made meanwhile; the caller decides which to dispose. */
export function collecting<T>(list: Disposable[], fn: () => T): T {
  const outer = current;
  current = list;
  try {
    return fn();
  } finally {
    current = outer;
  }
}

const disposable = (v: unknown): v is Disposable => (typeof v === 'object' || typeof v === 'function') && v !== null && 'dispose' in v;

/**
 * Runs an operation that is composed of others and drops the handles that it made on the way, so that their memory returns at once where the
 * graph saved nothing of it. The result is a tensor, or an object or list of tensors.
 */
export function composed<T>(fn: () => T): T {
  const made: Disposable[] = [];
  const outer = current;
  const result = collecting(made, fn);
  const results = new Set<unknown>(disposable(result) ? [result] : Object.values(result as object));
  for (const h of made) {
    // nodes of the graph stay: they hold what backward needs
    if ('storage' in h && !results.has(h) && h.kept !== true) h.dispose();
    else if (outer !== null) outer.push(h);
  }
  return result;
}

function keepWhatIsReachable(value: unknown, keep: Set<unknown>, depth = 0): void {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function') || keep.has(value)) return;
  keep.add(value);
  if (depth > 4 || ArrayBuffer.isView(value) || 'dispose' in value) return;
  if (value instanceof Map) for (const v of value.values()) keepWhatIsReachable(v, keep, depth + 1);
  else for (const v of Object.values(value)) keepWhatIsReachable(v, keep, depth + 1);
}

/**
 * Runs a synchronous function and releases the tensors that it made and what their graphs saved, except those in its result (a tensor, or
 * tensors in arrays, maps and plain objects), what these need for backward, and gradients. Needed only in long synchronous loops, where the collector gets no turn.
 */
export function scope<T>(fn: () => T): T {
  const made: Disposable[] = [];
  const outer = current;
  const result = collecting(made, fn);
  const keep = new Set<unknown>();
  keepWhatIsReachable(result, keep);
  const living = new Set<Disposable>();
  const open: Disposable[] = made.filter((h) => h.kept === true);
  for (const v of keep) if (typeof v === 'object' && v !== null && 'dispose' in v) open.push(v as Disposable);
  for (let h = open.pop(); h !== undefined; h = open.pop()) {
    if (living.has(h)) continue;
    living.add(h);
    if (h.holds !== undefined) open.push(...h.holds());
  }
  for (const h of made) {
    if (!living.has(h)) h.dispose();
    else if (outer !== null) outer.push(h);
  }
  return result;
}

/** Bytes alive, at the peak, pooled for reuse and reserved from the device. */
export function memory(): MemoryInfo & { device: string } {
  start();
  return { device: device(), ...pool.info() };
}

/** Starts a new measurement of the peak. */
export function resetPeakMemory(): void {
  start();
  pool.resetPeak();
}

/**
 * Gives the garbage collector a turn when much memory is alive, so that storages nobody holds return to the pool.
 * Data loaders and awaited reads call it; it costs nothing while memory is plentiful.
 */
export async function pressureYield(): Promise<void> {
  if (pool === undefined || pool.live < pool.pressureAt) return;
  if (!pool.collect()) await platform.collectGarbage();
  pool.pressureAt = Math.max(256 * 2 ** 20, pool.live * 1.5);
}
