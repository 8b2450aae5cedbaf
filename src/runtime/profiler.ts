// The profiler: how often each operation ran in the kernels, for how long, and what that is in bytes and operations a second.

import { type ExecutionObserver, setObserver, start } from './runtime.ts';

/** One operation of a profile. */
export interface ProfileRow {
  name: string;
  calls: number;
  /** Milliseconds in the kernels, all calls together. */
  ms: number;
  /** Bytes of the operands, as if each were moved once; 0 where they are not known. */
  bytes: number;
  /** Multiplications and additions; counted for matrix products and convolutions, else 0. */
  flops: number;
  /** Part of the time in the kernels, 0 to 1. */
  share: number;
}

/** One call: milliseconds since the profile began. */
export interface ProfileEvent {
  name: string;
  begin: number;
  ms: number;
}

const elementBytes = [4, 8, 8, 4, 1, 1, 2, 2]; // by dtype code

/** Operations and bytes of an instruction (docs/instruction-set.md). */
function workOf(w: Float64Array): { flops: number; bytes: number } {
  switch (w[0]) {
    case 1: {
      let bytes = 0;
      for (let i = 0; i < w[3] + w[4]; i++) bytes += w[7] * elementBytes[w[10 + 2 * i]];
      return { flops: 0, bytes };
    }
    case 3: {
      const [m, n, k] = [w[3], w[4], w[5]];
      let batch = 1;
      for (let d = 0; d < w[14]; d++) batch *= w[19 + d];
      return { flops: 2 * batch * m * n * k, bytes: batch * (m * k + k * n + m * n) * elementBytes[w[2]] };
    }
    case 4:
    case 5:
    case 6: {
      const [n, cin, h, width, cout, kh, kw] = [w[3], w[4], w[5], w[6], w[7], w[8], w[9]];
      const outputs = n * cout * w[17] * w[18];
      const taps = (cin / w[16]) * kh * kw;
      return { flops: 2 * outputs * taps, bytes: (n * cin * h * width + cout * taps + outputs) * elementBytes[w[2]] };
    }
    default:
      return { flops: 0, bytes: 0 };
  }
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
  const observe: ExecutionObserver = (name, begin, end, words) => {
    let row = rows.get(name);
    if (row === undefined) rows.set(name, (row = { name, calls: 0, ms: 0, bytes: 0, flops: 0, share: 0 }));
    const { flops, bytes } = workOf(words);
    row.calls++;
    row.ms += end - begin;
    row.flops += flops;
    row.bytes += bytes;
    events.push({ name, begin: begin - origin, ms: end - begin });
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
 * `fathom/io`'s saveTrace opens in a browser's performance viewer. What `fn` returns is dropped. Profiles do not nest: the inner one takes over.
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
