// Hooks, submodules by path, freezing.

import { expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';

const net = (): nn.Sequential => new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU(), new nn.Linear(3, 1)) as unknown as nn.Sequential;

test('a full backward hook sees the gradients at both ends and may replace those of the inputs', () => {
  const layer = new nn.Linear(2, 1, { bias: false });
  nn.init.constant_(layer.weight, 3);
  const seen: (number[] | null)[][] = [];
  const remove = layer.registerFullBackwardHook((_m, ins, outs) => {
    seen.push([ins[0]?.numbersSync() ?? null, outs[0]?.numbersSync() ?? null]);
    return ins.map((g) => g?.mul(10) ?? null);
  });
  const x = ft.ones([1, 2]).requiresGrad_();
  layer(x).sum().backward();
  expect(seen).toEqual([[[3, 3], [1]]]);
  expect(x.grad?.numbersSync()).toEqual([30, 30]);
  expect(layer.weight.grad?.numbersSync()).toEqual([1, 1]);
  remove();
  layer(x).sum().backward();
  expect(seen.length).toBe(1);
});

test('without gradients of the inputs the hook still runs, with null for them', () => {
  const layer = new nn.Linear(2, 1);
  let got: unknown = null;
  layer.registerFullBackwardHook((_m, ins) => {
    got = ins;
  });
  layer(ft.ones([1, 2]))
    .sum()
    .backward();
  expect(got).toEqual([null]);
});

test('a backward pre-hook changes what enters the module', () => {
  const layer = new nn.Linear(1, 1, { bias: false });
  layer.registerFullBackwardPreHook((_m, outs) => outs.map((g) => g?.mul(2) ?? null));
  layer(ft.ones([1, 1]))
    .sum()
    .backward();
  expect(layer.weight.grad?.numbersSync()).toEqual([2]);
});

test('modules, parameters and buffers by path; unknown paths name what is there', () => {
  const n = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3));
  expect(n.getSubmodule('0')).toBe(n.at(0));
  expect(n.getSubmodule('')).toBe(n);
  expect(n.getParameter('0.weight').shape).toEqual([3, 2]);
  expect(n.getBuffer('1.running_mean').shape).toEqual([3]);
  expect(() => n.getSubmodule('2')).toThrow(/'2'.*0, 1/);
  expect(() => n.getParameter('1.running_mean')).toThrow(ft.ValueError);
});

test('a frozen part gets no gradients and the rest does', () => {
  const n = net();
  n.at(0).requiresGrad_(false);
  n(ft.ones([1, 2]))
    .sum()
    .backward();
  expect(n.getParameter('0.weight').grad).toBeNull();
  expect(n.getParameter('2.weight').grad).not.toBeNull();
});

test('a buffer that is not persistent is moved but not saved', () => {
  class Scaled extends nn.Module {
    constructor() {
      super();
      this.registerBuffer('scale', ft.ones([1]), { persistent: false });
    }
    forward(x: ft.Tensor): ft.Tensor {
      return x.mul((this as unknown as { scale: ft.Tensor }).scale);
    }
  }
  const m = new Scaled();
  expect(m.stateDict()).toEqual({});
  expect(m.double().buffers()[0].dtype).toBe('float64');
});

test('summary tells shapes and parameters layer by layer and leaves the mode alone', () => {
  const n = net();
  const s = n.summary(ft.ones([4, 2]));
  expect(s.rows.map((r) => [r.kind, r.outputShape, r.parameters])).toEqual([
    ['Linear', [4, 3], 9],
    ['ReLU', [4, 3], 0],
    ['Linear', [4, 1], 4],
  ]);
  expect(s.totalParameters).toBe(13);
  expect(n.training).toBe(true);
});
