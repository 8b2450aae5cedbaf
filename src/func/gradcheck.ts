// Checks gradients against central differences in float64: the tool for custom functions and new operations.

import { grad } from '../autograd/engine.ts';
import { enableGrad, isGradEnabled } from '../autograd/mode.ts';
import { fromTyped } from '../ops/create.ts';
import { alias, fill } from '../ops/raw.ts';
import { numbersSync } from '../ops/read.ts';
import { GradError, ValueError } from '../runtime/errors.ts';
import { philox } from '../runtime/random.ts';
import { isFloating } from '../tensor/dtype.ts';
import { type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { resultTensors } from './tree.ts';

export interface GradcheckOptions {
  /** Step of the differences. Default 1e-6. */
  eps?: number;
  /** Allowed absolute difference. Default 1e-5. */
  atol?: number;
  /** Allowed difference relative to the numeric value. Default 1e-3. */
  rtol?: number;
  /** 'full' compares every entry of the Jacobian; 'projection' three random projections of it, which costs two calls each. */
  mode?: 'full' | 'projection';
  /** Throw a GradError with the report when the check fails (default), else give false. */
  raiseException?: boolean;
}

/** The entry that is furthest beyond its tolerance. */
export interface WorstEntry {
  readonly output: number;
  readonly input: number;
  /** Index in the output and in the input; null for projections. */
  readonly outputIndex: readonly number[] | null;
  readonly inputIndex: readonly number[] | null;
  readonly analytic: number;
  readonly numeric: number;
}

export interface GradcheckReport {
  readonly passed: boolean;
  /** Entries that were compared, and how many of them differ. */
  readonly compared: number;
  readonly differ: number;
  readonly worst: WorstEntry | null;
  /** The report as a sentence. */
  readonly message: string;
}

type CheckedFunction = (...inputs: Tensor[]) => unknown;

const unflat = (at: number, shape: Shape): number[] => {
  const index = new Array<number>(shape.length);
  let rest = at;
  for (let d = shape.length - 1; d >= 0; d--) {
    index[d] = rest % shape[d];
    rest = Math.floor(rest / shape[d]);
  }
  return index;
};

/** Numbers from -1 to 1, the same for the same stream; the default generator is left alone. */
function randomNumbers(n: number, stream: number): Float64Array {
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const [a, b] = philox(0x6d61746368 + stream, i);
    out[i] = ((a >>> 5) * 67108864 + (b >>> 6)) / 4503599627370496 - 1;
  }
  return out;
}

/** Place in the storage of every element in row-major order, relative to the first. */
function places(t: Tensor): number[] {
  return Array.from({ length: t.numel }, (_, i) => unflat(i, t.shape).reduce((p, k, d) => p + k * t.strides[d], 0));
}

class Checker {
  readonly fn: CheckedFunction;
  readonly inputs: readonly Tensor[];
  readonly name: string;
  /** Positions of the inputs that are checked. */
  readonly checked: number[];

  constructor(name: string, fn: CheckedFunction, inputs: readonly Tensor[]) {
    this.name = name;
    this.fn = fn;
    this.inputs = inputs;
    this.checked = inputs.flatMap((t, i) => (t instanceof Tensor && t.requiresGrad ? [i] : []));
    if (this.checked.length === 0) throw new ValueError(`${name}: no input requires gradients; set requiresGrad on those to check`);
    for (const i of this.checked) {
      const t = inputs[i];
      if (t.dtype !== 'float64')
        throw new ValueError(`${name}: input ${i} is ${t.dtype}; differences need float64, cast it with .to('float64')`);
      if (t.strides.some((s, d) => s === 0 && t.shape[d] > 1))
        throw new ValueError(`${name}: elements of input ${i} share memory (strides ${show(t.strides)}); expand it inside the function`);
    }
  }

  /** Floating-point results. */
  outputs(): Tensor[] {
    return resultTensors(this.name, this.fn(...this.inputs)).filter((t) => isFloating(t.dtype));
  }

  /** All numbers of the results. Recorded as usual, because the function may take gradients itself. */
  values(): number[] {
    return this.outputs().flatMap((t) => numbersSync(t));
  }

  /** Values with the elements of input `i` moved by `steps` (by flat position). */
  moved(i: number, steps: ReadonlyMap<number, number>): number[] {
    const t = this.inputs[i];
    const place = places(t);
    const old = numbersSync(t);
    const write = (k: number, v: number): void => fill(alias(t, [], [], t.offset + place[k]), v);
    try {
      for (const [k, d] of steps) write(k, old[k] + d);
      return this.values();
    } finally {
      for (const k of steps.keys()) write(k, old[k]);
    }
  }

  gradients(outs: readonly Tensor[], weights: readonly Tensor[]): (Tensor | null)[] {
    const used = outs.map((_, k) => k).filter((k) => outs[k].requiresGrad);
    const wanted = this.checked.map((i) => this.inputs[i]);
    if (used.length === 0) return wanted.map(() => null);
    const gs = grad(
      used.map((k) => outs[k]),
      wanted,
      { gradOutputs: used.map((k) => weights[k]), retainGraph: true, allowUnused: true },
    );
    gs.forEach((g, k) => {
      const t = wanted[k];
      if (g !== null && (!sameShape(g.shape, t.shape) || g.dtype !== t.dtype))
        throw new GradError(
          `${this.name}: the gradient of input ${this.checked[k]} is ${g.dtype} of shape ${show(g.shape)}, the input ${t.dtype} of shape ${show(t.shape)}`,
        );
    });
    return gs;
  }
}

const float64 = (values: Float64Array, shape: Shape): Tensor => fromTyped(values, shape);

/** Compares gradients with differences and tells what was found. */
export function gradcheckReport(
  fn: CheckedFunction,
  inputs: Tensor | readonly Tensor[],
  { eps = 1e-6, atol = 1e-5, rtol = 1e-3, mode = 'full' }: GradcheckOptions = {},
  name = 'gradcheck',
): GradcheckReport {
  if (mode !== 'full' && mode !== 'projection')
    throw new ValueError(`${name}: mode '${String(mode)}' is unknown; use 'full' or 'projection'`);
  const c = new Checker(name, fn, inputs instanceof Tensor ? [inputs] : inputs);
  const outs = c.outputs();
  const first = c.values();
  const again = c.values();
  if (first.length !== again.length || first.some((v, i) => !Object.is(v, again[i])))
    throw new GradError(`${name}: the function gave two different results for the same inputs; seed its random numbers inside`);

  let compared = 0;
  let differ = 0;
  let excess = -Infinity;
  let worst: WorstEntry | null = null;
  const compare = (entry: WorstEntry): void => {
    compared++;
    const off = Math.abs(entry.analytic - entry.numeric);
    const beyond = Number.isNaN(off) ? Infinity : off - (atol + rtol * Math.abs(entry.numeric));
    if (beyond > 0) differ++;
    if (beyond > excess) {
      excess = beyond;
      worst = entry;
    }
  };

  const starts = outs.map((_, k) => outs.slice(0, k).reduce((n, t) => n + t.numel, 0));
  if (mode === 'projection') {
    for (let round = 0; round < 3; round++) {
      const weights = outs.map((t, k) => randomNumbers(t.numel, 1000 * round + k));
      const gs = c.gradients(
        outs,
        weights.map((w, k) => float64(w, outs[k].shape)),
      );
      c.checked.forEach((i, at) => {
        const direction = randomNumbers(c.inputs[i].numel, 1000 * round + 500 + i);
        const step = (sign: number): number[] => c.moved(i, new Map(Array.from(direction, (d, k) => [k, sign * eps * d])));
        const [up, down] = [step(1), step(-1)];
        const g = gs[at] === null ? null : numbersSync(gs[at]);
        const analytic = direction.reduce((s, d, k) => s + d * (g?.[k] ?? 0), 0);
        const numeric = weights.reduce(
          (s, w, k) => s + w.reduce((p, v, m) => p + (v * (up[starts[k] + m] - down[starts[k] + m])) / (2 * eps), 0),
          0,
        );
        compare({ output: -1, input: i, outputIndex: null, inputIndex: null, analytic, numeric });
      });
    }
  } else {
    // rows[output element][checked input] of the Jacobian
    const rows = outs.flatMap((t, k) =>
      Array.from({ length: t.numel }, (_, m) => {
        const weights = outs.map((o, j) => {
          const w = new Float64Array(o.numel);
          if (j === k) w[m] = 1;
          return float64(w, o.shape);
        });
        return c.gradients(outs, weights).map((g) => (g === null ? null : numbersSync(g)));
      }),
    );
    c.checked.forEach((i, at) => {
      const x = c.inputs[i];
      for (let n = 0; n < x.numel; n++) {
        const [up, down] = [c.moved(i, new Map([[n, eps]])), c.moved(i, new Map([[n, -eps]]))];
        outs.forEach((t, k) => {
          for (let m = 0; m < t.numel; m++) {
            const row = starts[k] + m;
            compare({
              output: k,
              input: i,
              outputIndex: unflat(m, t.shape),
              inputIndex: unflat(n, x.shape),
              analytic: rows[row][at]?.[n] ?? 0,
              numeric: (up[row] - down[row]) / (2 * eps),
            });
          }
        });
      }
    });
  }
  return { passed: differ === 0, compared, differ, worst, message: describe(name, c.inputs, outs, compared, differ, worst) };
}

function describe(
  name: string,
  inputs: readonly Tensor[],
  outs: readonly Tensor[],
  compared: number,
  differ: number,
  worst: WorstEntry | null,
): string {
  if (differ === 0 || worst === null) return `${name}: ${compared} entr${compared === 1 ? 'y agrees' : 'ies agree'} with differences`;
  const { output, input, outputIndex, inputIndex, analytic, numeric } = worst;
  const where =
    outputIndex === null || inputIndex === null
      ? `a random projection of the gradient of input ${input} (shape ${show(inputs[input].shape)})`
      : `the derivative of output ${output} at ${show(outputIndex)} (shape ${show(outs[output].shape)}) with respect to input ${input} at ${show(inputIndex)} (shape ${show(inputs[input].shape)})`;
  return `${name}: ${differ} of ${compared} entries differ; worst: ${where} is ${analytic} by backward and ${numeric} by differences (off by ${Math.abs(analytic - numeric).toPrecision(3)})`;
}

function finish(report: GradcheckReport, raise: boolean): boolean {
  if (!report.passed && raise) throw new GradError(report.message);
  return report.passed;
}

/**
 * Compares the gradients of `fn(...inputs)` with central differences, for the inputs (float64) that require gradients. True when all agree;
 * else a GradError that names the worst entry, or false with `raiseException: false`.
 */
export const gradcheck = (fn: CheckedFunction, inputs: Tensor | readonly Tensor[], options: GradcheckOptions = {}): boolean =>
  finish(gradcheckReport(fn, inputs, options), options.raiseException ?? true);

/** As gradcheck for second derivatives: checks the gradients of the gradients, weighted by `gradOutputs` (random numbers by default). */
export function gradgradcheck(
  fn: CheckedFunction,
  inputs: Tensor | readonly Tensor[],
  { gradOutputs, ...options }: GradcheckOptions & { gradOutputs?: readonly Tensor[] } = {},
): boolean {
  const list = inputs instanceof Tensor ? [inputs] : [...inputs];
  const c = new Checker('gradgradcheck', fn, list);
  const outs = c.outputs();
  const used = outs.map((_, k) => k).filter((k) => outs[k].requiresGrad);
  if (used.length === 0) throw new ValueError('gradgradcheck: no output depends on an input that requires gradients');
  const weights = gradOutputs ?? used.map((k, at) => float64(randomNumbers(outs[k].numel, at), outs[k].shape).requiresGrad_());
  const firstGradients: CheckedFunction = (...all) => {
    const xs = all.slice(0, list.length);
    const results = resultTensors(
      'gradgradcheck',
      enableGrad(() => fn(...xs)),
    ).filter((t) => isFloating(t.dtype));
    const gs = grad(
      used.map((k) => results[k]),
      c.checked.map((i) => xs[i]),
      { gradOutputs: all.slice(list.length), createGraph: isGradEnabled(), allowUnused: true },
    );
    return gs.filter((g) => g !== null);
  };
  return finish(gradcheckReport(firstGradients, [...list, ...weights], options, 'gradgradcheck'), options.raiseException ?? true);
}
