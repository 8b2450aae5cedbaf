// Sorting, order statistics and searching: long rows, ties, NaN, errors.
import { describe, expect, it } from 'vitest';
import * as ft from '../../src/index.ts';

describe('sort', () => {
  it('100,000 numbers: values ascend and the positions give them back', () => {
    ft.manualSeed(1);
    const x = ft.randn([100_000]);
    const { values, indices } = x.sort();
    const v = values.dataSync() as Float32Array;
    for (let i = 1; i < v.length; i++) if (v[i] < v[i - 1]) throw new Error(`not sorted at ${i}`);
    expect(x.indexSelect(0, indices).equal(values)).toBe(true);
  });
  it('equal elements keep their order in both directions', () => {
    const x = ft.tensor([2, 1, 2, 1, 2]);
    expect(x.argsort().toArraySync()).toEqual([1, 3, 0, 2, 4]);
    expect(x.argsort({ descending: true }).toArraySync()).toEqual([0, 2, 4, 1, 3]);
  });
  it('NaN stands at the end, and in front when descending', () => {
    const x = ft.tensor([1, Number.NaN, -1]);
    expect(x.argsort().toArraySync()).toEqual([2, 0, 1]);
    expect(x.argsort({ descending: true }).toArraySync()).toEqual([1, 0, 2]);
  });
  it('along a middle dimension of a transposed tensor', () => {
    const x = ft.randn([3, 5, 4]).transpose(0, 2);
    const { values, indices } = x.sort({ dim: 1, descending: true });
    expect(values.equal(x.gather(1, indices))).toBe(true);
    expect(values.diff({ dim: 1 }).le(0).all().itemSync()).toBe(1);
  });
});

describe('order statistics', () => {
  it('median takes the lower of an even count; nanmedian skips NaN', () => {
    expect(ft.tensor([4, 1, 3, 2]).median().itemSync()).toBe(2);
    const x = ft.tensor([[1, Number.NaN, 5, 3]]);
    expect(Number.isNaN(x.median().itemSync())).toBe(true);
    expect(x.median(1).indices.toArraySync()).toEqual([1]);
    expect(x.nanmedian(1).values.toArraySync()).toEqual([3]);
  });
  it('quantiles of several orders come as a first dimension', () => {
    const x = ft.arange(5, { dtype: 'float32' }).reshape([1, 5]);
    const q = x.quantile(ft.tensor([0, 0.25, 1]), { dim: 1, keepdim: true });
    expect(q.shape).toEqual([3, 1, 1]);
    expect(q.flatten().toArraySync()).toEqual([0, 1, 4]);
  });
  it('topk and kthvalue refuse a k beyond the dimension', () => {
    expect(() => ft.zeros([3]).topk(4)).toThrow(/topk: k 4 is out of range for dimension 0 of size 3/);
    expect(() => ft.zeros([3]).kthvalue(0)).toThrow(ft.IndexError);
  });
  it('quantile refuses an order beyond 1 and integers', () => {
    expect(() => ft.zeros([3]).quantile(1.5)).toThrow(/q 1.5 must be between 0 and 1/);
    expect(() => ft.arange(3).quantile(0.5)).toThrow(ft.DTypeError);
  });
  it('std of one value is NaN with the usual correction and 0 without', () => {
    expect(Number.isNaN(ft.ones([1]).std().itemSync())).toBe(true);
    expect(ft.ones([1]).std({ correction: 0 }).itemSync()).toBe(0);
  });
  it('variance of large offsets keeps its digits (two passes)', () => {
    const x = ft.tensor([1e4 + 1, 1e4 + 2, 1e4 + 3], { dtype: 'float32' });
    expect(x.var().itemSync()).toBeCloseTo(1, 5);
  });
});

describe('searching and counting', () => {
  it('searchsorted finds the insertion place before or behind equal elements', () => {
    const s = ft.tensor([1, 2, 2, 3]);
    expect(ft.searchsorted(s, ft.tensor([2, 0, 9])).toArraySync()).toEqual([1, 0, 4]);
    expect(ft.searchsorted(s, ft.tensor([2]), { right: true }).toArraySync()).toEqual([3]);
    expect(() => ft.searchsorted(s, ft.tensor([0.5]))).toThrow(ft.DTypeError);
  });
  it('unique gives what was asked for', () => {
    const x = ft.tensor([3, 1, 3, 2]);
    expect(x.unique().toArraySync()).toEqual([1, 2, 3]);
    const { values, inverse, counts } = x.unique({ returnInverse: true, returnCounts: true });
    expect(values.indexSelect(0, inverse as ft.Tensor).equal(x)).toBe(true);
    expect(counts?.toArraySync()).toEqual([1, 1, 2]);
  });
  it('bincount and histc count every element once', () => {
    expect(ft.tensor([0, 2, 2]).bincount({ minlength: 4 }).toArraySync()).toEqual([1, 0, 2, 0]);
    expect(() => ft.tensor([-1]).bincount()).toThrow(/negative/);
    ft.manualSeed(0);
    expect(ft.rand([1000]).histc({ bins: 7, min: 0, max: 1 }).sum().itemSync()).toBe(1000);
  });
});
