// Makes a batch of items: tensors are stacked, numbers become a tensor, tuples and objects are batched part by part.

import { noGrad } from '../autograd/mode.ts';
import { tensor } from '../ops/create.ts';
import { alias, copyInto, empty } from '../ops/raw.ts';
import { DTypeError, ShapeError } from '../runtime/errors.ts';
import type { TypedArray } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Dataset, makesBatches } from './dataset.ts';

/** The batch of items of type T. */
export type Collated<T> = T extends Tensor
  ? Tensor
  : T extends number | bigint | boolean
    ? Tensor
    : T extends string
      ? string[]
      : T extends ArrayBufferView
        ? Tensor
        : T extends readonly unknown[]
          ? { -readonly [K in keyof T]: Collated<T[K]> }
          : T extends object
            ? { [K in keyof T]: Collated<T[K]> }
            : unknown;

/** The batch of the numbered items; with `collate: false` the list of the items. A set that makes batches itself does so. */
export async function makeBatch(set: Dataset<unknown>, indices: ArrayLike<number>, collate: boolean): Promise<unknown> {
  if (collate && makesBatches(set)) return set.getBatch(indices);
  const items: unknown[] = [];
  for (let i = 0; i < indices.length; i++) items.push(await set.get(indices[i]));
  return collate ? defaultCollate(items) : items;
}

/**
 * Makes a batch of at least one item. Tensors of equal shape [...] become one of shape [n, ...]; whole numbers an int64 tensor,
 * other numbers float32, booleans bool; typed arrays of equal length [m] a tensor [n, m]; strings a list; a tuple of items (nested too) a tuple of batches, an object one of batches.
 * Throws a ShapeError when tensors differ in shape or tuples in length, a DTypeError when items differ in kind.
 */
export function defaultCollate<T>(items: readonly T[]): Collated<T> {
  return collate(items, 'item') as Collated<T>;
}

function collate(items: readonly unknown[], place: string): unknown {
  const first = items[0];
  if (first instanceof Tensor) return stackItems(items, first, place);
  if (typeof first === 'number' || typeof first === 'bigint' || typeof first === 'boolean') {
    const kind = typeof first;
    items.forEach((v, i) => {
      if (typeof v !== kind) throw mixed(place, i, first, v);
    });
    return tensor(items as readonly (number | boolean)[]);
  }
  if (typeof first === 'string') return [...items];
  if (isElements(first)) {
    const tensors = items.map((v, i) => {
      if (!isElements(v) || v.constructor !== first.constructor) throw mixed(place, i, first, v);
      return tensor(v);
    });
    return stackItems(tensors, tensors[0], place);
  }
  if (Array.isArray(first)) {
    items.forEach((v, i) => {
      if (!Array.isArray(v)) throw mixed(place, i, first, v);
      if (v.length !== first.length) {
        throw new ShapeError(
          `collate: ${place} ${i} of the batch has ${v.length} parts, the first has ${first.length}; pad them to one length or pass your own collate`,
        );
      }
    });
    return first.map((_, k) =>
      collate(
        (items as readonly unknown[][]).map((v) => v[k]),
        `part ${k} of ${place}`,
      ),
    );
  }
  if (typeof first === 'object' && first !== null && !ArrayBuffer.isView(first)) {
    return Object.fromEntries(
      Object.keys(first).map((key) => [
        key,
        collate(
          items.map((v) => (v as Record<string, unknown>)[key]),
          `'${key}' of ${place}`,
        ),
      ]),
    );
  }
  throw new DTypeError(
    `collate: ${place} 0 of the batch is ${describe(first)}, which makes no batch; use tensors, numbers, strings, tuples or objects of them, or pass your own collate`,
  );
}

/** A typed array of numbers, as `tensor` takes it. */
const isElements = (v: unknown): v is TypedArray => ArrayBuffer.isView(v) && !(v instanceof DataView);

function stackItems(items: readonly unknown[], first: Tensor, place: string): Tensor {
  return noGrad(() => {
    const out = empty([items.length, ...first.shape], first.dtype);
    items.forEach((item, i) => {
      if (!(item instanceof Tensor)) throw mixed(place, i, first, item);
      if (!sameShape(item.shape, first.shape)) {
        throw new ShapeError(
          `collate: ${place} ${i} of the batch is ${show(item.shape)}, the first is ${show(first.shape)}; make them equal (resize, pad) or pass your own collate`,
        );
      }
      if (item.dtype !== first.dtype)
        throw new DTypeError(`collate: ${place} ${i} of the batch is ${item.dtype}, the first is ${first.dtype}; cast them to one dtype`);
      copyInto(alias(out, first.shape, null, out.offset + i * first.numel), item);
    });
    return out;
  });
}

const mixed = (place: string, i: number, first: unknown, found: unknown): DTypeError =>
  new DTypeError(
    `collate: ${place} ${i} of the batch is ${describe(found)}, the first is ${describe(first)}; give all items one kind or pass your own collate`,
  );

function describe(v: unknown): string {
  if (v instanceof Tensor) return `a tensor ${show(v.shape)}`;
  if (Array.isArray(v)) return `a tuple of ${v.length}`;
  return v === null ? 'null' : typeof v === 'object' ? `a ${v.constructor?.name ?? 'object'}` : `a ${typeof v}`;
}
