// Convolution layers: padding modes, lazy forms, three dimensions, errors.

import { expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import { checkGradients } from '../ops/gradients.ts';

const F = nn.functional;
const close = (a: ft.Tensor, b: ft.Tensor, within = 1e-4): void => {
  expect(a.shape).toEqual(b.shape);
  expect(Math.max(...a.sub(b).abs().numbersSync())).toBeLessThan(within);
};

test('paddingMode pads as pad does', () => {
  ft.manualSeed(0);
  const x = ft.randn([1, 2, 6, 5]);
  for (const mode of ['reflect', 'replicate', 'circular'] as const) {
    const layer = new nn.Conv2d(2, 3, [3, 2], { padding: [2, 1], paddingMode: mode });
    close(layer(x), F.conv2d(ft.pad(x, [1, 1, 2, 2], { mode }), layer.weight, layer.bias));
  }
});

test("padding 'same' keeps the size of even and dilated kernels in every dimension", () => {
  expect(new nn.Conv1d(1, 1, 4, { padding: 'same' })(ft.randn([1, 1, 9])).shape).toEqual([1, 1, 9]);
  expect(new nn.Conv3d(1, 1, [2, 3, 4], { padding: 'same', dilation: [3, 1, 2] })(ft.randn([1, 1, 6, 7, 8])).shape).toEqual([
    1, 1, 6, 7, 8,
  ]);
  expect(() => new nn.Conv2d(1, 1, 3, { padding: 'same', stride: 2 })).toThrow(ft.ValueError);
});

test('conv3d of a depth of one is conv2d', () => {
  ft.manualSeed(1);
  const [x, w] = [ft.randn([2, 4, 6, 6]), ft.randn([6, 2, 3, 3])];
  const y = F.conv3d(x.unsqueeze(2), w.unsqueeze(2), null, { padding: [0, 1, 1], stride: [1, 2, 2], groups: 2 });
  close(y.squeeze(2), F.conv2d(x, w, null, { padding: 1, stride: 2, groups: 2 }));
});

test('convTranspose3d is the adjoint of conv3d', () => {
  ft.manualSeed(2);
  const options = { stride: [2, 1, 2], padding: [1, 0, 1], dilation: [1, 2, 1], groups: 2 };
  const x = ft.randn([2, 4, 5, 6, 5], { dtype: 'float64' });
  const w = ft.randn([6, 2, 3, 2, 3], { dtype: 'float64' });
  const y = F.conv3d(x, w, null, options);
  const g = ft.randn(y.shape, { dtype: 'float64' });
  const back = F.convTranspose3d(g, w, null, { ...options });
  expect(y.mul(g).sum().itemSync()).toBeCloseTo(back.mul(x).sum().itemSync(), 8);
});

test('conv3d: gradients agree with differences', () => {
  ft.manualSeed(3);
  const input = [ft.randn([1, 2, 3, 3, 3], { dtype: 'float64' }), ft.randn([2, 1, 2, 2, 2], { dtype: 'float64' })];
  checkGradients((x, w) => F.conv3d(x, w, null, { padding: 1, stride: 2, groups: 2 }), input);
});

test('a lazy layer becomes the plain class when its shapes are known', () => {
  const lazy = new nn.LazyLinear(3);
  expect(String(lazy)).toBe('LazyLinear(inFeatures=0, outFeatures=3, bias=true)');
  lazy(ft.ones([1, 2]));
  expect(lazy.constructor).toBe(nn.Linear);
  expect(String(lazy)).toBe('Linear(inFeatures=2, outFeatures=3, bias=true)');
  const norm = new nn.LazyBatchNorm1d();
  norm.loadStateDict(new nn.BatchNorm1d(4).stateDict());
  expect(norm.constructor).toBe(nn.BatchNorm1d);
  class Own extends nn.LazyConv1d {}
  const own = new Own(2, 1);
  own(ft.ones([1, 3, 4]));
  expect(own.constructor).toBe(Own);
});

test('lazy layers take their input channels from the first input and then count as real', () => {
  const net = new nn.Sequential(new nn.LazyConv2d(4, 3, { groups: 2 }), new nn.ReLU(), new nn.LazyConvTranspose2d(2, 2));
  expect(net(ft.randn([1, 6, 5, 5])).shape).toEqual([1, 2, 4, 4]);
  expect(net.namedParameters().map(([name, p]) => [name, p.shape])).toEqual([
    ['0.weight', [4, 3, 3, 3]],
    ['0.bias', [4]],
    ['2.weight', [4, 2, 2, 2]],
    ['2.bias', [2]],
  ]);
  const lazy = new nn.LazyConv1d(3, 2);
  lazy.loadStateDict(new nn.Conv1d(5, 3, 2).stateDict());
  expect(lazy.inChannels).toBe(5);
});

test('groups divide both channel counts, else ValueError at construction and ShapeError at the first input', () => {
  expect(() => new nn.Conv2d(3, 4, 3, { groups: 2 })).toThrow(ft.ValueError);
  expect(() => new nn.LazyConv2d(4, 3, { groups: 2 })(ft.zeros([1, 3, 5, 5]))).toThrow(ft.ShapeError);
});

test('the printed form names what differs from the defaults', () => {
  expect(String(new nn.Conv2d(1, 6, 5, { padding: 2 }))).toBe('Conv2d(1, 6, kernelSize=[5, 5], stride=[1, 1], padding=[2, 2])');
  expect(String(new nn.ConvTranspose2d(2, 4, 3, { stride: 2, outputPadding: 1, groups: 2, bias: false }))).toBe(
    'ConvTranspose2d(2, 4, kernelSize=[3, 3], stride=[2, 2], outputPadding=[1, 1], groups=2, bias=false)',
  );
});
