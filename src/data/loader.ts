// DataLoader: batches of a data set as an async iterable, with a fresh seeded order each epoch, loaded here or by worker threads.

import { hasNode } from '../io/node-modules.ts';
import { IndexError, ValueError } from '../runtime/errors.ts';
import { pressureYield } from '../runtime/memory.ts';
import { defaultGenerator, Generator, philox } from '../runtime/random.ts';
import { type Collated, defaultCollate, makeBatch } from './collate.ts';
import type { Dataset, IterableDataset } from './dataset.ts';
import type { LoaderWorkers } from './loader-workers.ts';
import { BatchSampler, RandomSampler, type Sampler, SequentialSampler } from './samplers.ts';
import { WorkerDataset } from './worker-dataset.ts';

/** Options of {@link DataLoader}. */
export interface LoaderOptions<Item, Batch> {
  /** Items a batch. Default 1. */
  batchSize?: number;
  /** A new random order each epoch. Default false. */
  shuffle?: boolean;
  /** Which items, and in which order, in place of shuffle: numbers of items. */
  sampler?: Sampler;
  /** Which items make each batch, in place of batchSize, shuffle, sampler and dropLast. */
  batchSampler?: Iterable<readonly number[]> & { readonly length?: number };
  /** Leaves out a last batch that is not full. Default false. */
  dropLast?: boolean;
  /** Makes a batch of a list of items; always called in this thread. Default: stack tensors and numbers, part by part in tuples and objects. */
  collateFn?: (items: Item[]) => Batch | Promise<Batch>;
  /** Seed of a generator of the loader's own, for an order that does not depend on other random draws. */
  seed?: number;
  /** Generator of the shuffles and of the workers' seeds. Default: the default generator. */
  generator?: Generator;
  /**
   * Threads that load items, in Node; the set must come from `workerDataset`. In a browser there are none: items are then loaded in this
   * thread, and a warning says so. Default 0: this thread.
   */
  numWorkers?: number;
  /** Batches that each worker may be ahead. Default 2. */
  prefetchFactor?: number;
  /** Keeps the workers between epochs; `close` ends them. Default false. */
  persistentWorkers?: boolean;
}

const isNumbered = <Item>(set: Dataset<Item> | IterableDataset<Item>): set is Dataset<Item> =>
  'get' in set && typeof set.get === 'function' && 'length' in set;

let warned = false;

/**
 * Batches of a data set: `for await (const [x, y] of new DataLoader(set, { batchSize: 32, shuffle: true })) …`. Every loop over it
 * is an epoch with its own order. The set has numbered items, or is an array of items, or a stream of items (any iterable). Throws a
 * ValueError for options that are out of range or exclude one another.
 */
export class DataLoader<Item, Batch = Collated<Item>> implements AsyncIterable<Batch> {
  readonly dataset: Dataset<Item> | IterableDataset<Item>;
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly numWorkers: number;
  /** Lists of numbers of items; null for a stream. */
  readonly batchSampler: (Iterable<readonly number[]> & { readonly length?: number }) | null;
  readonly #numbered: Dataset<Item> | null;
  readonly #collateFn: ((items: Item[]) => Batch | Promise<Batch>) | undefined;
  readonly #generator: Generator;
  readonly #prefetch: number;
  readonly #persistent: boolean;
  #workers: LoaderWorkers | null = null;

  constructor(dataset: Dataset<Item> | IterableDataset<Item> | readonly Item[], options: LoaderOptions<Item, Batch> = {}) {
    const { batchSize = 1, shuffle = false, sampler, batchSampler, dropLast = false, collateFn, seed, generator } = options;
    const { numWorkers = 0, prefetchFactor = 2, persistentWorkers = false } = options;
    checkWhole('batchSize', batchSize, 1);
    checkWhole('numWorkers', numWorkers, 0);
    checkWhole('prefetchFactor', prefetchFactor, 1);
    const exclude = (a: string, b: string, both: boolean): void => {
      if (both) throw new ValueError(`DataLoader: ${a} and ${b} were both given; pass one of them`);
    };
    exclude('seed', 'generator', seed !== undefined && generator !== undefined);
    exclude('shuffle', 'sampler', shuffle && sampler !== undefined);
    for (const name of ['batchSize', 'shuffle', 'sampler', 'dropLast'] as const)
      exclude('batchSampler', name, batchSampler !== undefined && options[name] !== undefined && options[name] !== false);
    if (Array.isArray(dataset)) {
      const items = dataset as readonly Item[];
      this.#numbered = { length: items.length, get: (i) => items[i] };
    } else this.#numbered = isNumbered(dataset as Dataset<Item>) ? (dataset as Dataset<Item>) : null;
    if (this.#numbered === null) {
      if (shuffle || sampler !== undefined || batchSampler !== undefined)
        throw new ValueError(
          'DataLoader: a stream has no numbered items; shuffle, sampler and batchSampler need a set with length and get',
        );
      if (numWorkers > 0) throw new ValueError('DataLoader: a stream cannot be shared among workers; pass numWorkers: 0');
    } else if (numWorkers > 0 && !(dataset instanceof WorkerDataset))
      throw new ValueError(
        "DataLoader: workers need a set that they can make themselves; make it with workerDataset(new URL('./my-set.js', import.meta.url), { name, args })",
      );
    if (persistentWorkers && numWorkers === 0) throw new ValueError('DataLoader: persistentWorkers needs numWorkers above 0');
    this.dataset = dataset as Dataset<Item> | IterableDataset<Item>;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
    this.numWorkers = numWorkers;
    this.#collateFn = collateFn;
    this.#generator = seed === undefined ? (generator ?? defaultGenerator) : new Generator(seed);
    this.#prefetch = numWorkers * prefetchFactor;
    this.#persistent = persistentWorkers;
    const set = this.#numbered;
    const order = (s: Dataset<Item>): Sampler =>
      sampler ?? (shuffle ? new RandomSampler(s, { generator: this.#generator }) : new SequentialSampler(s));
    this.batchSampler = set === null ? null : (batchSampler ?? new BatchSampler(order(set), batchSize, { dropLast }));
  }

  /** The generator of the shuffles and of the workers' seeds, whose state a checkpoint keeps. */
  get generator(): Generator {
    return this.#generator;
  }

  /** Batches an epoch. ValueError for a stream, or a batchSampler without a length. */
  get length(): number {
    const n = this.batchSampler?.length;
    if (n === undefined)
      throw new ValueError('DataLoader: the number of batches is not known before the end of a stream or of a batchSampler without length');
    return n;
  }

  /** One epoch. Under memory pressure it gives the collector a turn between batches. */
  [Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    if (this.#numbered === null) return this.#stream();
    if (this.numWorkers > 0) {
      if (hasNode()) return this.#byWorkers();
      if (!warned) console.warn('DataLoader: worker threads are for Node; in a browser the items are loaded in this thread');
      warned = true;
    }
    return this.#here(this.#numbered);
  }

  /** The first batch of an epoch. Throws an IndexError when the epoch has none. */
  async first(): Promise<Batch> {
    for await (const batch of this) return batch;
    const items = this.#numbered === null ? 'a stream' : `a set of ${this.#numbered.length} items`;
    throw new IndexError(
      `DataLoader: ${items} makes no batch of ${this.batchSize}; pass more items${this.dropLast ? ' or dropLast: false' : ''}`,
    );
  }

  /** Ends the workers of a loader with persistentWorkers. */
  async close(): Promise<void> {
    const workers = this.#workers;
    this.#workers = null;
    await workers?.close();
  }

  async #finish(items: unknown): Promise<Batch> {
    return this.#collateFn === undefined ? (items as Batch) : await this.#collateFn(items as Item[]);
  }

  /** Seed of the workers' random draws. Every epoch takes one, so that orders do not depend on the number of workers. */
  #workerSeed(): number {
    const [high, low] = philox(this.#generator.seed, this.#generator.take(1));
    return (high >>> 12) * 2 ** 32 + low;
  }

  async *#here(set: Dataset<Item>): AsyncGenerator<Batch, void, undefined> {
    this.#workerSeed();
    for (const indices of this.batchSampler as Iterable<readonly number[]>) {
      await pressureYield();
      yield await this.#finish(await makeBatch(set, indices, this.#collateFn === undefined));
    }
  }

  async *#stream(): AsyncGenerator<Batch, void, undefined> {
    const batch = async (items: Item[]): Promise<Batch> => this.#finish(this.#collateFn === undefined ? defaultCollate(items) : items);
    let items: Item[] = [];
    for await (const item of this.dataset as IterableDataset<Item>) {
      items.push(item);
      if (items.length < this.batchSize) continue;
      await pressureYield();
      yield await batch(items);
      items = [];
    }
    if (items.length > 0 && !this.dropLast) yield await batch(items);
  }

  async *#byWorkers(): AsyncGenerator<Batch, void, undefined> {
    const { LoaderWorkers } = await import('./loader-workers.ts');
    // A loop within a loop over the same loader gets workers of its own.
    let workers = this.#workers;
    this.#workers = null;
    if (workers === null || !workers.usable) workers = new LoaderWorkers((this.dataset as WorkerDataset<Item>).source, this.numWorkers);
    const seed = this.#workerSeed();
    const waiting: Promise<unknown>[] = [];
    let sent = 0;
    const order = (this.batchSampler as Iterable<readonly number[]>)[Symbol.iterator]();
    try {
      for (let done = false; ; ) {
        while (!done && waiting.length < this.#prefetch) {
          const next = order.next();
          done = next.done === true;
          if (next.done) break;
          const loading = workers.load(next.value, this.#collateFn === undefined, seed + sent++);
          loading.catch(() => {}); // seen when its turn comes
          waiting.push(loading);
        }
        const loading = waiting.shift();
        if (loading === undefined) break;
        await pressureYield();
        yield await this.#finish(await loading);
      }
    } finally {
      order.return?.();
      if (this.#persistent && workers.usable && this.#workers === null) {
        // batches that an early end leaves behind are loaded and dropped
        this.#workers = workers;
      } else await workers.close();
    }
  }
}

function checkWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new ValueError(
      `DataLoader: ${name} is ${value}; a ${least > 0 ? 'positive whole number' : 'whole number of at least 0'} was expected`,
    );
}
