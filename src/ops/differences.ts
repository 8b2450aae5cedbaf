// Finite differences and integrals over sampled functions: diff, gradient, trapezoid rule.

import { ShapeError, ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { normalizeDim, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { tensor } from './create.ts';
import { add, div, logicalXor, mul, sub } from './elementwise.ts';
import { cat } from './join.ts';
import { sum } from './reduce.ts';
import { cumsum } from './scan.ts';
import { clone, narrow, reshape } from './view.ts';

export interface DiffOptions {
  /** How often to take differences. */
  n?: number;
  dim?: number;
  /** Values put in front of (behind) `x` along the dimension first. */
  prepend?: Tensor | null;
  append?: Tensor | null;
}

/** x[i + 1] - x[i] along a dimension, n times (exclusive or, for bool). */
export function diff(x: Tensor, { n = 1, dim = -1, prepend = null, append = null }: DiffOptions = {}): Tensor {
  if (x.ndim === 0) throw new ShapeError('diff: a 0-d tensor has no neighbours; use reshape([1]) first');
  if (!Number.isInteger(n) || n < 0) throw new ValueError(`diff: n ${n} must be a whole number of at least 0`);
  const d = normalizeDim('diff', dim, x.ndim);
  const parts = [prepend, x, append].filter((t): t is Tensor => t !== null);
  let out = parts.length === 1 ? x : cat(parts, d);
  if (n === 0) return out === x ? clone(x) : out;
  for (let k = 0; k < n; k++) {
    const size = out.shape[d];
    const length = Math.max(size - 1, 0);
    const [later, earlier] = [narrow(out, d, Math.min(1, size), length), narrow(out, d, 0, length)];
    out = out.dtype === 'bool' ? logicalXor(later, earlier) : sub(later, earlier);
  }
  return out;
}

// ---------------------------------------------------------------- integrals

export interface TrapezoidOptions {
  /** Where the samples were taken: a tensor that broadcasts with y. */
  x?: Tensor | null;
  /** Distance of the samples, when x is not given. */
  dx?: number;
  dim?: number;
}

/** Areas under the line between neighbouring samples along `d`. */
function areas(name: string, y: Tensor, d: number, x: Tensor | null, dx: number): Tensor {
  const n = y.shape[d];
  const pairs = Math.max(n - 1, 0);
  const heights = add(narrow(y, d, 0, pairs), narrow(y, d, Math.min(1, n), pairs));
  if (x === null) return mul(heights, dx / 2);
  let at = x;
  if (x.ndim === 1 && y.ndim > 1) {
    if (x.shape[0] !== n)
      throw new ShapeError(`${name}: x has ${x.shape[0]} sample(s), but dimension ${d} of y (shape ${show(y.shape)}) has ${n}`);
    at = reshape(
      x,
      y.shape.map((_, i) => (i === d ? n : 1)),
    );
  }
  while (at.ndim < y.ndim) at = reshape(at, [1, ...at.shape]);
  const size = at.shape[at.ndim - y.ndim + d];
  if (size !== n && size !== 1)
    throw new ShapeError(`${name}: x has shape ${show(x.shape)} and y ${show(y.shape)}; they must agree along dimension ${d}`);
  const widths = diff(at, { dim: at.ndim - y.ndim + d });
  return div(mul(heights, size === 1 ? 0 : widths), 2);
}

const source = (y: Tensor): Tensor => (isFloating(y.dtype) ? y : to(y, 'float32'));

/** Integral of samples `y` along a dimension by the trapezoid rule. */
export function trapezoid(y: Tensor, { x = null, dx = 1, dim = -1 }: TrapezoidOptions = {}): Tensor {
  const d = normalizeDim('trapezoid', dim, y.ndim);
  return sum(areas('trapezoid', source(y), d, x, dx), { dim: d - y.ndim });
}
/** Another name of trapezoid. */
export const trapz = trapezoid;
/** The running integral of samples `y` along a dimension by the trapezoid rule: one value fewer than samples. */
export function cumulativeTrapezoid(y: Tensor, { x = null, dx = 1, dim = -1 }: TrapezoidOptions = {}): Tensor {
  const d = normalizeDim('cumulativeTrapezoid', dim, y.ndim);
  return cumsum(areas('cumulativeTrapezoid', source(y), d, x, dx), d - y.ndim);
}

// ---------------------------------------------------------------- derivatives

export interface GradientOptions {
  /** Distance of the samples: one number, or for each dimension a number or the 1-d coordinates. */
  spacing?: number | readonly (number | Tensor)[];
  dim?: number | readonly number[] | null;
  /** Order of accuracy at the ends: 1 or 2. */
  edgeOrder?: 1 | 2;
}

/** Derivative along one dimension by second-order differences at coordinates `at` (Fornberg's weights for three points). */
function derivative(x: Tensor, d: number, spacing: number | Tensor, edgeOrder: 1 | 2): Tensor {
  const n = x.shape[d];
  if (n < edgeOrder + 1)
    throw new ShapeError(
      `gradient: dimension ${d} of shape ${show(x.shape)} needs at least ${edgeOrder + 1} samples for edgeOrder ${edgeOrder}`,
    );
  const steps =
    typeof spacing === 'number'
      ? new Array<number>(n - 1).fill(spacing)
      : spacing
          .numbersSync()
          .slice(1)
          .map((v, i, all) => v - (i === 0 ? spacing.numbersSync()[0] : all[i - 1]));
  const column = (values: number[]): Tensor =>
    reshape(
      tensor(Float64Array.from(values), { dtype: x.dtype }),
      x.shape.map((_, i) => (i === d ? values.length : 1)),
    );
  const at = (start: number, length: number): Tensor => narrow(x, d, start, length);
  const weighted = (parts: [Tensor, number[]][]): Tensor => parts.map(([t, w]) => mul(t, column(w))).reduce((a, b) => add(a, b));
  const edge = (first: number, direction: 1 | -1): Tensor => {
    // direction 1: from the left end; -1: from the right end, where the weights change sign
    const h1 = direction === 1 ? steps[0] : steps[n - 2];
    if (edgeOrder === 1) return direction === 1 ? div(sub(at(1, 1), at(0, 1)), h1) : div(sub(at(n - 1, 1), at(n - 2, 1)), h1);
    const h2 = direction === 1 ? steps[1] : steps[n - 3];
    const w = [-(2 * h1 + h2) / (h1 * (h1 + h2)), (h1 + h2) / (h1 * h2), -h1 / (h2 * (h1 + h2))];
    return weighted(w.map((v, i) => [at(first + direction * i, 1), [direction * v]] as [Tensor, number[]]));
  };
  const inner: Tensor[] = [];
  if (n > 2) {
    const [left, middle, right]: number[][] = [[], [], []];
    for (let i = 1; i < n - 1; i++) {
      const [h1, h2] = [steps[i - 1], steps[i]];
      left.push(-h2 / (h1 * (h1 + h2)));
      middle.push((h2 - h1) / (h1 * h2));
      right.push(h1 / (h2 * (h1 + h2)));
    }
    inner.push(
      weighted([
        [at(0, n - 2), left],
        [at(1, n - 2), middle],
        [at(2, n - 2), right],
      ]),
    );
  }
  return cat([edge(0, 1), ...inner, edge(n - 1, -1)], d);
}

/** Numerical derivatives along the given dimensions (all by default), one tensor each. */
export function gradient(x: Tensor, { spacing = 1, dim = null, edgeOrder = 1 }: GradientOptions = {}): Tensor[] {
  const from = source(x);
  const dims = (dim === null ? x.shape.map((_, i) => i) : typeof dim === 'number' ? [dim] : dim).map((d) =>
    normalizeDim('gradient', d, x.ndim),
  );
  if (edgeOrder !== 1 && edgeOrder !== 2) throw new ValueError(`gradient: edgeOrder ${String(edgeOrder)} must be 1 or 2`);
  const list = typeof spacing === 'number' ? dims.map(() => spacing) : spacing;
  if (list.length !== dims.length)
    throw new ShapeError(`gradient: ${list.length} spacing(s) for ${dims.length} dimension(s); give one for each`);
  return dims.map((d, i) => {
    const h = list[i];
    if (h instanceof Tensor && (h.ndim !== 1 || h.numel !== x.shape[d]))
      throw new ShapeError(
        `gradient: the coordinates have shape ${show(h.shape)}; dimension ${d} of shape ${show(x.shape)} needs [${x.shape[d]}]`,
      );
    return derivative(from, d, h, edgeOrder);
  });
}

export const differenceMethods = { diff };
