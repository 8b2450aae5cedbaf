// Compares what the library gave with what a case expects, and says in one line where they differ most.

import { ComplexValue } from './decode.ts';
import { ft, type Tensor } from './library.ts';
import type { HostArray } from './tensors.ts';
import { PyFloat } from './values.ts';

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
  /** Integer results may differ by this much. */
  readonly intAtol: number;
  readonly mode: 'value' | 'abs' | 'set' | 'shape';
}

/** A difference: where, how large, and what stands around it. */
export interface Difference {
  readonly what: string;
  readonly message: string;
  readonly error: number;
}

const show = (shape: readonly number[]): string => `[${shape.join(', ')}]`;
const isFloat = (dtype: string): boolean => dtype.startsWith('float') || dtype === 'bfloat16';
const digits = (v: number | bigint): string =>
  typeof v === 'bigint' || Number.isInteger(v) ? String(v) : Number(v.toPrecision(8)).toString();

export const hostOf = (t: Tensor): HostArray => ({ dtype: t.dtype, shape: [...t.shape], data: ft.dataSync(t) });

/** Position of a flat index. */
function position(i: number, shape: readonly number[]): string {
  const out: number[] = [];
  let rest = i;
  for (let d = shape.length - 1; d >= 0; d--) {
    out.unshift(rest % shape[d]);
    rest = Math.floor(rest / shape[d]);
  }
  return show(out);
}

const around = (data: ArrayLike<number | bigint>, i: number): string => {
  const from = Math.max(0, Math.min(i - 2, data.length - 5));
  return Array.from({ length: Math.min(5, data.length - from) }, (_, k) => digits(data[from + k])).join(' ');
};

/** |got - want| and whether it is within tolerance. NaN equals NaN, infinities by sign. */
function floatError(got: number, want: number, { rtol, atol }: Tolerance): { ok: boolean; error: number } {
  if (Number.isNaN(want) || Number.isNaN(got)) return { ok: Number.isNaN(want) && Number.isNaN(got), error: Number.POSITIVE_INFINITY };
  if (!Number.isFinite(want) || !Number.isFinite(got)) return { ok: got === want, error: Number.POSITIVE_INFINITY };
  const error = Math.abs(got - want);
  return { ok: error <= atol + rtol * Math.abs(want), error };
}

export function compareArrays(what: string, got: HostArray, want: HostArray, tol: Tolerance): Difference | null {
  const differ = (message: string, error = Number.POSITIVE_INFINITY): Difference => ({ what, message, error });
  if (got.dtype !== want.dtype) return differ(`dtype ${got.dtype} instead of ${want.dtype}`);
  if (got.shape.length !== want.shape.length || got.shape.some((d, i) => d !== want.shape[i]))
    return differ(`shape ${show(got.shape)} instead of ${show(want.shape)}`);
  if (tol.mode === 'shape') return null;
  let wrong = 0;
  let worst = -1;
  let worstError = -1;
  const float = isFloat(want.dtype);
  for (let i = 0; i < want.data.length; i++) {
    let g: number | bigint = got.data[i];
    let w: number | bigint = want.data[i];
    let ok: boolean;
    let error: number;
    if (float) {
      [g, w] = [Number(g), Number(w)];
      if (tol.mode === 'abs') [g, w] = [Math.abs(g), Math.abs(w)];
      ({ ok, error } = floatError(g, w, tol));
    } else {
      if (tol.mode === 'abs') [g, w] = [g < 0 ? -g : g, w < 0 ? -w : w];
      error = g === w ? 0 : Math.abs(Number(g) - Number(w)) || 1;
      ok = error <= tol.intAtol;
    }
    if (ok) continue;
    wrong++;
    if (error > worstError) [worst, worstError] = [i, error];
  }
  if (wrong === 0) return null;
  return differ(
    `${wrong} of ${want.data.length} elements of ${show(want.shape)} differ, most at ${position(worst, want.shape)}: ` +
      `expected ${digits(want.data[worst])}, got ${digits(got.data[worst])}` +
      (want.data.length > 1 ? ` (around it: expected ${around(want.data, worst)}, got ${around(got.data, worst)})` : ''),
    worstError,
  );
}

/** Complex values along the last axis in any order: each expected one takes the nearest that is left. */
function compareSet(what: string, got: readonly HostArray[], want: readonly HostArray[], tol: Tolerance): Difference | null {
  for (let p = 0; p < want.length; p++) {
    const d = compareArrays(what, got[p], want[p], { ...tol, mode: 'shape' });
    if (d !== null) return d;
  }
  const n = want[0].shape[want[0].shape.length - 1] ?? 1;
  const at = (a: readonly HostArray[], i: number): number[] => a.map((x) => Number(x.data[i]));
  for (let row = 0; row < want[0].data.length; row += n) {
    const left = Array.from({ length: n }, (_, k) => row + k);
    for (let i = row; i < row + n; i++) {
      const w = at(want, i);
      let best = -1;
      let bestError = Number.POSITIVE_INFINITY;
      left.forEach((j, k) => {
        const error = Math.hypot(...at(got, j).map((g, p) => g - w[p]));
        if (error < bestError) [best, bestError] = [k, error];
      });
      if (!(bestError <= tol.atol + tol.rtol * Math.hypot(...w)))
        return { what, message: `no result is near ${w.map(digits).join(' + i ')} (row ${row / n})`, error: bestError };
      left.splice(best, 1);
    }
  }
  return null;
}

const describe = (v: unknown): string => {
  if (v instanceof ft.Tensor) return `a tensor of shape ${show(v.shape)} and dtype ${v.dtype}`;
  if (isHost(v)) return `a tensor of shape ${show(v.shape)} and dtype ${v.dtype}`;
  if (v instanceof PyFloat) return `the float ${v.value}`;
  const text = JSON.stringify(v) ?? String(v);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
};

export const isHost = (v: unknown): v is HostArray => typeof v === 'object' && v !== null && 'data' in v && 'shape' in v && 'dtype' in v;

/** Compares one result that may be a tensor, a number, a boolean, a string, null or nested lists of these. */
export function compareValue(what: string, got: unknown, want: unknown, tol: Tolerance): Difference | null {
  const differ = (error = Number.POSITIVE_INFINITY): Difference => ({
    what,
    message: `expected ${describe(want)}, got ${describe(got)}`,
    error,
  });
  if (want === null || want === undefined) return got === null || got === undefined ? null : differ();
  if (isHost(want)) {
    if (!(got instanceof ft.Tensor)) return differ();
    const host = hostOf(got);
    return tol.mode === 'set' ? compareSet(what, [host], [want], tol) : compareArrays(what, host, want, tol);
  }
  if (got instanceof ft.Tensor) return differ();
  if (typeof want === 'number' || want instanceof PyFloat) {
    if (typeof got !== 'number') return differ();
    if (tol.mode === 'shape') return null;
    const { ok, error } = floatError(got, want instanceof PyFloat ? want.value : want, tol);
    return ok ? null : differ(error);
  }
  if (Array.isArray(want)) {
    if (!Array.isArray(got) || got.length !== want.length) return differ();
    for (let i = 0; i < want.length; i++) {
      const d = compareValue(`${what}[${i}]`, got[i], want[i], tol);
      if (d !== null) return d;
    }
    return null;
  }
  return got === want ? null : differ();
}

const holdsTensor = (v: unknown): boolean => v instanceof ft.Tensor || (Array.isArray(v) && v.some(holdsTensor));
const isPlain = (v: unknown): v is Record<string, unknown> =>
  typeof v === 'object' && v !== null && Object.getPrototypeOf(v) === Object.prototype;

/** The results of a call as PyTorch would list them: lists depth first, named results in their order, a plain list of numbers as one. */
export function flattenResult(v: unknown, out: unknown[] = []): unknown[] {
  if (Array.isArray(v) && holdsTensor(v)) for (const x of v) flattenResult(x, out);
  else if (isPlain(v)) {
    for (const x of Object.values(v)) if (x !== undefined) flattenResult(x, out);
  } else out.push(v ?? null);
  return out;
}

/** Compares a list of results. A complex one takes two of ours, real and imaginary part. */
export function compareResults(got: readonly unknown[], want: readonly unknown[], tol: Tolerance): Difference | null {
  const need = want.reduce((n: number, w) => n + (w instanceof ComplexValue ? 2 : 1), 0);
  if (got.length !== need)
    return {
      what: 'out',
      message: `expected ${need} result(s), got ${got.length}: ${got.map(describe).join(', ')}`,
      error: Number.POSITIVE_INFINITY,
    };
  let at = 0;
  for (let i = 0; i < want.length; i++) {
    const w = want[i];
    const what = `out.${i}`;
    let d: Difference | null;
    if (w instanceof ComplexValue) {
      const [re, im] = [got[at++], got[at++]];
      if (!(re instanceof ft.Tensor && im instanceof ft.Tensor))
        return { what, message: 'expected a pair of real tensors', error: Number.POSITIVE_INFINITY };
      const pair = [hostOf(re), hostOf(im)];
      d =
        tol.mode === 'set'
          ? compareSet(what, pair, [w.re, w.im], tol)
          : (compareArrays(`${what}.re`, pair[0], w.re, tol) ?? compareArrays(`${what}.im`, pair[1], w.im, tol));
    } else d = compareValue(what, got[at++], w, tol);
    if (d !== null) return d;
  }
  return null;
}

/** A gradient: null stands for zeros. */
export function compareGradient(what: string, got: Tensor | null, want: HostArray | null, tol: Tolerance): Difference | null {
  const gradTol: Tolerance = { ...tol, mode: tol.mode === 'shape' ? 'shape' : 'value' };
  if (want === null) {
    if (got === null) return null;
    const host = hostOf(got);
    return compareArrays(what, host, { ...host, data: new Float64Array(host.data.length) }, gradTol);
  }
  if (got !== null) return compareArrays(what, hostOf(got), want, gradTol);
  const zeros = { ...want, data: new Float64Array(want.data.length) };
  const d = compareArrays(what, zeros, want, gradTol);
  return d === null ? null : { ...d, message: `no gradient; ${d.message}` };
}
