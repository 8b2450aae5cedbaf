// Activation functions: derivatives, kinks, in-place forms.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { checkGradients } from './gradients.ts';

const f64 = (values: number[], shape = [values.length]): ft.Tensor => ft.fromTyped(Float64Array.from(values), shape);
const points = [-7.1, -2.3, -0.9, -0.2, 0.3, 0.8, 2.7, 8.2];

const activations: Record<string, (x: ft.Tensor) => ft.Tensor> = {
  relu: ft.relu,
  relu6: ft.relu6,
  sigmoid: ft.sigmoid,
  tanh: ft.tanh,
  silu: ft.silu,
  mish: ft.mish,
  logsigmoid: ft.logsigmoid,
  softsign: ft.softsign,
  tanhshrink: ft.tanhshrink,
  gelu: ft.gelu,
  'gelu, tanh': (x) => ft.gelu(x, { approximate: 'tanh' }),
  leakyRelu: (x) => ft.leakyRelu(x, { negativeSlope: 0.3 }),
  elu: (x) => ft.elu(x, { alpha: 0.7 }),
  celu: (x) => ft.celu(x, { alpha: 0.7 }),
  selu: ft.selu,
  softplus: (x) => ft.softplus(x, { beta: 2, threshold: 10 }),
  hardtanh: (x) => ft.hardtanh(x, { minVal: -0.5, maxVal: 1.5 }),
  softshrink: ft.softshrink,
  hardshrink: ft.hardshrink,
  hardsigmoid: ft.hardsigmoid,
  hardswish: ft.hardswish,
  threshold: (x) => ft.threshold(x, 0.5, -3),
  rrelu: ft.rrelu,
};

describe('activations', () => {
  for (const [name, f] of Object.entries(activations)) {
    test(`${name}: the derivative agrees with differences`, () => checkGradients(f, [f64(points)]));
    test(`${name}: NaN stays NaN`, () => expect(f(f64([NaN])).itemSync()).toBeNaN());
  }
  test('derivatives at kinks are those of PyTorch', () => {
    const at = (f: (x: ft.Tensor) => ft.Tensor, v: number): number => {
      const x = f64([v]).requiresGrad_();
      return (ft.grad(ft.sum(f(x)), x)[0] as ft.Tensor).itemSync();
    };
    expect(at(ft.relu, 0)).toBe(0);
    expect([at(ft.relu6, 0), at(ft.relu6, 6)]).toEqual([0, 0]);
    expect([at(ft.elu, 0), at(ft.celu, 0), at(ft.leakyRelu, 0)]).toEqual([1, 1, 0.01]);
    expect([at(ft.hardtanh, -1), at(ft.hardtanh, 1)]).toEqual([0, 0]);
  });
  test('prelu: one weight, or one per channel', () => {
    const x = f64(points, [2, 2, 2]);
    checkGradients(ft.prelu, [x, f64([0.3])]);
    checkGradients(ft.prelu, [x, f64([0.3, -0.2])]);
    expect(() => ft.prelu(x, f64([1, 2, 3]))).toThrow(ft.ShapeError);
  });
  test('glu: halves of a dimension', () => {
    checkGradients((x) => ft.glu(x, { dim: 0 }), [f64(points, [4, 2])]);
    expect(() => ft.glu(ft.ones([3]))).toThrow(ft.ShapeError);
  });
  test('rrelu: slopes lie between the bounds when training', () => {
    const x = ft.mul(ft.ones([1000]), -1);
    const y = ft.rrelu(x, { lower: 0.1, upper: 0.2, training: true }).numbersSync();
    expect(Math.min(...y)).toBeGreaterThanOrEqual(Math.fround(-0.2));
    expect(Math.max(...y)).toBeLessThanOrEqual(Math.fround(-0.1));
    expect(new Set(y).size).toBeGreaterThan(900);
    expect(() => ft.rrelu(x, { lower: 1, upper: 0 })).toThrow(ft.ValueError);
  });
  test('in place', () => {
    expect(f64([-1, 2]).relu_().toArraySync()).toEqual([0, 2]);
    expect(f64([-1, 2]).leakyRelu_({ negativeSlope: 0.5 }).toArraySync()).toEqual([-0.5, 2]);
    expect(f64([-1, 2]).threshold_(0, 5).toArraySync()).toEqual([5, 2]);
  });
});
