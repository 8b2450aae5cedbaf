// DataLoader with worker threads: order, bounded prefetch, errors, shutting down, seeds.

import { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { DataError, DataLoader, type WorkerDataset, workerDataset } from '../../src/data/index.ts';
import { Generator, type Tensor } from '../../src/index.ts';

const module = new URL('./fixtures/worker-sets.mjs', import.meta.url);
const open = <Item>(name: string, ...args: unknown[]): Promise<WorkerDataset<Item>> => workerDataset<Item>(module, { name, args });
async function all<T>(loader: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const batch of loader) out.push(batch);
  return out;
}
interface Square {
  x: Tensor;
  pair: [number, string];
  thread: number;
}
/** Threads that run now: their number is the next free thread id's distance, so they are counted by what exits. */
const exits = (): { count: () => number; restore: () => void } => {
  const spy = vi.spyOn(Worker.prototype, 'terminate');
  return { count: () => spy.mock.calls.length, restore: () => spy.mockRestore() };
};

describe('DataLoader with workers', () => {
  it('gives whole batches in order from several threads, tensors, tuples and texts included', async () => {
    const loader = new DataLoader(await open<Square>('Squares', 10, { delay: 2 }), { batchSize: 2, numWorkers: 2 });
    expect(loader.length).toBe(5);
    const batches = await all(loader);
    expect(batches.map((b) => b.x.numbersSync())).toEqual([0, 2, 4, 6, 8].map((i) => [i, i * i, i + 1, (i + 1) ** 2]));
    expect(batches[1].x.dtype).toBe('float32');
    expect(batches[1].pair[0].numbersSync()).toEqual([2, 3]);
    expect(batches[1].pair[1]).toEqual(['item 2', 'item 3']);
    const threads = new Set(batches.flatMap((b) => b.thread.numbersSync()));
    expect(threads.size).toBe(2);
    expect(threads.has(0)).toBe(false);
  });

  it('shuffles as without workers, and the same seed repeats', async () => {
    const set = await open<Square>('Squares', 12);
    const order = async (numWorkers: number): Promise<number[]> => {
      const loader = new DataLoader<Square, number[]>(set, {
        batchSize: 3,
        shuffle: true,
        seed: 4,
        numWorkers,
        collateFn: (items) => items.map((s) => s.pair[0]),
      });
      return (await all(loader)).flat();
    };
    const two = await order(2);
    expect([...two].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expect(await order(1)).toEqual(two);
    expect(await order(0)).toEqual(two);
  });

  it('random draws of a set depend on the generator, not on the number of workers', async () => {
    const set = await open<Tensor>('noise');
    const draw = async (numWorkers: number, seed: number): Promise<number[]> =>
      (await all(new DataLoader(set, { batchSize: 2, numWorkers, generator: new Generator(seed) }))).flatMap((t) =>
        (t as Tensor).numbersSync(),
      );
    const first = await draw(1, 5);
    expect(await draw(3, 5)).toEqual(first);
    expect(await draw(1, 6)).not.toEqual(first);
    expect(new Set(first).size).toBe(first.length);
  });

  it('a set that makes batches does so in the worker', async () => {
    const batches = await all(new DataLoader(await open<unknown>('Batched'), { batchSize: 3, numWorkers: 1 }));
    expect(batches).toEqual([
      [Int32Array.from([0, 1, 2]), 1],
      [Int32Array.from([3, 4, 5]), 2],
    ]);
  });

  it('loads no more than prefetchFactor batches a worker ahead', async () => {
    const sampled: number[] = [];
    const batchSampler = {
      *[Symbol.iterator]() {
        for (let i = 0; i < 8; i++) {
          sampled.push(i);
          yield [i];
        }
      },
    };
    const loader = new DataLoader(await open<Square>('Squares', 8), { batchSampler, numWorkers: 2, prefetchFactor: 1 });
    let seen = 0;
    for await (const _ of loader) expect(sampled.length).toBeLessThanOrEqual(++seen + 2);
    expect(seen).toBe(8);
  });

  it('an error in a worker comes with its message at its place in the order; the threads end', async () => {
    const terminated = exits();
    const loader = new DataLoader(await open<number>('failing', 5), { batchSize: 2, numWorkers: 2 });
    const seen: number[] = [];
    const failure = await (async () => {
      for await (const b of loader) seen.push(...b.numbersSync());
    })().catch((e) => e);
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(failure).toBeInstanceOf(DataError);
    expect(failure.message).toMatch(/worker 0 failed with RangeError: item 5 cannot be read/);
    expect(failure.cause.stack).toContain('worker-sets.mjs');
    expect(terminated.count()).toBe(2);
    terminated.restore();
  });

  it('a set that cannot be made in the worker, and a thread that ends, are errors', async () => {
    await expect(all(new DataLoader(await open<number>('broken'), { numWorkers: 1 }))).rejects.toThrow('no such folder');
    await expect(all(new DataLoader(await open<number>('dying'), { numWorkers: 1 }))).rejects.toThrow(
      'worker 0 was lost: it ended with code 7',
    );
  });

  it('an early end of the loop ends the threads', async () => {
    const terminated = exits();
    for await (const _ of new DataLoader(await open<Square>('Squares', 100, { delay: 1 }), { numWorkers: 2 })) break;
    expect(terminated.count()).toBe(2);
    terminated.restore();
  });

  it('persistentWorkers: epochs share the threads until close', async () => {
    const terminated = exits();
    const loader = new DataLoader(await open<Square>('Squares', 4), { batchSize: 4, numWorkers: 1, persistentWorkers: true });
    const [a] = await all(loader);
    for await (const _ of loader) break;
    const [b] = await all(loader);
    expect(b.thread.numbersSync()).toEqual(a.thread.numbersSync());
    expect(terminated.count()).toBe(0);
    await loader.close();
    expect(terminated.count()).toBe(1);
    const [c] = await all(loader);
    expect(c.thread.numbersSync()).not.toEqual(a.thread.numbersSync());
    await loader.close();
    terminated.restore();
  });

  it('wrong sets say what was expected', async () => {
    const local = { length: 2, get: (i: number) => i };
    expect(() => new DataLoader(local, { numWorkers: 1 })).toThrow(/workerDataset/);
    expect(() => new DataLoader([1, 2], { numWorkers: -1 })).toThrow(/numWorkers is -1/);
    expect(() => new DataLoader([1, 2], { persistentWorkers: true })).toThrow(/numWorkers above 0/);
    await expect(open('nothing')).rejects.toThrow(/no export 'nothing'; it has .*Squares/);
    await expect(open('notASet')).rejects.toThrow(/gives no data set/);
    await expect(workerDataset('./sets.mjs')).rejects.toThrow(/absolute URL/);
  });
});
