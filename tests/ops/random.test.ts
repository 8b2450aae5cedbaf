// Random functions and in-place fills: moments at fixed seeds, views, integers, wrong arguments.
import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';

const values = (t: ft.Tensor): number[] => ft.numbersSync(t);
const n = 20000;
/** Fails unless mean and variance are within five standard errors. */
function expectMoments(x: ft.Tensor, mean: number, variance: number): void {
  const v = values(x);
  const m = v.reduce((a, b) => a + b, 0) / v.length;
  const second = v.reduce((a, b) => a + (b - m) ** 2, 0) / v.length;
  const fourth = v.reduce((a, b) => a + (b - m) ** 4, 0) / v.length;
  expect(Math.abs(m - mean), `mean ${m}`).toBeLessThan(5 * Math.sqrt(variance / v.length));
  expect(Math.abs(second - variance), `variance ${second}`).toBeLessThan(5 * Math.sqrt((fourth - second ** 2) / v.length) + 1e-9);
}

describe('in-place fills', () => {
  test.each([
    ['normal_', (x: ft.Tensor) => x.normal_(2, 3), 2, 9],
    ['uniform_', (x: ft.Tensor) => x.uniform_(-1, 3), 1, 16 / 12],
    ['bernoulli_', (x: ft.Tensor) => x.bernoulli_(0.3), 0.3, 0.21],
    ['exponential_', (x: ft.Tensor) => x.exponential_(2), 0.5, 0.25],
    ['geometric_', (x: ft.Tensor) => x.geometric_(0.25), 4, 12],
    ['logNormal_', (x: ft.Tensor) => x.logNormal_(0, 0.5), Math.exp(0.125), (Math.exp(0.25) - 1) * Math.exp(0.25)],
    ['random_', (x: ft.Tensor) => x.random_(3, 9), 5.5, 35 / 12],
  ] as [string, (x: ft.Tensor) => ft.Tensor, number, number][])('%s', (_, fill, mean, variance) => {
    for (const dtype of ['float32', 'float64'] as const) {
      ft.manualSeed(9);
      const x = ft.empty([n], { dtype });
      expect(fill(x)).toBe(x);
      expectMoments(x, mean, variance);
    }
  });
  test('cauchy_: half of the numbers lie within sigma of the median', () => {
    ft.manualSeed(1);
    const x = ft.empty([n]).cauchy_(1, 2);
    const inside = ft.itemSync(x.sub(1).abs().lt(2).sum());
    expect(Math.abs(inside - n / 2)).toBeLessThan(2.5 * Math.sqrt(n));
  });
  test('a view is filled, its neighbours stay', () => {
    const x = ft.zeros([3, 4]);
    x.select(1, 2).uniform_(1, 2);
    expect(values(x).filter((v) => v !== 0).length).toBe(3);
  });
  test('integers: random_, bernoulli_ and geometric_ fill them, the others refuse', () => {
    const x = ft.zeros([1000], { dtype: 'int64' }).random_(-5, 5);
    expect([Math.min(...values(x)), Math.max(...values(x))]).toEqual([-5, 4]);
    expect(new Set(values(ft.zeros([100], { dtype: 'bool' }).bernoulli_(0.5)))).toEqual(new Set([0, 1]));
    expect(values(ft.zeros([100], { dtype: 'int32' }).geometric_(0.5)).every((v) => v >= 1 && Number.isInteger(v))).toBe(true);
    expect(() => x.normal_()).toThrow(ft.DTypeError);
  });
  test('random_ without bounds stays within what the dtype holds exactly', () => {
    expect(values(ft.zeros([1000], { dtype: 'uint8' }).random_()).every((v) => v >= 0 && v < 256)).toBe(true);
    expect(values(ft.zeros([1000]).random_()).every((v) => Number.isInteger(v) && v <= 2 ** 24)).toBe(true);
    expect(values(ft.zeros([100]).random_(7)).every((v) => v < 7)).toBe(true);
  });
  test('bernoulli_ takes a tensor of probabilities', () => {
    expect(values(ft.zeros([2, 3]).bernoulli_(ft.tensor([0, 1, 1], { dtype: 'float32' })))).toEqual([0, 1, 1, 0, 1, 1]);
  });
  test('a leaf that requires gradients is refused, a result of an operation loses its gradient', () => {
    const leaf = ft.ones([3], { requiresGrad: true });
    expect(() => leaf.normal_()).toThrow(/normal_: a leaf/);
    ft.noGrad(() => leaf.normal_());
    const y = leaf.mul(2);
    y.uniform_();
    y.sum().backward();
    expect(values(leaf.grad as ft.Tensor)).toEqual([0, 0, 0]);
  });
  test('arguments out of range are ValueErrors', () => {
    const x = ft.zeros([2]);
    for (const f of [
      () => x.normal_(0, -1),
      () => x.uniform_(1, 0),
      () => x.bernoulli_(2),
      () => x.exponential_(0),
      () => x.geometric_(0),
      () => x.cauchy_(0, 0),
      () => x.logNormal_(0, 0),
      () => x.random_(5, 5),
    ])
      expect(f).toThrow(ft.ValueError);
  });
});

describe('functions', () => {
  test('normal: tensors of means and deviations broadcast', () => {
    ft.manualSeed(2);
    const mean = ft.tensor([[0], [100]], { dtype: 'float32' });
    const x = ft.normal(mean, ft.ones([n]).mul(2));
    expect(x.shape).toEqual([2, n]);
    expectMoments(x.select(0, 1), 100, 4);
    expect(ft.normal(mean, 1).shape).toEqual([2, 1]);
    expect(ft.normal(0, 1, [2, 2]).shape).toEqual([2, 2]);
    expect(() => ft.normal(mean, -1)).toThrow(ft.ValueError);
    expect(() => (ft.normal as (a: number, b: number) => ft.Tensor)(0, 1)).toThrow(/shape is missing/);
  });
  test('bernoulli, poisson and binomial take parameters element by element', () => {
    ft.manualSeed(3);
    const full = (v: number): ft.Tensor => ft.full([n], v, { dtype: 'float32' });
    expectMoments(ft.bernoulli(full(0.2)), 0.2, 0.16);
    expectMoments(ft.poisson(full(3.5)), 3.5, 3.5);
    expectMoments(ft.binomial(full(50), full(0.4)), 20, 12);
    expect(() => ft.bernoulli(ft.tensor([0.5, 1.2]))).toThrow(ft.ValueError);
    expect(() => ft.poisson(ft.tensor([0.5, -1]))).toThrow(ft.ValueError);
    expect(() => ft.poisson(ft.tensor([1]))).toThrow(ft.DTypeError);
  });
  test('multinomial: frequencies follow the weights, rows are independent', () => {
    ft.manualSeed(4);
    const weights = ft.tensor(
      [
        [1, 0, 3],
        [2, 2, 0],
      ],
      { dtype: 'float32' },
    );
    const x = ft.multinomial(weights, n, { replacement: true });
    expect([x.shape, x.dtype]).toEqual([[2, n], 'int64']);
    const counts = [0, 1, 2].map((k) => values(x.eq(k).sum(1)));
    expect(Math.abs(counts[0][0] - n / 4)).toBeLessThan(5 * Math.sqrt((n * 3) / 16));
    expect([counts[1][0], counts[2][1]]).toEqual([0, 0]);
  });
  test('multinomial without replacement: no repetition, the first draw follows the weights', () => {
    ft.manualSeed(5);
    const x = ft.multinomial(ft.tensor([[1, 0, 3, 2]], { dtype: 'float32' }).repeat([6000, 1]), 3);
    for (const row of ft.toArraySync(x.slice(0, 0, 50)) as number[][]) expect([...row].sort()).toEqual([0, 2, 3]);
    const first = ft.itemSync(x.select(1, 0).eq(2).sum());
    expect(Math.abs(first - 3000)).toBeLessThan(5 * Math.sqrt(1500));
  });
  test('multinomial: wrong weights and too many draws are refused', () => {
    const w = (v: number[]): ft.Tensor => ft.tensor(v, { dtype: 'float32' });
    expect(() => ft.multinomial(w([1, -1]), 1)).toThrow(/-1/);
    expect(() => ft.multinomial(w([0, 0]), 1)).toThrow(/no weight above 0/);
    expect(() => ft.multinomial(w([1, 0, 2]), 3)).toThrow(/2 weight\(s\) above 0/);
    expect(() => ft.multinomial(w([1, 2]), 0)).toThrow(ft.ValueError);
    expect(() => ft.multinomial(ft.ones([1, 1, 1]), 1)).toThrow(ft.ShapeError);
  });
  test('a seed gives the same numbers again', () => {
    const draw = (): number[][] => {
      ft.manualSeed(6);
      return [ft.poisson(ft.full([50], 20, { dtype: 'float32' })), ft.empty([9]).exponential_(), ft.multinomial(ft.ones([5]), 4)].map(
        values,
      );
    };
    expect(draw()).toEqual(draw());
  });
});
