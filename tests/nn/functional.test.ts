// Functions behind the layers: facts that hold beside single values.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import { checkGradients } from '../ops/gradients.ts';

const F = nn.functional;
const numbers = (t: ft.Tensor): number[] => t.numbersSync();
const random = (...shape: number[]): ft.Tensor => ft.randn(shape, { dtype: 'float64' });

describe('pooling', () => {
  test('positions of every max pooling lead to its values', () => {
    ft.manualSeed(0);
    const x = random(2, 3, 7, 8, 9);
    const plane = x.select(2, 0);
    const results = [
      [plane, F.maxPool2dWithIndices(plane, 3, { padding: 1, stride: 2 })],
      [plane, F.adaptiveMaxPool2dWithIndices(plane, [5, 4])],
      [plane, F.fractionalMaxPool2dWithIndices(plane, 2, { outputSize: [5, 3] })],
      [x, F.maxPool3dWithIndices(x, [2, 3, 2], { ceilMode: true })],
      [x, F.adaptiveMaxPool3dWithIndices(x, [3, 4, 5])],
      [x, F.fractionalMaxPool3dWithIndices(x, 2, { outputRatio: 0.5 })],
    ] as const;
    for (const [from, { values, indices }] of results) {
      const rows = [6, values.numel / 6];
      expect(numbers(from.reshape([6, from.numel / 6]).gather(1, indices.reshape(rows)))).toEqual(numbers(values.reshape(rows)));
    }
  });

  test('maxUnpool2d puts maxima back where they were', () => {
    ft.manualSeed(1);
    const x = random(1, 2, 6, 6);
    const { values, indices } = F.maxPool2dWithIndices(x, 2);
    const back = F.maxUnpool2d(values, indices, 2);
    expect(numbers(F.maxPool2d(back.abs().add(back), 2))).toEqual(numbers(values.abs().add(values)));
    expect(() => F.maxUnpool2d(values, indices, 2, { outputSize: [9, 9] })).toThrow(ft.ValueError);
  });

  test('fractional pooling gives the size that it is asked for, from given samples the same windows', () => {
    const x = random(2, 3, 9, 9);
    const randomSamples = ft.full([2, 3, 2], 0.3);
    const one = F.fractionalMaxPool2d(x, 2, { outputSize: 5, randomSamples });
    expect(one.shape).toEqual([2, 3, 5, 5]);
    expect(numbers(F.fractionalMaxPool2d(x, 2, { outputSize: 5, randomSamples }))).toEqual(numbers(one));
    expect(() => F.fractionalMaxPool2d(x, 2, {})).toThrow(ft.ValueError);
  });
});

describe('embedding', () => {
  const weight = (): ft.Tensor =>
    ft.tensor(
      [
        [3, 4],
        [0, 1],
        [6, 8],
      ],
      { dtype: 'float64' },
    );

  test('indices beyond the table and negative ones are IndexErrors that name them', () => {
    expect(() => F.embedding(ft.tensor([0, 3]), weight())).toThrow(/holds 3, but the table has 3 row/);
    expect(() => F.embedding(ft.tensor([0, -1]), weight())).toThrow(/holds -1/);
    expect(() => F.embeddingBag(ft.tensor([[0, -1]]), weight())).toThrow(ft.IndexError);
  });

  test('maxNorm scales the used rows in place, and only those', () => {
    const w = weight();
    F.embedding(ft.tensor([0, 1, 0]), w, { maxNorm: 2.5 });
    expect(numbers(w).map((v) => Math.round(v * 1e5) / 1e5)).toEqual([1.5, 2, 0, 1, 6, 8]);
  });

  test('empty bags are zero in every mode; offsets may repeat', () => {
    for (const mode of ['sum', 'mean', 'max'] as const)
      expect(numbers(F.embeddingBag(ft.tensor([0, 2]), weight(), { offsets: ft.tensor([0, 0, 2]), mode }).select(0, 0))).toEqual([0, 0]);
  });

  test('fromPretrained freezes the table unless told otherwise', () => {
    expect(nn.Embedding.fromPretrained(weight()).weight.requiresGrad).toBe(false);
    const layer = nn.Embedding.fromPretrained(weight(), { freeze: false, paddingIdx: -1 });
    layer(ft.tensor([2, 1]))
      .sum()
      .backward();
    expect(numbers(layer.weight.grad as ft.Tensor)).toEqual([0, 0, 1, 1, 0, 0]);
  });
});

describe('dropout', () => {
  test('channel dropout zeroes whole channels and keeps the mean', () => {
    ft.manualSeed(2);
    const y = F.dropout2d(ft.ones([50, 20, 3, 3]), { p: 0.25 });
    const channels = y.reshape([1000, 9]);
    const [least, most] = [channels.amin(1), channels.amax(1)];
    expect(numbers(least)).toEqual(numbers(most));
    expect(y.mean().itemSync()).toBeCloseTo(1, 1);
  });

  test('alphaDropout keeps mean and deviation of a normal distribution', () => {
    ft.manualSeed(3);
    const y = F.alphaDropout(random(20000), { p: 0.3, training: true });
    expect(Math.abs(y.mean().itemSync())).toBeLessThan(0.05);
    expect(y.square().mean().itemSync()).toBeCloseTo(1, 1);
  });

  test('gumbelSoftmax: hard samples are one-hot, follow the distribution, and pass gradients', () => {
    ft.manualSeed(4);
    const logits = ft
      .log(ft.tensor([0.2, 0.5, 0.3], { dtype: 'float64' }))
      .expand([4000, 3])
      .clone()
      .requiresGrad_();
    const y = F.gumbelSoftmax(logits, { hard: true, tau: 0.7 });
    expect(numbers(y.sum(1)).every((v) => Math.abs(v - 1) < 1e-9)).toBe(true);
    const share = numbers(y.mean(0));
    [0.2, 0.5, 0.3].forEach((p, i) => expect(Math.abs(share[i] - p)).toBeLessThan(0.03));
    y.select(1, 0).sum().backward();
    expect(logits.grad?.abs().sum().itemSync()).toBeGreaterThan(0);
  });
});

describe('resizing and sampling', () => {
  test('an identity grid gives the image back', () => {
    const x = random(1, 2, 4, 5);
    const theta = ft.tensor(
      [
        [
          [1, 0, 0],
          [0, 1, 0],
        ],
      ],
      { dtype: 'float64' },
    );
    for (const alignCorners of [true, false]) {
      const y = F.gridSample(x, F.affineGrid(theta, [1, 2, 4, 5], { alignCorners }), { alignCorners });
      expect(Math.max(...numbers(y.sub(x).abs()))).toBeLessThan(1e-12);
    }
  });

  test('volumes: interpolation and sampling agree with each other, gradients with differences', () => {
    ft.manualSeed(5);
    const x = random(1, 1, 2, 3, 2);
    const theta = ft.tensor(
      [
        [
          [1, 0, 0, 0],
          [0, 1, 0, 0],
          [0, 0, 1, 0],
        ],
      ],
      { dtype: 'float64' },
    );
    const grid = F.affineGrid(theta, [1, 1, 3, 5, 4], { alignCorners: true });
    const sampled = F.gridSample(x, grid, { alignCorners: true });
    const resized = F.interpolate(x, { size: [3, 5, 4], mode: 'trilinear', alignCorners: true });
    expect(Math.max(...numbers(sampled.sub(resized).abs()))).toBeLessThan(1e-12);
    checkGradients((v, g) => F.gridSample(v, g), [x, random(1, 1, 2, 2, 3).mul(0.4)]);
  });

  test('antialiased shrinking keeps constants and averages', () => {
    const x = ft.arange(16).double().reshape([1, 1, 4, 4]);
    const y = F.interpolate(x, { size: 2, mode: 'bilinear', antialias: true });
    expect(y.mean().itemSync()).toBeCloseTo(7.5, 10);
    expect(() => F.interpolate(x, { size: 2, mode: 'nearest', antialias: true })).toThrow(ft.ValueError);
    expect(() => F.interpolate(x, { size: 2, mode: 'linear' })).toThrow(/needs 1 spatial/);
  });
});

test('fold adds up what unfold repeats', () => {
  const x = random(2, 3, 6, 5);
  const options = { padding: 1, stride: 2, dilation: 1 };
  const once = F.fold(F.unfold(ft.ones([2, 3, 6, 5], { dtype: 'float64' }), 3, options), [6, 5], 3, options);
  const back = F.fold(F.unfold(x, 3, options), [6, 5], 3, options);
  expect(Math.max(...numbers(back.sub(x.mul(once)).abs()))).toBeLessThan(1e-12);
});

test('cdist: gradients with createGraph are those of the fused backward, for every kind of p', () => {
  ft.manualSeed(6);
  for (const p of [0.5, 1, 1.5, 2, 3, Number.POSITIVE_INFINITY]) {
    const leaves = [random(2, 4, 3).requiresGrad_(), random(5, 3).requiresGrad_()];
    const loss = (): ft.Tensor => ft.cdist(leaves[0], leaves[1], { p }).square().sum();
    const fused = ft.grad(loss(), leaves);
    const composed = ft.grad(loss(), leaves, { createGraph: true });
    fused.forEach((g, i) => expect(Math.max(...numbers((g as ft.Tensor).sub(composed[i] as ft.Tensor).abs()))).toBeLessThan(1e-9));
  }
});

describe('composed functions keep no memory beside what their graph saved', () => {
  const x = ft.randn([4, 8, 12, 12]).requiresGrad_();
  const y = ft.randn([4, 8, 12, 12]);
  const conv = new nn.Conv2d(8, 4, 3, { padding: 1, paddingMode: 'reflect' });
  const cases: Record<string, () => ft.Tensor> = {
    interpolate: () => F.interpolate(x, { scaleFactor: 2, mode: 'bicubic' }),
    gridSample: () => F.gridSample(x, F.affineGrid(ft.ones([4, 2, 3]), [4, 8, 6, 6])),
    adaptiveAvgPool2d: () => F.adaptiveAvgPool2d(x, 5),
    adaptiveMaxPool2d: () => F.adaptiveMaxPool2d(x, 5),
    localResponseNorm: () => F.localResponseNorm(x, 3),
    unfold: () => F.unfold(x, 3),
    conv3d: () => F.conv3d(x.unsqueeze(1), ft.ones([2, 1, 3, 3, 3])),
    cosineSimilarity: () => F.cosineSimilarity(x, y),
    mseLoss: () => F.mseLoss(x, y),
    'padded Conv2d': () => conv(x),
  };
  for (const [name, fn] of Object.entries(cases))
    test(name, () => {
      const step = (): void => {
        const out = fn();
        const total = out.sum();
        total.backward();
        for (const t of [x, conv.weight, conv.bias as ft.Tensor]) t.clearGrad();
        out.dispose();
        total.dispose();
      };
      step();
      const before = ft.memory().live;
      for (let i = 0; i < 5; i++) step();
      // made by the test itself: kernels and grids of a few KiB
      expect(ft.memory().live - before).toBeLessThan(5 * 16384);
    });
});
