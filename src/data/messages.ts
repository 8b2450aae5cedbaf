// Batches on their way between threads: tensors become typed arrays, whose memory moves without a copy.

import { fromTyped } from '../ops/create.ts';
import { dataSync } from '../ops/read.ts';
import { contiguous, detach } from '../ops/view.ts';
import type { DType, TypedArray } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** A tensor in a message. */
interface PackedTensor {
  readonly fathomTensor: { readonly shape: Shape; readonly dtype: DType; readonly data: TypedArray };
}

const isPlain = (v: object): boolean => {
  const p = Object.getPrototypeOf(v);
  return p === Object.prototype || p === null;
};

/** Tensors within arrays and plain objects become typed arrays; their buffers are added to `transfer`. Other values are left to structured cloning. */
export function pack(value: unknown, transfer: ArrayBufferLike[]): unknown {
  if (value instanceof Tensor) {
    const data = dataSync(contiguous(detach(value)));
    transfer.push(data.buffer);
    return { fathomTensor: { shape: value.shape, dtype: value.dtype, data } } satisfies PackedTensor;
  }
  if (Array.isArray(value)) return value.map((v) => pack(v, transfer));
  if (typeof value === 'object' && value !== null && isPlain(value))
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, pack(v, transfer)]));
  return value;
}

/** What `pack` was given. */
export function unpack(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpack);
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value;
  if ('fathomTensor' in value) {
    const { shape, dtype, data } = (value as PackedTensor).fathomTensor;
    return fromTyped(data, shape, dtype);
  }
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unpack(v)]));
}

/** Where workers find their set: an export of a module that is a data set, or a function or class that makes one of `args`. */
export interface DatasetSource {
  /** URL of the module. */
  readonly module: string;
  readonly name: string;
  readonly args: readonly unknown[];
}

/** From the loader to a worker: load these items. */
export interface WorkerRequest {
  readonly id: number;
  readonly indices: readonly number[];
  /** Whether the worker is to make the batch. */
  readonly collate: boolean;
  /** Seed of random draws while these items are loaded. */
  readonly seed: number;
}

/** From a worker: the batch (or the items), or what went wrong. */
export type WorkerReply = { readonly id: number } & (
  | { readonly value: unknown }
  | { readonly error: { name: string; message: string; stack: string } }
);
