// Look-up of rows of a table by index, one by one or summed in bags. Gradients touch the rows that were used.

import { noGrad } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, IndexError, ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { checkingValues } from '../runtime/recording.ts';
import { isFloating } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { arange, fromTyped, ones, zeros } from './create.ts';
import { clampMin, copy_, div, gt, mul, ne, reciprocal, where } from './elementwise.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { checkIndex, indexAdd, indexAddZeros, indexCopy, indexFill, indexSelect } from './gather.ts';
import { indexReduce } from './gather-reduce.ts';
import { dense } from './raw.ts';
import { numbersSync } from './read.ts';
import { renorm } from './reduce-norm.ts';
import { where as choose, input, lt as lessThan, param } from './scalar.ts';
import { cumsum } from './scan.ts';
import { expand, flatten, narrow, reshape, unsqueeze } from './view.ts';

export interface EmbeddingOptions {
  /** Row whose gradient is 0; negative counts from the end. */
  paddingIdx?: number | null;
  /** Rows that are used are first scaled down, in place, to this norm at most. */
  maxNorm?: number | null;
  /** Order of that norm. */
  normType?: number;
  /** Divide the gradient of a row by how often it is used in the call. */
  scaleGradByFreq?: boolean;
}

// A negative index would count from the end: it is moved beyond the last row, where the kernels refuse it.
const rowIndex: ElementwiseOp = {
  name: 'rowIndex',
  doc: 'i, n where negative.',
  arity: 1,
  expr: choose(lessThan(input(0), 0), param(0), input(0)),
  dtype: 'same',
};

/** Runs a look-up; its IndexError names the index that is no row. */
function naming<T>(name: string, index: Tensor, rows: number, fn: () => T): T {
  try {
    return fn();
  } catch (e) {
    if (!(e instanceof IndexError)) throw e;
    const bad = checkingValues(() => numbersSync(index)).find((v) => v < 0 || v >= rows);
    throw new IndexError(`${name}: the index holds ${bad}, but the table has ${rows} row(s); use 0 to ${rows - 1}`);
  }
}

/** The index as a flat list of rows. */
function checkTable(name: string, index: Tensor, weight: Tensor): Tensor {
  if (weight.ndim !== 2) throw new ShapeError(`${name}: weight is ${show(weight.shape)}; expected [rows, D]`);
  if (!isFloating(weight.dtype)) throw new DTypeError(`${name}: weight is ${weight.dtype}; cast it with .to('float32')`);
  if (index.dtype === 'uint8') throw new DTypeError(`${name}: the index is uint8; cast it with .to('int64')`);
  return apply(rowIndex, [dense(flatten(checkIndex(name, index)))], [weight.shape[0]]);
}

function paddingRow(name: string, paddingIdx: number | null, rows: number): number | null {
  if (paddingIdx === null) return null;
  if (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows)
    throw new ValueError(`${name}: paddingIdx ${paddingIdx} is no row; use ${-rows} to ${rows - 1}`);
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
}

/** Scales the rows that `index` uses down to the norm, in place and outside of the graph. */
function limitRows(weight: Tensor, index: Tensor, maxNorm: number, normType: number): void {
  noGrad(() => {
    const rows = renorm(indexSelect(weight, 0, index), normType, 0, maxNorm);
    copy_(weight, indexCopy(weight, 0, index, rows));
  });
}

/** Rows of the table as [n, D], with the gradient that the options ask for. */
function lookUp(name: string, index: Tensor, weight: Tensor, padding: number | null, byFrequency: boolean): Tensor {
  if (padding === null && !byFrequency) return indexSelect(weight, 0, index);
  const out = noGrad(() => indexSelect(weight, 0, index));
  if (mustRecord([weight])) {
    record(name, [weight], [out], [index], ([g], [at]) => {
      if (g === null) return [null];
      let from = g;
      if (byFrequency) {
        const counts = indexAddZeros(ones([at.numel], { dtype: g.dtype }), [weight.shape[0]], 0, at);
        from = mul(g, unsqueeze(reciprocal(indexSelect(counts, 0, at)), 1));
      }
      const all = indexAddZeros(from, weight.shape, 0, at);
      return [padding === null ? all : indexFill(all, 0, fromTyped(BigInt64Array.of(BigInt(padding)), [1]), 0)];
    });
  }
  return out;
}

/** Rows of `weight` [rows, D] at the indices: index [...] (int64 or int32) -> [..., D]. IndexError for an index that is no row. */
export function embedding(
  index: Tensor,
  weight: Tensor,
  { paddingIdx = null, maxNorm = null, normType = 2, scaleGradByFreq = false }: EmbeddingOptions = {},
): Tensor {
  return composed(() => {
    const name = 'embedding';
    const at = checkTable(name, index, weight);
    const padding = paddingRow(name, paddingIdx, weight.shape[0]);
    const rows = naming(name, index, weight.shape[0], () => {
      if (maxNorm !== null && at.numel > 0) limitRows(weight, at, maxNorm, normType);
      return lookUp(name, at, weight, padding, scaleGradByFreq);
    });
    return reshape(rows, [...index.shape, weight.shape[1]]);
  });
}

export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** Where each bag starts in a 1-d index. */
  offsets?: Tensor | null;
  /** How a bag becomes one row. */
  mode?: 'sum' | 'mean' | 'max';
  /** Factor of each row, in the shape of the index; mode 'sum' only. */
  perSampleWeights?: Tensor | null;
  /** The last offset is the end of the last bag. */
  includeLastOffset?: boolean;
}

/** The bag of every position of the index, and the number of bags. */
function bagsOf(name: string, index: Tensor, offsets: Tensor | null, includeLast: boolean): { bag: Tensor; bags: number } {
  if (index.ndim === 2) {
    if (offsets !== null)
      throw new ValueError(`${name}: offsets belong to a 1-d index; the rows of ${show(index.shape)} are the bags already`);
    const [B, L] = index.shape;
    return { bag: flatten(expand(unsqueeze(arange(B), 1), [B, L])), bags: B };
  }
  if (index.ndim !== 1) throw new ShapeError(`${name}: the index is ${show(index.shape)}; expected [bags, L], or [n] with offsets`);
  if (offsets === null) throw new ValueError(`${name}: a 1-d index needs offsets, where each bag starts`);
  if (offsets.ndim !== 1) throw new ShapeError(`${name}: offsets is ${show(offsets.shape)}; expected 1 dimension`);
  const bags = offsets.shape[0] - (includeLast ? 1 : 0);
  if (bags <= 0) return { bag: zeros([index.numel], { dtype: 'int64' }), bags: Math.max(bags, 0) };
  // a step up where a bag starts; the running total counts the bags begun so far
  const starts = narrow(checkIndex(name, offsets), 0, 1, bags - 1);
  const steps = indexAdd(zeros([index.numel + 1], { dtype: 'int64' }), 0, starts, ones([bags - 1], { dtype: 'int64' }));
  return { bag: dense(narrow(cumsum(steps, 0), 0, 0, index.numel)), bags };
}

/**
 * Sums, means or maxima of the rows of `weight` [rows, D] over bags of indices: index [bags, L], or [n] with offsets -> [bags, D]. Empty bags
 * give zeros; positions that hold paddingIdx count nothing.
 */
export function embeddingBag(
  index: Tensor,
  weight: Tensor,
  {
    offsets = null,
    mode = 'mean',
    perSampleWeights = null,
    includeLastOffset = false,
    paddingIdx = null,
    maxNorm = null,
    normType = 2,
    scaleGradByFreq = false,
  }: EmbeddingBagOptions = {},
): Tensor {
  return composed(() => {
    const name = 'embeddingBag';
    const at = checkTable(name, index, weight);
    const padding = paddingRow(name, paddingIdx, weight.shape[0]);
    if (mode !== 'sum' && mode !== 'mean' && mode !== 'max')
      throw new ValueError(`${name}: mode '${String(mode)}' is unknown; use 'sum', 'mean' or 'max'`);
    if (perSampleWeights !== null && mode !== 'sum') throw new ValueError(`${name}: perSampleWeights need mode 'sum', not '${mode}'`);
    if (perSampleWeights !== null && !sameShape(perSampleWeights.shape, index.shape))
      throw new ShapeError(`${name}: perSampleWeights is ${show(perSampleWeights.shape)}; expected the index's shape ${show(index.shape)}`);
    const { bag, bags } = bagsOf(name, index, offsets, includeLastOffset);
    const rows = naming(name, index, weight.shape[0], () => {
      if (maxNorm !== null && at.numel > 0) limitRows(weight, at, maxNorm, normType);
      return lookUp(name, at, weight, padding, scaleGradByFreq);
    });
    const shape = [bags, weight.shape[1]];
    const counted = padding === null ? null : ne(at, padding);
    const counts = (): Tensor => {
      const each = counted === null ? ones([at.numel], { dtype: weight.dtype }) : to(counted, weight.dtype);
      return unsqueeze(indexAddZeros(each, [bags], 0, bag), 1);
    };
    if (mode === 'max') {
      const from = counted === null ? rows : where(unsqueeze(counted, 1), rows, Number.NEGATIVE_INFINITY);
      const top = indexReduce(zeros(shape, { dtype: weight.dtype }), 0, bag, from, 'amax', { includeSelf: false });
      return counted === null ? top : where(gt(counts(), 0), top, 0);
    }
    let terms = rows;
    if (perSampleWeights !== null) terms = mul(terms, reshape(perSampleWeights, [at.numel, 1]));
    if (counted !== null) terms = mul(terms, unsqueeze(to(counted, weight.dtype), 1));
    const total = indexAddZeros(terms, shape, 0, bag);
    return mode === 'sum' ? total : div(total, clampMin(counts(), 1));
  });
}
