// Normalisation: accuracy, running moments, composed against fused gradients, errors.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';

const F = nn.functional;
const numbers = (t: ft.Tensor): number[] => t.numbersSync();
const random = (...shape: number[]): ft.Tensor => ft.randn(shape, { dtype: 'float64' });

describe('batchNorm', () => {
  test('a large mean does not spoil the variance in float32', () => {
    ft.manualSeed(1);
    const x = ft.randn([64, 3, 5, 5]).add(20000);
    const y = F.batchNorm(x, null, null, { training: true });
    const exact = F.batchNorm(x.double(), null, null, { training: true });
    expect(Math.max(...numbers(y.double().sub(exact).abs()))).toBeLessThan(2e-3);
  });

  test('one value per channel has no variance: ValueError; evaluation needs running moments: ValueError', () => {
    expect(() => F.batchNorm(ft.zeros([1, 3]), null, null, { training: true })).toThrow(ft.ValueError);
    expect(() => F.batchNorm(ft.zeros([4, 3]), null, null)).toThrow(/runningMean and runningVar/);
  });

  test('an empty batch gives an empty result and gradients of zero', () => {
    const w = ft.ones([3]).requiresGrad_();
    const y = F.batchNorm(ft.zeros([0, 3, 2]), null, null, { training: true, weight: w });
    expect(y.shape).toEqual([0, 3, 2]);
    y.sum().backward();
    expect(numbers(w.grad as ft.Tensor)).toEqual([0, 0, 0]);
  });

  test('strided inputs and strided running moments give what dense ones give', () => {
    ft.manualSeed(2);
    const x = random(6, 5, 4).transpose(1, 2);
    const wide = ft.zeros([4, 2], { dtype: 'float64' });
    const dense = ft.zeros([4], { dtype: 'float64' });
    const ones = (): ft.Tensor => ft.ones([4], { dtype: 'float64' });
    const a = F.batchNorm(x, wide.select(1, 0), ones(), { training: true });
    const b = F.batchNorm(x.contiguous(), dense, ones(), { training: true });
    expect(numbers(a)).toEqual(numbers(b));
    expect(numbers(wide.select(1, 0))).toEqual(numbers(dense));
    expect(numbers(wide.select(1, 1))).toEqual([0, 0, 0, 0]);
  });

  test('the number of threads changes no bit', () => {
    ft.manualSeed(3);
    const x = ft.randn([32, 16, 20, 20]);
    const before = ft.threads();
    ft.setThreads(1);
    const one = numbers(F.batchNorm(x, null, null, { training: true }));
    ft.setThreads(before);
    expect(numbers(F.batchNorm(x, null, null, { training: true }))).toEqual(one);
  });
});

describe('gradients with createGraph are those of the fused backward', () => {
  const cases: Record<string, (x: ft.Tensor, w: ft.Tensor, b: ft.Tensor) => ft.Tensor> = {
    'batchNorm in training': (x, w, b) => F.batchNorm(x, null, null, { weight: w, bias: b, training: true }),
    'batchNorm in evaluation': (x, w, b) =>
      F.batchNorm(x, ft.tensor([0.1, 0.2, 0.3, 0.4], { dtype: 'float64' }), ft.tensor([1, 2, 3, 0.5], { dtype: 'float64' }), {
        weight: w,
        bias: b,
      }),
    groupNorm: (x, w, b) => F.groupNorm(x, 2, { weight: w, bias: b }),
    instanceNorm: (x, w, b) => F.instanceNorm(x, { weight: w, bias: b }),
    layerNorm: (x, w, b) => F.layerNorm(x.transpose(1, 2), 4, { weight: w, bias: b }),
    rmsNorm: (x, w, b) => F.rmsNorm(x.transpose(1, 2), [4], { weight: w }).add(b),
  };
  for (const [name, fn] of Object.entries(cases))
    test(name, () => {
      ft.manualSeed(4);
      const leaves = [random(3, 4, 7), random(4), random(4)].map((t) => t.requiresGrad_());
      const weights = random(3, 4, 7);
      const loss = (): ft.Tensor => {
        const y = fn(leaves[0], leaves[1], leaves[2]);
        return y.mul(weights.reshape(y.shape)).sum();
      };
      const fused = ft.grad(loss(), leaves);
      const composed = ft.grad(loss(), leaves, { createGraph: true });
      fused.forEach((g, i) => {
        const d = (g as ft.Tensor).sub(composed[i] as ft.Tensor).abs();
        expect(Math.max(...numbers(d))).toBeLessThan(1e-9);
      });
    });
});

describe('rows and samples beyond one part of the sums', () => {
  const cases: Record<string, [number[], number[], (x: ft.Tensor, w: ft.Tensor, b: ft.Tensor) => ft.Tensor]> = {
    'batchNorm of 600 samples, 7 features': [
      [600, 7],
      [7],
      (x, w, b) => F.batchNorm(x, null, null, { weight: w, bias: b, training: true }),
    ],
    'batchNorm of long channels': [[2, 3, 2501], [3], (x, w, b) => F.batchNorm(x, null, null, { weight: w, bias: b, training: true })],
    'batchNorm of many short channels': [[900, 2, 3], [2], (x, w, b) => F.batchNorm(x, null, null, { weight: w, bias: b, training: true })],
    'layerNorm of long rows': [[3, 4099], [4099], (x, w, b) => F.layerNorm(x, 4099, { weight: w, bias: b })],
    'layerNorm of many rows': [[700, 33], [33], (x, w, b) => F.layerNorm(x, 33, { weight: w, bias: b })],
    'groupNorm of long groups': [[2, 4, 1500], [4], (x, w, b) => F.groupNorm(x, 2, { weight: w, bias: b })],
    'rmsNorm of long rows': [[3, 4099], [4099], (x, w, b) => F.rmsNorm(x, 4099, { weight: w }).add(b)],
  };
  for (const [name, [shape, affine, fn]] of Object.entries(cases))
    for (const dtype of ['float32', 'float64'] as const)
      test(`${name}, ${dtype}`, () => {
        ft.manualSeed(5);
        const exact = [
          ft.randn(shape, { dtype: 'float64' }).add(3),
          ft.randn(affine, { dtype: 'float64' }),
          ft.randn(affine, { dtype: 'float64' }),
        ];
        const weights = ft.randn(shape, { dtype: 'float64' });
        const leaves = exact.map((t) => t.to(dtype).detach().clone().requiresGrad_());
        const reference = exact.map((t) => t.clone().requiresGrad_());
        const y = fn(leaves[0], leaves[1], leaves[2]);
        const grads = ft.grad(y.mul(weights.to(dtype)).sum(), leaves);
        const composed = ft.grad(fn(reference[0], reference[1], reference[2]).mul(weights).sum(), reference, { createGraph: true });
        grads.forEach((g, i) => {
          const want = composed[i] as ft.Tensor;
          const scale = want.abs().amax().itemSync();
          const d = (g as ft.Tensor).double().sub(want).abs().amax().itemSync();
          expect(d / scale).toBeLessThan(dtype === 'float32' ? 2e-6 : 1e-12);
        });
      });
});

describe('layers', () => {
  test('momentum null takes the plain mean over all batches', () => {
    const layer = new nn.BatchNorm1d(1, { momentum: null, dtype: 'float64' });
    for (const m of [1, 2, 6]) layer(ft.tensor([[m - 1], [m + 1]], { dtype: 'float64' }));
    expect(numbers(layer.runningMean as ft.Tensor)[0]).toBeCloseTo(3, 12);
    expect(layer.numBatchesTracked?.itemSync()).toBe(3);
  });

  test('state dict has the names of PyTorch', () => {
    expect(Object.keys(new nn.BatchNorm2d(3).stateDict())).toEqual([
      'weight',
      'bias',
      'running_mean',
      'running_var',
      'num_batches_tracked',
    ]);
    expect(Object.keys(new nn.BatchNorm2d(3, { affine: false, trackRunningStats: false }).stateDict())).toEqual([]);
  });

  test('a lazy layer takes its channels from the input, or from a state; buffers are not parameters', () => {
    const lazy = new nn.LazyBatchNorm2d();
    expect(lazy.parameters().length).toBe(2);
    expect(lazy.buffers().length).toBe(3);
    lazy(ft.randn([2, 5, 3, 3]));
    expect(lazy.numFeatures).toBe(5);
    expect(lazy.runningMean?.shape).toEqual([5]);
    const other = new nn.LazyBatchNorm2d();
    other.loadStateDict(lazy.stateDict());
    expect(numbers(other.runningVar as ft.Tensor)).toEqual(numbers(lazy.runningVar as ft.Tensor));
    expect(other.numFeatures).toBe(5);
  });

  test('wrong ranks and channels are ShapeErrors', () => {
    expect(() => new nn.BatchNorm2d(3)(ft.zeros([2, 3, 4]))).toThrow(ft.ShapeError);
    expect(() => new nn.BatchNorm2d(3)(ft.zeros([2, 4, 4, 4]))).toThrow(/has 4 channel\(s\), the layer 3/);
    expect(() => new nn.GroupNorm(2, 3)).toThrow(ft.ValueError);
  });

  test('double() casts parameters and running moments', () => {
    const layer = new nn.BatchNorm1d(2).double();
    expect([layer.weight?.dtype, layer.runningMean?.dtype, layer.numBatchesTracked?.dtype]).toEqual(['float64', 'float64', 'int64']);
    expect(layer(random(4, 2)).dtype).toBe('float64');
  });
});
