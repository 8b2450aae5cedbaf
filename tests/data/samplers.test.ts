// Samplers, sets made of sets, streams, and the options of the loader that they need.

import { describe, expect, it } from 'vitest';
import {
  BatchSampler,
  ConcatDataset,
  DataLoader,
  defaultCollate,
  RandomSampler,
  randomSplit,
  SequentialSampler,
  StackDataset,
  SubsetRandomSampler,
  TensorDataset,
  WeightedRandomSampler,
} from '../../src/data/index.ts';
import { arange, Generator, IndexError, ShapeError, type Tensor, tensor, ValueError } from '../../src/index.ts';

const sized = (length: number): { length: number } => ({ length });
const sorted = (list: Iterable<number>): number[] => [...list].sort((a, b) => a - b);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
async function all<T>(loader: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const batch of loader) out.push(batch);
  return out;
}

describe('samplers', () => {
  it('SequentialSampler and RandomSampler give every item once, the latter anew in each loop', () => {
    expect([...new SequentialSampler(sized(4))]).toEqual([0, 1, 2, 3]);
    const s = new RandomSampler(sized(30), { generator: new Generator(1) });
    const [a, b] = [[...s], [...s]];
    expect(sorted(a)).toEqual(upTo(30));
    expect(a).not.toEqual(b);
    expect([...new RandomSampler(sized(30), { generator: new Generator(1) })]).toEqual(a);
    expect([...new RandomSampler(sized(0), { replacement: true })]).toEqual([]);
  });
  it('RandomSampler: numSamples without replacement starts over, with replacement repeats items', () => {
    const s = new RandomSampler(sized(4), { numSamples: 10, generator: new Generator(2) });
    const list = [...s];
    expect([s.length, list.length]).toEqual([10, 10]);
    expect(sorted(list.slice(0, 4))).toEqual(upTo(4));
    expect(sorted(list.slice(4, 8))).toEqual(upTo(4));
    const drawn = [...new RandomSampler(sized(1000), { replacement: true, generator: new Generator(2) })];
    expect(new Set(drawn).size).toBeLessThan(800);
    expect(() => new RandomSampler(sized(4), { numSamples: 0 })).toThrow(ValueError);
  });
  it('SubsetRandomSampler gives the listed items in random order', () => {
    const s = new SubsetRandomSampler([5, 7, 9, 11], { generator: new Generator(3) });
    expect(s.length).toBe(4);
    expect(sorted(s)).toEqual([5, 7, 9, 11]);
  });
  it('WeightedRandomSampler follows the weights', () => {
    const n = 10000;
    const counts = [0, 0, 0];
    for (const i of new WeightedRandomSampler([1, 0, 3], n, { generator: new Generator(4) })) counts[i]++;
    expect(counts[1]).toBe(0);
    expect(Math.abs(counts[0] - n / 4)).toBeLessThan(5 * Math.sqrt((n * 3) / 16));
    const weights = tensor([0.2, 0.3, 0, 0.5]);
    expect(sorted(new WeightedRandomSampler(weights, 3, { replacement: false }))).toEqual([0, 1, 3]);
    expect(() => new WeightedRandomSampler(weights, 4, { replacement: false })).toThrow(/3 weight\(s\) are above 0/);
    expect(() => new WeightedRandomSampler([1, -1], 1)).toThrow(/weight 1 is -1/);
    expect(() => new WeightedRandomSampler([0], 1)).toThrow(/no weight/);
  });
  it('BatchSampler cuts the numbers of a sampler into lists', () => {
    expect([...new BatchSampler(new SequentialSampler(sized(5)), 2)]).toEqual([[0, 1], [2, 3], [4]]);
    const dropping = new BatchSampler(new SequentialSampler(sized(5)), 2, { dropLast: true });
    expect([[...dropping], dropping.length]).toEqual([
      [
        [0, 1],
        [2, 3],
      ],
      2,
    ]);
    expect(() => new BatchSampler(new SequentialSampler(sized(5)), 0)).toThrow(ValueError);
  });
});

describe('sets made of sets', () => {
  const items = <T>(list: T[]): { length: number; get: (i: number) => T } => ({ length: list.length, get: (i) => list[i] });
  it('ConcatDataset puts them one after another', async () => {
    const set = new ConcatDataset([items(['a', 'b']), items<string>([]), items(['c'])]);
    expect([set.length, await Promise.all([0, 1, 2].map((i) => set.get(i)))]).toEqual([3, ['a', 'b', 'c']]);
    expect(() => set.get(3)).toThrow(IndexError);
    expect(() => new ConcatDataset([])).toThrow(ValueError);
  });
  it('StackDataset puts them side by side, as tuples or objects', async () => {
    const tuple = new StackDataset([items([1, 2]), items(['a', 'b'])]);
    const item: [number, string] = await tuple.get(1);
    expect(item).toEqual([2, 'b']);
    const named = new StackDataset({ x: items([1, 2]), y: items(['a', 'b']) });
    expect(await named.get(0)).toEqual({ x: 1, y: 'a' });
    const [batch] = await all(new DataLoader(named, { batchSize: 2 }));
    expect([(batch.x as Tensor).numbersSync(), batch.y]).toEqual([
      [1, 2],
      ['a', 'b'],
    ]);
    expect(() => new StackDataset([items([1]), items([1, 2])])).toThrow(ShapeError);
  });
  it('randomSplit: disjoint parts by number or by share', () => {
    const set = items(upTo(10));
    const parts = randomSplit(set, [7, 3], { generator: new Generator(1) });
    expect(parts.map((p) => p.length)).toEqual([7, 3]);
    expect(sorted(parts.flatMap((p) => Array.from(p.indices)))).toEqual(upTo(10));
    expect(randomSplit(set, [0.5, 0.25, 0.25]).map((p) => p.length)).toEqual([6, 2, 2]);
    expect(randomSplit(set, [0.1, 0.2, 0.7]).map((p) => p.length)).toEqual([1, 2, 7]);
    expect(randomSplit(items([1]), [1, 0]).map((p) => p.length)).toEqual([1, 0]);
    expect(() => randomSplit(set, [5, 4])).toThrow(/must sum to the set's 10 items/);
    expect(() => randomSplit(set, [0.5, 0.6])).toThrow(ValueError);
    expect(() => randomSplit(set, [11, -1])).toThrow(ValueError);
  });
});

describe('DataLoader options', () => {
  it('takes a sampler, a batch sampler, an array, or a stream', async () => {
    const numbers = async (loader: DataLoader<number>): Promise<number[][]> => (await all(loader)).map((t) => t.numbersSync());
    expect(await numbers(new DataLoader([10, 20, 30], { batchSize: 2, sampler: new SubsetRandomSampler([2]) }))).toEqual([[30]]);
    expect(await numbers(new DataLoader([10, 20, 30], { batchSampler: [[2, 0], [1]] }))).toEqual([[30, 10], [20]]);
    async function* stream(): AsyncGenerator<number> {
      for (let i = 0; i < 5; i++) yield i;
    }
    const loader = new DataLoader(stream(), { batchSize: 2 });
    expect(() => loader.length).toThrow(/not known/);
    expect(await numbers(loader)).toEqual([[0, 1], [2, 3], [4]]);
    expect(await numbers(new DataLoader(new Set([1, 2, 3]), { batchSize: 2, dropLast: true }))).toEqual([[1, 2]]);
  });
  it('options that exclude one another are ValueErrors', () => {
    const set = new TensorDataset(arange(4));
    expect(() => new DataLoader(set, { shuffle: true, sampler: new SequentialSampler(set) })).toThrow(/shuffle and sampler/);
    expect(() => new DataLoader(set, { batchSize: 2, batchSampler: [[1]] })).toThrow(/batchSampler and batchSize/);
    expect(() => new DataLoader(new Set([1]), { shuffle: true })).toThrow(/stream/);
    expect(() => new DataLoader(set, { prefetchFactor: 0 })).toThrow(/prefetchFactor/);
  });
  it('an item that the sampler names and the set lacks is an IndexError', async () => {
    await expect(all(new DataLoader(new TensorDataset(arange(4)), { sampler: new SubsetRandomSampler([9]) }))).rejects.toThrow(IndexError);
  });
});

describe('defaultCollate', () => {
  it('stacks typed arrays of equal length and type', () => {
    const batch = defaultCollate([Float64Array.from([1, 2]), Float64Array.from([3, 4])]);
    expect([batch.dtype, batch.shape]).toEqual(['float64', [2, 2]]);
    expect(() => defaultCollate([new Int32Array(2), new Int32Array(3)])).toThrow(ShapeError);
    expect(() => defaultCollate<unknown>([new Int32Array(2), new Float32Array(2)])).toThrow(/is a Float32Array, the first is a Int32Array/);
  });
});
