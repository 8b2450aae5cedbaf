// Reading values back to JavaScript. The async forms work on every device; the Sync twins where the device is on the CPU.

import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { pressureYield } from '../runtime/memory.ts';
import type { TypedArray } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { hostCopy } from './create.ts';
import { copy, dense } from './raw.ts';

/** Nested arrays of numbers (booleans for bool); a plain value for a 0-d tensor. */
export type NestedArray = number | boolean | NestedArray[];

const readable = (x: Tensor): Tensor => dense(x.dtype === 'float16' || x.dtype === 'bfloat16' ? copy(x, 'float32') : x);

function toNumber(v: number | bigint): number {
  if (typeof v === 'number') return v;
  const n = Number(v);
  if (!Number.isSafeInteger(n))
    throw new ValueError(
      `reading: the int64 value ${v} is beyond 2^53 and has no exact JavaScript number; read it with dataSync() as a bigint`,
    );
  return n;
}

/** A copy of the elements in row-major order (int64 as BigInt64Array, float16 and bfloat16 as Float32Array, bool as Uint8Array). */
export const dataSync = (x: Tensor): TypedArray => hostCopy(readable(x));

/** The elements as plain numbers in row-major order. */
export function numbersSync(x: Tensor): number[] {
  return Array.from(dataSync(x) as ArrayLike<number | bigint>, toNumber);
}

/** The only element as a number (booleans as 0 and 1). ShapeError when there is not exactly one. */
export function itemSync(x: Tensor): number {
  if (x.numel !== 1)
    throw new ShapeError(
      `item: a tensor of shape ${show(x.shape)} has ${x.numel} elements; only one element becomes a number, use toArray() for more`,
    );
  return toNumber(dataSync(x)[0]);
}

/** The values as nested arrays. */
export function toArraySync(x: Tensor): NestedArray {
  const flat = dataSync(x);
  const value = (i: number): number | boolean => (x.dtype === 'bool' ? flat[i] !== 0 : toNumber(flat[i]));
  let at = 0;
  const build = (d: number): NestedArray => (d === x.ndim ? value(at++) : Array.from({ length: x.shape[d] }, () => build(d + 1)));
  return build(0);
}

/** As dataSync, on every device. */
export async function data(x: Tensor): Promise<TypedArray> {
  const out = dataSync(x);
  await pressureYield();
  return out;
}

/** As itemSync, on every device. */
export async function item(x: Tensor): Promise<number> {
  const out = itemSync(x);
  await pressureYield();
  return out;
}

/** As toArraySync, on every device. */
export async function toArray(x: Tensor): Promise<NestedArray> {
  const out = toArraySync(x);
  await pressureYield();
  return out;
}

/** The truth of the only element; ShapeError for more than one. */
export function toBoolean(x: Tensor): boolean {
  if (x.numel !== 1) throw new ShapeError(`the truth of a tensor of shape ${show(x.shape)} is ambiguous; use any() or all()`);
  return Number(dataSync(x)[0]) !== 0;
}

/** An array index from a 0-d or one-element integer tensor. */
export function toIndex(x: Tensor): number {
  if (x.dtype === 'float32' || x.dtype === 'float64')
    throw new DTypeError(`index: a ${x.dtype} tensor is no index; cast it with .to('int64')`);
  return itemSync(x);
}

export const readMethods = { data, dataSync, item, itemSync, toArray, toArraySync, numbersSync };
