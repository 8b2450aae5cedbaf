// A set that loader workers can make for themselves. Functions cannot be sent to another thread; the name of a module's export can.

import { ValueError } from '../runtime/errors.ts';
import { type BatchedDataset, type Dataset, makesBatches } from './dataset.ts';
import type { DatasetSource } from './messages.ts';

const isDataset = (v: unknown): v is Dataset<unknown> =>
  typeof v === 'object' &&
  v !== null &&
  typeof (v as Dataset<unknown>).get === 'function' &&
  typeof (v as Dataset<unknown>).length === 'number';

/** The set that a source describes, in this thread. ValueError when the module exports no set and nothing that makes one. */
export async function makeDataset({ module, name, args }: DatasetSource): Promise<Dataset<unknown>> {
  const all = (await import(/* @vite-ignore */ module)) as Record<string, unknown>;
  const found = all[name];
  if (found === undefined)
    throw new ValueError(`workerDataset: ${module} has no export '${name}'; it has ${Object.keys(all).join(', ') || 'none'}`);
  const isClass = typeof found === 'function' && /^class\b/.test(Function.prototype.toString.call(found));
  const made =
    typeof found !== 'function'
      ? found
      : isClass
        ? new (found as new (...a: readonly unknown[]) => unknown)(...args)
        : await (found as (...a: readonly unknown[]) => unknown)(...args);
  if (!isDataset(made)) throw new ValueError(`workerDataset: '${name}' of ${module} gives no data set; one has a length and get(index)`);
  return made;
}

/** A set together with where workers find it. Made by {@link workerDataset}. */
export class WorkerDataset<Item> implements Dataset<Item> {
  readonly source: DatasetSource;
  readonly local: Dataset<Item>;

  constructor(source: DatasetSource, local: Dataset<Item>) {
    this.source = source;
    this.local = local;
    if (makesBatches(local))
      Object.assign(this, { getBatch: (indices: ArrayLike<number>) => (local as BatchedDataset<Item, unknown>).getBatch(indices) });
  }
  get length(): number {
    return this.local.length;
  }
  get(index: number): Item | Promise<Item> {
    return this.local.get(index);
  }
}

/**
 * A set for a loader with `numWorkers`: export `name` of the module at the absolute URL `module` is a set, or a function (async too) or class that
 * makes one of `args`. Each worker makes its own, and so does this thread, for the length; opening files is best left to the first `get`. Arguments must be
 * values that can be sent to another thread.
 */
export async function workerDataset<Item>(
  module: string | URL,
  { name = 'default', args = [] }: { name?: string; args?: readonly unknown[] } = {},
): Promise<WorkerDataset<Item>> {
  const url = String(module);
  if (!URL.canParse(url)) throw new ValueError(`workerDataset: '${url}' is no absolute URL; write new URL('./my-set.js', import.meta.url)`);
  const source = { module: url, name, args };
  return new WorkerDataset<Item>(source, (await makeDataset(source)) as Dataset<Item>);
}
