// The profiler: how often each operation ran in the kernels, for how long, and what that is in bytes and operations a second.

import { workOfAll } from './instruction-work.ts';
import { type ExecutionObserver, setObserver, start, sweeps } from './runtime.ts';

/** One operation of a profile; what a backward sweep runs is told apart from the rest. */
export interface ProfileRow {
  name: string;
  calls: number;
  /** Milliseconds in the kernels, all calls together. */
  ms: number;
  /** Bytes of the operands, as if each were moved once; 0 where they are not known. */
  bytes: number;
  /** Multiplications and additions; counted for matrix products, convolutions, recurrent layers and attention, else 0. */
  flops: number;
  /** Part of the time in the kernels, 0 to 1. */
  share: number;
}

/** One call: milliseconds since the profile began; bytes and operations as in the rows. */
export interface ProfileEvent {
  name: string;
  begin: number;
  ms: number;
  bytes: number;
  flops: number;
}

/** What a program did in the kernels. Printing it shows a table. */
export class Profile {
  /** Operations, the longest first. */
  readonly rows: readonly ProfileRow[];
  /** Every call in order. */
  readonly events: readonly ProfileEvent[];
  /** Milliseconds from begin to end. */
  readonly totalMs: number;
  /** Milliseconds of them in the kernels; the rest is JavaScript and waiting. */
  readonly kernelMs: number;

  constructor(rows: Iterable<ProfileRow>, events: readonly ProfileEvent[], totalMs: number) {
    const list = [...rows].sort((a, b) => b.ms - a.ms);
    this.kernelMs = list.reduce((sum, r) => sum + r.ms, 0);
    for (const r of list) r.share = this.kernelMs === 0 ? 0 : r.ms / this.kernelMs;
    this.rows = list;
    this.events = events;
    this.totalMs = totalMs;
  }

  /** A table: calls, time, share, GB/s and GFLOP/s of each operation. */
  toString(): string {
    const rate = (amount: number, ms: number): string => (amount === 0 || ms === 0 ? '' : (amount / ms / 1e6).toFixed(1));
    const cells = this.rows.map((r) => [
      r.name,
      String(r.calls),
      r.ms.toFixed(2),
      `${(100 * r.share).toFixed(1)} %`,
      rate(r.bytes, r.ms),
      rate(r.flops, r.ms),
    ]);
    const head = ['operation', 'calls', 'ms', 'share', 'GB/s', 'GFLOP/s'];
    const all = [head, ...cells];
    const widths = head.map((_, c) => Math.max(...all.map((row) => row[c].length)));
    const lines = all.map((row) => row.map((text, c) => (c === 0 ? text.padEnd(widths[c]) : text.padStart(widths[c]))).join('  '));
    const outside = Math.max(this.totalMs - this.kernelMs, 0);
    lines.push(`${this.kernelMs.toFixed(2)} ms in the kernels, ${outside.toFixed(2)} ms outside, ${this.events.length} calls`);
    return lines.map((line) => line.trimEnd()).join('\n');
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  /** The calls in Chrome's trace event format, for chrome://tracing and Perfetto. */
  trace(): string {
    const traceEvents = this.events.map((e) => ({
      name: e.name,
      ph: 'X',
      ts: e.begin * 1000,
      dur: e.ms * 1000,
      pid: 1,
      tid: 1,
      cat: 'kernels',
      args: { bytes: e.bytes, flops: e.flops },
    }));
    return JSON.stringify({ traceEvents, displayTimeUnit: 'ms' });
  }
}

/** Collects calls until `stop`. */
function collect(): { stop(): Profile } {
  start();
  const rows = new Map<string, ProfileRow>();
  const events: ProfileEvent[] = [];
  const origin = performance.now();
  const observe: ExecutionObserver = (what, begin, end, words, count) => {
    before?.(what, begin, end, words, count);
    const name = sweeps.running > 0 && !what.includes('Backward') ? `${what}, backward` : what;
    let row = rows.get(name);
    if (row === undefined) rows.set(name, (row = { name, calls: 0, ms: 0, bytes: 0, flops: 0, share: 0 }));
    const { flops, bytes } = workOfAll(words, count);
    row.calls++;
    row.ms += end - begin;
    row.flops += flops;
    row.bytes += bytes;
    events.push({ name, begin: begin - origin, ms: end - begin, bytes, flops });
  };
  const before = setObserver(observe);
  return {
    stop: () => {
      setObserver(before);
      return new Profile(rows.values(), events, performance.now() - origin);
    },
  };
}

/**
 * Runs `fn`, which may be async, and gives what it did in the kernels: `console.log(profile(() => step()))` prints a table; the trace of
 * `fathom/io`'s saveTrace opens in a browser's performance viewer. What `fn` returns is dropped. An outer profile sees the calls of an inner one, too.
 */
export function profile(fn: () => Promise<unknown>): Promise<Profile>;
export function profile(fn: () => unknown): Profile;
export function profile(fn: () => unknown): Profile | Promise<Profile> {
  const collector = collect();
  let result: unknown;
  try {
    result = fn();
  } catch (error) {
    collector.stop();
    throw error;
  }
  if (!(result instanceof Promise)) return collector.stop();
  return result.then(
    () => collector.stop(),
    (error: unknown) => {
      collector.stop();
      throw error;
    },
  );
}
