// DataLoader: batches of a data set as an async iterable, with a fresh seeded shuffle each epoch.

import { IndexError, ValueError } from '../runtime/errors.ts';
import { pressureYield } from '../runtime/memory.ts';
import { defaultGenerator, Generator, permutation } from '../runtime/random.ts';
import { type Collated, defaultCollate } from './collate.ts';
import type { BatchedDataset, Dataset } from './dataset.ts';

/** Options of {@link DataLoader}. */
export interface LoaderOptions<Item, Batch> {
  /** Items a batch. Default 1. */
  batchSize?: number;
  /** A new random order each epoch. Default false. */
  shuffle?: boolean;
  /** Leaves out a last batch that is not full. Default false. */
  dropLast?: boolean;
  /** Makes a batch of a list of items. Default: stack tensors and numbers, part by part in tuples and objects. */
  collate?: (items: Item[]) => Batch | Promise<Batch>;
  /** Seed of a generator of the loader's own, for an order that does not depend on other random draws. */
  seed?: number;
  /** Generator of the shuffles. Default: the default generator. */
  generator?: Generator;
}

/**
 * Batches of a data set: `for await (const [x, y] of new DataLoader(set, { batchSize: 32, shuffle: true })) …`. Every loop over it
 * is an epoch with its own order. Throws a ValueError for a batch size that is no positive whole number.
 */
export class DataLoader<Item, Batch = Collated<Item>> implements AsyncIterable<Batch> {
  readonly dataset: Dataset<Item>;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly #collate: ((items: Item[]) => Batch | Promise<Batch>) | undefined;
  readonly #generator: Generator;

  constructor(
    dataset: Dataset<Item>,
    { batchSize = 1, shuffle = false, dropLast = false, collate, seed, generator }: LoaderOptions<Item, Batch> = {},
  ) {
    if (!Number.isSafeInteger(batchSize) || batchSize < 1)
      throw new ValueError(`DataLoader: batchSize is ${batchSize}; a positive whole number was expected`);
    if (seed !== undefined && generator !== undefined)
      throw new ValueError('DataLoader: seed and generator were both given; pass one of them');
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    this.#collate = collate;
    this.#generator = seed === undefined ? (generator ?? defaultGenerator) : new Generator(seed);
  }

  /** Batches an epoch. */
  get length(): number {
    const n = this.dataset.length / this.batchSize;
    return this.dropLast ? Math.floor(n) : Math.ceil(n);
  }

  /** One epoch. Under memory pressure it gives the collector a turn between batches. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    const n = this.dataset.length;
    const batches = this.length;
    const order = this.shuffle ? permutation(n, this.#generator) : Int32Array.from({ length: n }, (_, i) => i);
    for (let b = 0; b < batches; b++) {
      await pressureYield();
      yield await this.#batch(order.subarray(b * this.batchSize, Math.min((b + 1) * this.batchSize, n)));
    }
  }

  /** The first batch of an epoch. Throws an IndexError when the epoch has none. */
  async first(): Promise<Batch> {
    for await (const batch of this) return batch;
    throw new IndexError(
      `DataLoader: a set of ${this.dataset.length} items makes no batch of ${this.batchSize}; pass more items${this.dropLast ? ' or dropLast: false' : ''}`,
    );
  }

  async #batch(indices: Int32Array): Promise<Batch> {
    if (this.#collate === undefined && makesBatches(this.dataset)) return (await this.dataset.getBatch(indices)) as Batch;
    const items: Item[] = [];
    for (const i of indices) items.push(await this.dataset.get(i));
    return this.#collate === undefined ? (defaultCollate(items) as Batch) : await this.#collate(items);
  }
}

const makesBatches = <Item>(set: Dataset<Item>): set is BatchedDataset<Item, unknown> =>
  'getBatch' in set && typeof set.getBatch === 'function';
