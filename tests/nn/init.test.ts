// Initialisers, clipping and vectors of parameters.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';

const { init } = nn;
const numbers = (t: ft.Tensor): number[] => t.numbersSync();

describe('init', () => {
  test('orthogonal_ gives orthonormal rows or columns, times gain', () => {
    ft.manualSeed(0);
    for (const shape of [
      [5, 3],
      [3, 5],
      [4, 2, 2],
    ]) {
      const w = init.orthogonal_(ft.empty(shape, { dtype: 'float64' }), { gain: 2 }).reshape([shape[0], -1]);
      const gram = w.shape[0] < w.shape[1] ? w.matmul(w.T) : w.T.matmul(w);
      const rest = gram.sub(ft.eye(gram.shape[0], { dtype: 'float64' }).mul(4)).abs();
      expect(Math.max(...numbers(rest))).toBeLessThan(1e-10);
    }
  });

  test('truncNormal_ stays within its bounds and keeps the shape of a normal distribution', () => {
    ft.manualSeed(1);
    const t = init.truncNormal_(ft.empty([20000]), 1, 2, -1, 3);
    expect(Math.min(...numbers(t))).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...numbers(t))).toBeLessThanOrEqual(3);
    expect(t.mean().itemSync()).toBeCloseTo(1, 1);
  });

  test('sparse_ zeroes the same share of every column', () => {
    const t = init.sparse_(ft.empty([10, 4]), 0.25);
    expect(numbers(t.eq(0).long().sum(0))).toEqual([3, 3, 3, 3]);
  });

  test('dirac_ makes a convolution that passes its input', () => {
    const conv = new nn.Conv2d(4, 4, 3, { padding: 1, groups: 2, bias: false });
    init.dirac_(conv.weight, { groups: 2 });
    const x = ft.randn([1, 4, 5, 5]);
    expect(numbers(conv(x))).toEqual(numbers(x));
  });

  test('gains and modes: unknown names are ValueErrors that list the known ones', () => {
    expect(init.calculateGain('leakyRelu', 1)).toBe(1);
    expect(() => init.calculateGain('gelu' as 'relu')).toThrow(/linear, .*selu/);
    expect(() => init.kaimingNormal_(ft.empty([2, 2]), { mode: 'fan' as 'fanIn' })).toThrow(ft.ValueError);
  });

  test('kaiming scales by the fan and the nonlinearity', () => {
    ft.manualSeed(2);
    const t = init.kaimingNormal_(ft.empty([100, 50, 2]), { nonlinearity: 'relu', mode: 'fanOut' });
    expect(t.square().mean().itemSync()).toBeCloseTo(2 / 200, 3);
  });

  test('views are filled through their strides', () => {
    const t = ft.zeros([3, 2]);
    init.uniform_(t.select(1, 1), 1, 2);
    init.eye_(t.slice(0, 0, 2));
    expect(numbers(t).slice(0, 4)).toEqual([1, 0, 0, 1]);
    expect(numbers(t)[4]).toBe(0);
    expect(numbers(t)[5]).toBeGreaterThanOrEqual(1);
  });
});

describe('clipping', () => {
  const withGrads = (...grads: number[][]): ft.Tensor[] =>
    grads.map((g) => {
      const p = ft.zeros([g.length]).requiresGrad_();
      p.grad = ft.tensor(g, { dtype: 'float32' });
      return p;
    });

  test('the norm over all gradients is the one returned, for every order', () => {
    const norm = (p: number): number => nn.clipGradNorm_(withGrads([3, 0], [-4]), 100, { normType: p }).itemSync();
    expect([2, 1, 0, Number.POSITIVE_INFINITY].map(norm)).toEqual([5, 7, 2, 4]);
    expect(norm(3)).toBeCloseTo(91 ** (1 / 3), 5);
    expect(nn.clipGradNorm_([], 1).itemSync()).toBe(0);
  });

  test('gradients shrink to the bound, and stay as they are below it', () => {
    const params = withGrads([3, 0], [-4]);
    nn.clipGradNorm_(params, 1);
    expect(numbers(params[0].grad as ft.Tensor)[0]).toBeCloseTo(0.6, 5);
    expect(numbers(params[1].grad as ft.Tensor)[0]).toBeCloseTo(-0.8, 5);
    const small = withGrads([0.25]);
    nn.clipGradNorm_(small, 1);
    expect(numbers(small[0].grad as ft.Tensor)).toEqual([0.25]);
  });

  test('a NaN is an error when asked', () => {
    expect(nn.clipGradNorm_(withGrads([Number.NaN]), 1).itemSync()).toBeNaN();
    expect(() => nn.clipGradNorm_(withGrads([Number.NaN]), 1, { errorIfNonfinite: true })).toThrow(ft.GradError);
  });
});

test('parameters as a vector and back', () => {
  const net = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 1));
  const v = nn.parametersToVector(net.parameters());
  expect(v.shape).toEqual([9]);
  nn.vectorToParameters(ft.arange(9).float(), net.parameters());
  expect(numbers(nn.parametersToVector(net.parameters()))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(() => nn.vectorToParameters(ft.zeros([8]), net.parameters())).toThrow(ft.ShapeError);
});
