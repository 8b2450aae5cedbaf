// Sets made of sets: one after another, side by side, and random parts.

import { ShapeError, ValueError } from '../runtime/errors.ts';
import { type Generator, permutation } from '../runtime/random.ts';
import { checkIndex, type Dataset, Subset } from './dataset.ts';

/** Sets one after another. */
export class ConcatDataset<Item> implements Dataset<Item> {
  readonly datasets: readonly Dataset<Item>[];

  constructor(datasets: readonly Dataset<Item>[]) {
    if (datasets.length === 0) throw new ValueError('ConcatDataset: no sets were given; pass at least one');
    this.datasets = datasets;
  }
  get length(): number {
    return this.datasets.reduce((n, d) => n + d.length, 0);
  }
  get(index: number): Item | Promise<Item> {
    checkIndex(index, this.length);
    let at = index;
    for (const d of this.datasets) {
      if (at < d.length) return d.get(at);
      at -= d.length;
    }
    throw new ValueError(`ConcatDataset: a set became shorter while item ${index} was looked for`);
  }
}

/** Items of sets under the same keys: of a tuple of sets a tuple of items, of an object an object. */
export type Stacked<T> = { -readonly [K in keyof T]: T[K] extends Dataset<infer Item> ? Item : never };

/** Sets of equal length side by side: item i holds item i of each. Throws a ShapeError when the lengths differ. */
export class StackDataset<const T extends readonly Dataset<unknown>[] | Readonly<Record<string, Dataset<unknown>>>>
  implements Dataset<Stacked<T>>
{
  readonly datasets: T;
  readonly length: number;

  constructor(datasets: T) {
    const list = Object.entries(datasets) as [string, Dataset<unknown>][];
    if (list.length === 0) throw new ValueError('StackDataset: no sets were given; pass at least one');
    this.length = list[0][1].length;
    for (const [key, d] of list)
      if (d.length !== this.length)
        throw new ShapeError(`StackDataset: set ${key} has ${d.length} items, the first has ${this.length}; all must have the same number`);
    this.datasets = datasets;
  }
  async get(index: number): Promise<Stacked<T>> {
    checkIndex(index, this.length);
    const items = await Promise.all(Object.values(this.datasets as Record<string, Dataset<unknown>>).map((d) => d.get(index)));
    if (Array.isArray(this.datasets)) return items as Stacked<T>;
    return Object.fromEntries(Object.keys(this.datasets).map((k, i) => [k, items[i]])) as Stacked<T>;
  }
}

/**
 * Random parts of a set that have no item in common. `lengths` are numbers of items that sum to the set's, or shares that sum to 1: then
 * each part has its share rounded down, and what is left goes one by one to the first parts. ValueError for sums that do not fit.
 */
export function randomSplit<Item>(
  dataset: Dataset<Item>,
  lengths: readonly number[],
  { generator }: { generator?: Generator } = {},
): Subset<Item>[] {
  const n = dataset.length;
  const bad = lengths.find((v) => !(v >= 0));
  if (bad !== undefined) throw new ValueError(`randomSplit: the length ${bad} must be at least 0`);
  const sum = lengths.reduce((a, b) => a + b, 0);
  let sizes = [...lengths];
  if (lengths.every((v) => v <= 1) && Math.abs(sum - 1) < 1e-9 && n !== 1) {
    sizes = lengths.map((v) => Math.floor(v * n + 1e-9));
    const rest = n - sizes.reduce((a, b) => a + b, 0);
    for (let i = 0; i < rest; i++) sizes[i % sizes.length]++;
  } else if (!lengths.every(Number.isInteger) || sum !== n) {
    throw new ValueError(`randomSplit: the lengths [${lengths.join(', ')}] must sum to the set's ${n} items, or be shares that sum to 1`);
  }
  const order = permutation(n, generator);
  let at = 0;
  return sizes.map((size) => new Subset(dataset, order.slice(at, (at += size))));
}
