// Data sets: items by number. A set that can make a whole batch at once says so, and the loader uses it.

import { alias, copyInto, empty, readWindow, window } from '../ops/raw.ts';

import { select } from '../ops/view.ts';
import { IndexError, ShapeError } from '../runtime/errors.ts';
import { numelOf, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Items by number, from 0 to length - 1. */
export interface Dataset<Item> {
  readonly length: number;
  /** The item, or a promise of it. */
  get(index: number): Item | Promise<Item>;
}

/** A set that makes a batch of the numbered items at once, in the form that collating them one by one would give. */
export interface BatchedDataset<Item, Batch> extends Dataset<Item> {
  getBatch(indices: ArrayLike<number>): Batch | Promise<Batch>;
}

/** True for a set that makes batches itself. */
export const makesBatches = <Item>(set: Dataset<Item>): set is BatchedDataset<Item, unknown> =>
  'getBatch' in set && typeof set.getBatch === 'function';

/** Items one after another, without numbers: a stream. Each loop over it is an epoch. */
export type IterableDataset<Item> = Iterable<Item> | AsyncIterable<Item>;

/** A tuple of tensors, one for each of T. */
export type TensorsOf<T extends readonly Tensor[]> = { -readonly [K in keyof T]: Tensor };

/** Tensors of equal first size as a data set: item i holds row i of each. Throws a ShapeError when the first sizes differ. */
export class TensorDataset<T extends readonly Tensor[]> implements BatchedDataset<TensorsOf<T>, TensorsOf<T>> {
  readonly tensors: T;
  readonly length: number;

  constructor(...tensors: T) {
    if (tensors.length === 0) throw new ShapeError('TensorDataset: no tensors were given; pass at least one');
    tensors.forEach((t, i) => {
      if (t.ndim === 0 || t.shape[0] !== tensors[0].shape[0]) {
        throw new ShapeError(
          `TensorDataset: tensor ${i} is ${show(t.shape)}, the first is ${show(tensors[0].shape)}; all must have the same size in dimension 0`,
        );
      }
    });
    this.tensors = tensors;
    this.length = tensors[0].shape[0];
  }

  /** Row `index` of each tensor, as views. Throws an IndexError when there is no such row. */
  get(index: number): TensorsOf<T> {
    checkIndex(index, this.length);
    return this.tensors.map((t) => select(t, 0, index)) as TensorsOf<T>;
  }

  /** The rows `indices` of each tensor, copied. Throws an IndexError when there is no such row. */
  getBatch(indices: ArrayLike<number>): TensorsOf<T> {
    for (let i = 0; i < indices.length; i++) checkIndex(indices[i], this.length);
    return this.tensors.map((t) => rows(t, indices)) as TensorsOf<T>;
  }
}

/** A part of a set: the items with the given numbers, in their order. Throws an IndexError when the set lacks one. */
export class Subset<Item> implements Dataset<Item> {
  readonly dataset: Dataset<Item>;
  readonly indices: ArrayLike<number>;

  constructor(dataset: Dataset<Item>, indices: ArrayLike<number>) {
    for (let i = 0; i < indices.length; i++) checkIndex(indices[i], dataset.length);
    this.dataset = dataset;
    this.indices = indices;
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): Item | Promise<Item> {
    checkIndex(index, this.length);
    return this.dataset.get(this.indices[index]);
  }
}

/** Throws an IndexError unless the set has the item. */
export function checkIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new IndexError(`dataset: there is no item ${index}; the set has ${length} items, numbered from 0`);
  }
}

// The rows `indices` (all in range) of a tensor as a new tensor without history. On a CPU device the host sees the memory, and one
// copy a row needs no index tensor; a device with memory of its own would take indexSelect here.
function rows(t: Tensor, indices: ArrayLike<number>): Tensor {
  const rowShape = t.shape.slice(1);
  const size = numelOf(rowShape);
  const out = empty([indices.length, ...rowShape], t.dtype);
  if (t.contiguousNow) {
    const [from, to] = [readWindow(t, 'gathering rows') as Float32Array, window(out) as Float32Array];
    if (size === 1) for (let i = 0; i < indices.length; i++) to[i] = from[indices[i]];
    else for (let i = 0; i < indices.length; i++) to.set(from.subarray(indices[i] * size, (indices[i] + 1) * size), i * size);
    return out;
  }
  for (let i = 0; i < indices.length; i++) {
    copyInto(alias(out, rowShape, null, i * size), alias(t, rowShape, t.strides.slice(1), t.offset + indices[i] * t.strides[0]));
  }
  return out;
}
