// DataLoader, TensorDataset, Subset and the default collation.

import { describe, expect, it } from 'vitest';
import { DataLoader, type Dataset, defaultCollate, Subset, TensorDataset } from '../../src/data/index.ts';
import { arange, Generator, manualSeed, type Tensor, tensor, transpose, zeros } from '../../src/index.ts';

const numbers = (t: Tensor): number[] => t.numbersSync();
async function all<T>(loader: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const batch of loader) out.push(batch);
  return out;
}
const pairs = (n: number): TensorDataset<[Tensor, Tensor]> => new TensorDataset(arange(2 * n).reshape([n, 2]), arange(n));

describe('DataLoader', () => {
  it('gives batches in order; the last one may be short', async () => {
    const loader = new DataLoader(pairs(5), { batchSize: 2 });
    expect(loader.length).toBe(3);
    const batches = await all(loader);
    expect(batches.map(([x]) => x.shape)).toEqual([
      [2, 2],
      [2, 2],
      [1, 2],
    ]);
    expect(batches.map(([, y]) => numbers(y))).toEqual([[0, 1], [2, 3], [4]]);
    expect(numbers(batches[1][0])).toEqual([4, 5, 6, 7]);
    expect(batches[0][1].dtype).toBe('int64');
  });

  it('dropLast leaves the short batch out of length and loop', async () => {
    const loader = new DataLoader(pairs(5), { batchSize: 2, dropLast: true });
    expect(loader.length).toBe(2);
    expect(await all(loader)).toHaveLength(2);
  });

  it('shuffles freshly each epoch, holds every item once, and repeats with the seed', async () => {
    const epochs = async (seed: number): Promise<number[][]> => {
      const loader = new DataLoader(pairs(20), { batchSize: 3, shuffle: true, seed });
      const epoch = async (): Promise<number[]> => (await all(loader)).flatMap(([, y]) => numbers(y));
      return [await epoch(), await epoch()];
    };
    const [first, second] = await epochs(1);
    expect([...first].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(first).not.toEqual(second);
    expect(await epochs(1)).toEqual([first, second]);
    expect((await epochs(2))[0]).not.toEqual(first);
  });

  it('without a seed follows manualSeed; with a generator, that', async () => {
    const order = async (generator?: Generator): Promise<number[]> =>
      (await all(new DataLoader(pairs(10), { batchSize: 10, shuffle: true, ...(generator && { generator }) }))).flatMap(([, y]) =>
        numbers(y),
      );
    manualSeed(7);
    const a = await order();
    manualSeed(7);
    expect(await order()).toEqual(a);
    expect(await order(new Generator(7))).toEqual(a);
  });

  it('items and targets stay together when shuffled', async () => {
    for (const [x, y] of await all(new DataLoader(pairs(30), { batchSize: 4, shuffle: true }))) {
      expect(numbers(x)).toEqual(numbers(y).flatMap((v) => [2 * v, 2 * v + 1]));
    }
  });

  it('the batch of a set of views is the same as of items one by one', async () => {
    const set = new TensorDataset(transpose(arange(12).reshape([3, 4]), 0, 1));
    const items: Dataset<[Tensor]> = { length: 4, get: (i) => set.get(i) };
    const [fast] = await all(new DataLoader(set, { batchSize: 4 }));
    const [slow] = await all(new DataLoader(items, { batchSize: 4 }));
    expect(fast[0].shape).toEqual([4, 3]);
    expect(numbers(fast[0])).toEqual(numbers(slow[0]));
  });

  it('takes sets with promises, and a collate of its own', async () => {
    const set: Dataset<number> = { length: 4, get: async (i) => i * i };
    expect(await all(new DataLoader(set, { batchSize: 2, collateFn: (items) => items.join('+') }))).toEqual(['0+1', '4+9']);
    expect(numbers(await new DataLoader(set, { batchSize: 3 }).first())).toEqual([0, 1, 4]);
  });

  it('an early end of the loop and an empty set do no harm', async () => {
    for await (const _ of new DataLoader(pairs(5))) break;
    const empty = new DataLoader(new TensorDataset(zeros([0, 2])), { batchSize: 2, shuffle: true });
    expect(empty.length).toBe(0);
    expect(await all(empty)).toEqual([]);
    await expect(empty.first()).rejects.toThrow('a set of 0 items makes no batch of 2');
  });

  it('wrong options say what was expected', () => {
    for (const batchSize of [0, -1, 1.5, Number.NaN])
      expect(() => new DataLoader(pairs(2), { batchSize })).toThrow(`batchSize is ${batchSize}`);
    expect(() => new DataLoader(pairs(2), { seed: 1, generator: new Generator(1) })).toThrow('pass one of them');
  });
});

describe('TensorDataset and Subset', () => {
  it('give rows', () => {
    const [x, y] = pairs(4).get(2);
    expect(numbers(x)).toEqual([4, 5]);
    expect(y.shape).toEqual([]);
    expect(
      numbers(
        new Subset(pairs(4), [3, 1]).get(0) instanceof Promise ? zeros([1]) : (new Subset(pairs(4), [3, 1]).get(0) as [Tensor, Tensor])[1],
      ),
    ).toEqual([3]);
  });

  it('reject sizes and numbers that do not fit', () => {
    expect(() => new TensorDataset(zeros([3]), zeros([2]))).toThrow('tensor 1 is [2], the first is [3]');
    expect(() => new TensorDataset()).toThrow('no tensors');
    expect(() => pairs(3).get(3)).toThrow('there is no item 3; the set has 3 items');
    expect(() => pairs(3).getBatch([0, -1])).toThrow('there is no item -1');
    expect(() => new Subset(pairs(3), [5])).toThrow('there is no item 5');
  });
});

describe('defaultCollate', () => {
  it('stacks tensors and makes tensors of numbers and booleans', () => {
    expect(defaultCollate([tensor([1, 2]), tensor([3, 4])]).shape).toEqual([2, 2]);
    expect(defaultCollate([1, 2]).dtype).toBe('int64');
    expect(defaultCollate([1, 2.5]).dtype).toBe('float32');
    expect(defaultCollate([true, false]).dtype).toBe('bool');
    expect(defaultCollate(['a', 'b'])).toEqual(['a', 'b']);
  });

  it('batches tuples within tuples part by part', () => {
    const items: [[Tensor, Tensor], number][] = [
      [[tensor([1]), tensor([2])], 0],
      [[tensor([3]), tensor([4])], 1],
    ];
    const [[p, h], y] = defaultCollate(items);
    expect([numbers(p), numbers(h), numbers(y)]).toEqual([
      [1, 3],
      [2, 4],
      [0, 1],
    ]);
  });

  it('batches objects by name', () => {
    const { x, name } = defaultCollate([
      { x: 1, name: 'a' },
      { x: 2, name: 'b' },
    ]);
    expect(numbers(x)).toEqual([1, 2]);
    expect(name).toEqual(['a', 'b']);
  });

  it('items that do not match are one line', () => {
    expect(() => defaultCollate([zeros([2]), zeros([3])])).toThrow(
      'collate: item 1 of the batch is [3], the first is [2]; make them equal',
    );
    expect(() => defaultCollate([zeros([2]), zeros([2], { dtype: 'float64' })])).toThrow('is float64, the first is float32');
    expect(() => defaultCollate<unknown>([1, 'a'])).toThrow('is a string, the first is a number');
    expect(() => defaultCollate([[1, 2], [1]])).toThrow('has 1 parts, the first has 2');
    expect(() => defaultCollate([null])).toThrow('is null, which makes no batch');
  });
});
