// Scatter with a reduction: scatterReduce and indexReduce, with gradients.

import { mustRecord, record } from '../autograd/node.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { normalizeDim, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { clampMin, div, eq, logicalAnd, mul, where } from './elementwise.ts';
import { checkIndex, checkScatter, gatherForSource, scatter, scatterAdd, scatterRaw, writeBack } from './gather.ts';
import type { ScatterMode } from './gather-raw.ts';
import { copy, copyInto, empty, fill } from './raw.ts';
import { expand, reshape } from './view.ts';

const modes = { sum: 'add', prod: 'mul', mean: 'add', amax: 'max', amin: 'min' } as const satisfies Record<string, ScatterMode>;
/** How scatterReduce combines the values that meet in one place. */
export type ScatterReduction = keyof typeof modes;

export interface ScatterReduceOptions {
  /** The value that is there takes part. */
  includeSelf?: boolean;
}

const filled = (like: Tensor, value: number): Tensor => {
  const t = empty(like.shape, like.dtype);
  fill(t, value);
  return t;
};
const castLike = (mask: Tensor, like: Tensor): Tensor => to(mask, like.dtype);

/** How many values meet in each place of `x` (at least 1). */
function counts(x: Tensor, d: number, idx: Tensor, src: Tensor, includeSelf: boolean): Tensor {
  const n = filled(x, includeSelf ? 1 : 0);
  scatterRaw('scatterReduce', 'add', n, d, idx, filled(src, 1));
  return clampMin(n, 1);
}

function forward(x: Tensor, d: number, idx: Tensor, src: Tensor, reduce: ScatterReduction, includeSelf: boolean): Tensor {
  const out = copy(x);
  if (!includeSelf && idx.numel > 0) {
    // start from the neutral value; for extremes any of the values that meet will do
    const start = reduce === 'sum' || reduce === 'mean' ? filled(src, 0) : reduce === 'prod' ? filled(src, 1) : src;
    scatterRaw('scatterReduce', 'set', out, d, idx, start);
  }
  scatterRaw('scatterReduce', modes[reduce], out, d, idx, src);
  if (reduce !== 'mean') return out;
  const n = counts(x, d, idx, src, includeSelf);
  const mean = div(out, n, { roundingMode: isFloating(x.dtype) ? null : 'floor' });
  if (mean.dtype !== out.dtype) copyInto(out, mean);
  return mean.dtype === out.dtype ? mean : out;
}

type Gradients = { self: Tensor; source: Tensor };

function prodBackward(g: Tensor, x: Tensor, idx: Tensor, src: Tensor, y: Tensor, d: number, includeSelf: boolean): Gradients {
  const again = (a: Tensor, s: Tensor): Tensor => scatterReduce(a, d, idx, s, 'prod', { includeSelf });
  const safeSelf = where(eq(x, 0), 1, x);
  const self = div(mul(g, again(safeSelf, src)), safeSelf);
  // A zero in src leaves a gradient only where it is the only one: then it is the product of the others.
  const isZero = eq(src, 0);
  const zeros = gatherForSource(scatterAdd(filled(x, 0), d, idx, castLike(isZero, src)), d, idx, src.shape);
  const single = logicalAnd(isZero, eq(zeros, 1));
  const others = again(x, where(single, 1, src));
  const usual = div(gatherForSource(mul(g, y), d, idx, src.shape), where(isZero, 1, src));
  return { self, source: where(single, gatherForSource(mul(g, others), d, idx, src.shape), usual) };
}

function extremeBackward(g: Tensor, x: Tensor, idx: Tensor, src: Tensor, y: Tensor, d: number, includeSelf: boolean): Gradients {
  const wins = castLike(eq(src, gatherForSource(y, d, idx, src.shape)), src);
  const selfWins = castLike(eq(x, y), x);
  const start = includeSelf ? selfWins : scatter(selfWins, d, idx, 0);
  const share = div(g, clampMin(scatterAdd(start, d, idx, wins), 1));
  return { self: mul(selfWins, share), source: mul(wins, gatherForSource(share, d, idx, src.shape)) };
}

function gradients(
  reduce: ScatterReduction,
  g: Tensor,
  x: Tensor,
  idx: Tensor,
  src: Tensor,
  y: Tensor,
  d: number,
  includeSelf: boolean,
): Gradients {
  switch (reduce) {
    case 'sum':
      return { self: g, source: gatherForSource(g, d, idx, src.shape) };
    case 'mean': {
      const share = div(g, counts(x, d, idx, src, includeSelf));
      return { self: share, source: gatherForSource(share, d, idx, src.shape) };
    }
    case 'prod':
      return prodBackward(g, x, idx, src, y, d, includeSelf);
    default:
      return extremeBackward(g, x, idx, src, y, d, includeSelf);
  }
}

/**
 * A copy of `x` where all values of `src` with the same position along `dim` are reduced into that position; `reduce` is 'sum', 'prod',
 * 'mean', 'amax' or 'amin'.
 */
export function scatterReduce(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  reduce: ScatterReduction,
  { includeSelf = true }: ScatterReduceOptions = {},
): Tensor {
  if (!Object.hasOwn(modes, reduce))
    throw new ValueError(`scatterReduce: reduce '${String(reduce)}' is unknown; use ${Object.keys(modes).join(', ')}`);
  const d = normalizeDim('scatterReduce', dim, x.ndim);
  const idx = checkScatter('scatterReduce', x, d, index, src);
  const out = forward(x, d, idx, src, reduce, includeSelf);
  if (isFloating(x.dtype) && mustRecord([x, src])) {
    const saved = reduce === 'sum' ? [idx, src] : reduce === 'mean' ? [idx, src, x] : [idx, src, x, out];
    record('scatterReduce', [x, src], [out], saved, ([g], [i, s, x_, y], node) => {
      if (g === null) return [null, null];
      const r = gradients(reduce, g, x_ ?? x, i, s, y ?? g, d, includeSelf);
      const self = includeSelf || i.numel === 0 ? r.self : scatter(r.self, d, i, 0);
      return [node.needs(0) ? self : null, node.needs(1) ? r.source : null];
    });
  }
  return out;
}

/**
 * A copy of `x` where the slices of `source` along `dim` with the same position in `index` are reduced into that slice; `reduce` is 'prod',
 * 'mean', 'amax' or 'amin'.
 */
export function indexReduce(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  reduce: ScatterReduction,
  options: ScatterReduceOptions = {},
): Tensor {
  const d = normalizeDim('indexReduce', dim, x.ndim);
  if (index.ndim > 1) throw new ShapeError(`indexReduce: the index has shape ${show(index.shape)}; it must be 1-d`);
  if ((source.shape[d] ?? 1) !== index.numel)
    throw new ShapeError(
      `indexReduce: source has size ${source.shape[d] ?? 1} along dim ${d} and the index has ${index.numel} element(s); they must be equal`,
    );
  const idx = checkIndex('indexReduce', index);
  const column = reshape(
    idx,
    source.shape.map((n, i) => (i === d ? n : 1)),
  );
  return scatterReduce(x, d, expand(column, source.shape), source, reduce, options);
}

export const gatherReduceMethods = {
  scatterReduce,
  indexReduce,
  scatterReduce_: writeBack(scatterReduce),
  indexReduce_: writeBack(indexReduce),
};
