// What an index means: entries (numbers, slices, new axes, '...', index tensors, masks) become a view of the tensor and, for the
// dimensions of that view that index tensors address, the tensors themselves.

import { DTypeError, IndexError, ShapeError } from '../runtime/errors.ts';
import { show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { fromTyped } from './create.ts';
import { checkIndex } from './gather.ts';
import { nonzeroRows } from './indexing-masked.ts';
import { select, slice, unsqueeze } from './view.ts';

/** A range of positions, as `start:stop:step` in Python; missing bounds mean the ends. */
export interface SliceSpec {
  start?: number | null;
  stop?: number | null;
  step?: number | null;
}

/**
 * One entry of an index: a position (the dimension disappears), a slice ({ start, stop, step } or a string such as '1:3'), null (a new
 * dimension), '...' (all dimensions that are left), a list of positions or an integer tensor, a mask (a bool tensor over one or more dimensions)
 * or a plain boolean.
 */
export type IndexItem = number | boolean | null | string | SliceSpec | readonly number[] | Tensor;
/** Entries, or a string of them: '1:3, ..., ::2'. */
export type Index = string | readonly IndexItem[];

/** A view, and for each of its dimensions the int64 positions that address it, or null. */
export interface ParsedIndex {
  readonly view: Tensor;
  readonly positions: readonly (Tensor | null)[];
}

const wholeNumber = (text: string, part: string): number => {
  const n = Number(part);
  if (part.trim() === '' || !Number.isInteger(n))
    throw new IndexError(`index: cannot read '${text}'; write a slice as 'start:stop:step', such as '1:3' or '::2'`);
  return n;
};

/** One entry written as text: '2', '1:3', '::2', '...', 'null'. */
function parseText(text: string): IndexItem {
  const t = text.trim();
  if (t === '...' || t === 'null') return t === 'null' ? null : t;
  if (!t.includes(':')) return wholeNumber(text, t);
  const parts = t.split(':');
  if (parts.length > 3) throw new IndexError(`index: cannot read '${text}'; a slice has at most three parts, 'start:stop:step'`);
  const [start, stop, step] = parts.map((p) => (p.trim() === '' ? null : wholeNumber(text, p)));
  return { start, stop, step: step ?? null };
}

/** The entries of an index, texts read. */
export function indexItems(index: Index): IndexItem[] {
  const list = typeof index === 'string' ? index.split(',') : index;
  if (!Array.isArray(list)) throw new IndexError(`index: expected a list of entries or a text such as '1:3, 0', got ${String(index)}`);
  return list.map((item: IndexItem) => (typeof item === 'string' ? parseText(item) : item));
}

const isMask = (item: IndexItem): item is Tensor => item instanceof Tensor && (item.dtype === 'bool' || item.dtype === 'uint8');

/** How many dimensions of the tensor an entry addresses. */
function dimsOf(item: IndexItem): number {
  if (item === null || typeof item === 'boolean' || item === '...') return 0;
  return isMask(item) ? item.ndim : 1;
}

const listTensor = (list: readonly number[]): Tensor => {
  if (list.some((v) => !Number.isInteger(v)))
    throw new IndexError(`index: the list ${show(list)} must hold whole numbers; for a mask give a bool tensor`);
  return fromTyped(BigInt64Array.from(list, BigInt), [list.length]);
};

/** Reads an index of `x`. IndexError for too many entries and positions out of range, ShapeError for a mask that does not fit. */
export function parseIndex(x: Tensor, index: Index): ParsedIndex {
  const items = indexItems(index);
  const used = items.reduce<number>((n, item) => n + dimsOf(item), 0);
  if (used > x.ndim)
    throw new IndexError(
      `index: ${used} dimension(s) are addressed, but the tensor has ${x.ndim} (shape ${show(x.shape)}); leave entries out`,
    );
  if (items.filter((item) => item === '...').length > 1) throw new IndexError("index: '...' may stand only once");
  let view = x;
  let d = 0; // the dimension of the view that the next entry addresses
  const positions: (Tensor | null)[] = [];
  const skip = (n: number): void => {
    for (let i = 0; i < n; i++) positions.push(null);
    d += n;
  };
  for (const item of items) {
    if (item === '...') skip(x.ndim - used);
    else if (item === null) {
      view = unsqueeze(view, d);
      skip(1);
    } else if (typeof item === 'boolean') {
      // a new dimension of which the mask keeps one element or none
      view = unsqueeze(view, d++);
      positions.push(listTensor(item ? [0] : []));
    } else if (typeof item === 'number') {
      const n = view.shape[d];
      if (!Number.isInteger(item) || item < -n || item >= n)
        throw new IndexError(
          `index: position ${item} is out of range for a dimension of size ${n} (shape ${show(x.shape)}); use ${-n} to ${n - 1}`,
        );
      view = select(view, d, item);
    } else if (item instanceof Tensor) {
      if (!isMask(item)) {
        positions.push(checkIndex('index', item));
        d++;
      } else if (item.ndim === 0) {
        view = unsqueeze(view, d++);
        positions.push(maskPositions(item)[0]);
      } else {
        const part = view.shape.slice(d, d + item.ndim);
        if (item.shape.some((n, i) => n !== part[i]))
          throw new ShapeError(
            `index: a mask of shape ${show(item.shape)} does not fit the dimension(s) of shape ${show(part)} that it addresses (tensor of shape ${show(x.shape)})`,
          );
        positions.push(...maskPositions(item));
        d += item.ndim;
      }
    } else if (Array.isArray(item)) {
      positions.push(listTensor(item));
      d++;
    } else if (typeof item === 'object') {
      const { start = null, stop = null, step = null } = item as SliceSpec;
      for (const v of [start, stop, step])
        if (v !== null && !Number.isInteger(v)) throw new IndexError(`index: the slice bound ${v} is no whole number`);
      view = slice(view, d, start, stop, step ?? 1);
      skip(1);
    } else
      throw new DTypeError(`index: an entry of type ${typeof item} has no meaning; use numbers, slices, null, '...', lists or tensors`);
  }
  skip(view.ndim - d);
  return { view, positions };
}

/** One int64 tensor [n] per dimension of a mask (one for a 0-d mask): where it is true. */
function maskPositions(mask: Tensor): Tensor[] {
  if (mask.ndim === 0) return [listTensor(nonzeroRows(mask).shape[0] > 0 ? [0] : [])];
  const rows = nonzeroRows(mask);
  return mask.shape.map((_, i) => select(rows, 1, i));
}
