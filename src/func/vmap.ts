// vmap: a function of one example becomes a function of a batch.

import { stack } from '../ops/join.ts';
import { select } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { defaultGenerator } from '../runtime/random.ts';
import { normalizeDim, sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { fillTree, leaves, mapTree, resultTensors } from './tree.ts';

/** The dimension of the batch; null for an argument that every example shares. */
export type BatchDim = number | null;

export interface VmapOptions {
  /** The batch dimension of each argument (one for all, or a list). Default 0. */
  inDims?: BatchDim | readonly BatchDim[];
  /** Where the batch dimension goes in each result (one for all, or a list). Default 0. */
  outDims?: number | readonly number[];
  /** Whether random numbers differ between examples, or are the same for all. */
  randomness?: 'different' | 'same';
}

/** Batch dimensions per argument, and the size of the batch. */
function plan(args: readonly unknown[], inDims: VmapOptions['inDims']): { dims: BatchDim[]; size: number } {
  const dims = Array.isArray(inDims)
    ? [...(inDims as readonly BatchDim[])]
    : args.map((): BatchDim => (inDims ?? (inDims === null ? null : 0)) as BatchDim);
  if (dims.length !== args.length)
    throw new ValueError(`vmap: inDims has ${dims.length} entr(ies), but the function was called with ${args.length} argument(s)`);
  let size = -1;
  args.forEach((a, i) => {
    const d = dims[i];
    if (d === null) return;
    const list = leaves(a);
    if (list.length === 0) throw new ValueError(`vmap: argument ${i} holds no tensor; its entry of inDims must be null`);
    for (const t of list) {
      if (t.ndim === 0) throw new ShapeError(`vmap: argument ${i} is 0-d and has no batch dimension; its entry of inDims must be null`);
      const n = t.shape[normalizeDim('vmap', d, t.ndim, 'inDims')];
      if (size >= 0 && n !== size)
        throw new ShapeError(`vmap: argument ${i} of shape ${show(t.shape)} has ${n} example(s) along dimension ${d}; another has ${size}`);
      size = n;
    }
  });
  if (size < 0) throw new ValueError('vmap: every entry of inDims is null; at least one argument must have a batch dimension');
  if (size === 0) throw new ShapeError('vmap: the batch is empty, so the shape of the result is not known');
  return { dims, size };
}

/**
 * `fn`, written for one example, over a batch: it runs once per example and the results (tensors, or tensors in arrays and objects) are stacked.
 * Works for every function and with every other transform; a function written for batches is faster.
 */
export function vmap<A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  { inDims = 0, outDims = 0, randomness = 'different' }: VmapOptions = {},
): (...args: A) => R {
  if (randomness !== 'different' && randomness !== 'same')
    throw new ValueError(`vmap: randomness '${String(randomness)}' is unknown; use 'different' or 'same'`);
  return (...args) => {
    const { dims, size } = plan(args, inDims);
    const random = defaultGenerator.state();
    let form: R | undefined;
    const columns: Tensor[][] = [];
    for (let i = 0; i < size; i++) {
      if (randomness === 'same') defaultGenerator.setState(random);
      const one = args.map((a, k) => (dims[k] === null ? a : mapTree(a, (t) => select(t, dims[k] as number, i))));
      const result = fn(...(one as unknown as A));
      const list = resultTensors('vmap', result);
      if (form === undefined) form = result;
      if (columns.length > 0 && list.length !== columns[0].length)
        throw new ShapeError(
          `vmap: example ${i} gave ${list.length} tensor(s), the first ${columns[0].length}; all must give equally many`,
        );
      list.forEach((t, k) => {
        if (i > 0 && !sameShape(t.shape, columns[0][k].shape))
          throw new ShapeError(`vmap: example ${i} gave shape ${show(t.shape)}, the first ${show(columns[0][k].shape)}; all must agree`);
      });
      columns.push(list);
    }
    const outs = Array.isArray(outDims) ? (outDims as readonly number[]) : columns[0].map(() => outDims as number);
    if (outs.length !== columns[0].length)
      throw new ValueError(`vmap: outDims has ${outs.length} entr(ies) for ${columns[0].length} result(s)`);
    return fillTree(
      form,
      columns[0].map((_, k) =>
        stack(
          columns.map((c) => c[k]),
          outs[k],
        ),
      ),
    ) as R;
  };
}
