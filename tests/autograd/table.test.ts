// Derivatives of the whole operation table against differences in float64: first and second order, for several layouts of the inputs.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as F from '../../src/nn/functional.ts';
import { binaryRows, unaryRows } from '../../src/ops/elementwise-rows.ts';
import { binaryRows as specialBinary, unaryRows as specialUnary } from '../../src/special/rows.ts';
import { checkDerivatives, checkEverywhere, leafOf } from './check.ts';
import { inputsOf, structural } from './samples.ts';

const f64 = (values: number[], shape = [values.length]): ft.Tensor => ft.fromTyped(Float64Array.from(values), shape);
const lib = ft as unknown as Record<string, (...xs: ft.TensorLike[]) => ft.Tensor>;

// Points inside the domain, away from kinks and poles.
const unaryPoints: Record<string, number[]> = {
  acosh: [1.2, 2.5, 3.1, 1.7, 4.2, 9],
  default: [0.31, 0.62, 0.13, 0.84, 0.45, 0.27],
};
const [left, right] = [f64([1.3, 2.4, 0.7, 3.1, 1.9, 2.8], [2, 3]), f64([2.1, 0.7, 1.6])];
/** Rows without a derivative in the first operand, or whose first is not smooth anywhere. */
const secondOnly = new Set(['igamma', 'igammac']);
const notReal = (row: { dtype: string }): boolean => row.dtype === 'bool' || row.dtype === 'integral';
const skipped = new Set(['nextafter', 'gcd', 'lcm']);

describe('elementwise operations of one tensor', () => {
  for (const [name, row] of Object.entries(unaryRows)) {
    if (notReal(row)) continue;
    const points = unaryPoints[name] ?? unaryPoints.default;
    test(`${name}: first and second derivatives, in every layout, of 0-d and empty tensors`, () => {
      checkEverywhere(lib[name], [f64(points, [2, 3])]);
      checkDerivatives(lib[name], [leafOf(f64([points[0]], []))], '0-d');
      const nothing = ft.zeros([0, 2], { dtype: 'float64', requiresGrad: true });
      expect(ft.grad(lib[name](nothing).sum(), nothing)[0].shape).toEqual([0, 2]);
    });
  }
});

describe('elementwise operations of two tensors', () => {
  for (const [name, row] of Object.entries(binaryRows)) {
    if (notReal(row) || skipped.has(name)) continue;
    test(`${name}: first and second derivatives, in every layout, with broadcast operands`, () => {
      if (secondOnly.has(name)) {
        checkEverywhere((y) => lib[name](left, y), [right]);
        return;
      }
      checkEverywhere(lib[name], [left, right]);
      checkEverywhere(lib[name], [right, left]);
      checkDerivatives(lib[name], [leafOf(f64([1.7], [])), leafOf(left)], '0-d and a matrix');
      checkDerivatives(lib[name], [leafOf(f64([1.34, 0.83], [2, 1])), leafOf(right)], 'both broadcast');
      checkDerivatives((x) => lib[name](x, 1.45), [leafOf(left)], 'a number on the right');
      checkDerivatives((x) => lib[name](1.45, x), [leafOf(left)], 'a number on the left');
    });
  }
});

describe('special functions', () => {
  const special = ft.special as unknown as typeof lib;
  test.each(Object.keys(specialUnary))('%s: first and second derivatives, in every layout', (name) => {
    checkEverywhere(special[name], [f64(unaryPoints.default, [2, 3])]);
  });
  test.each(Object.keys(specialBinary))('%s: first and second derivatives, in every layout', (name) => {
    if (name === 'xlog1py') checkEverywhere(special[name], [left, right]);
    else if (name === 'zeta') checkEverywhere((y) => special[name](left.add(1), y), [right]);
    else for (const n of [0, 1, 4]) checkEverywhere((x) => special[name](x, n), [f64(unaryPoints.default, [2, 3])]);
  });
});

describe('structural operations', () => {
  for (const sample of structural) {
    test(`${sample.name}: first and second derivatives, in every layout`, () => {
      checkEverywhere(sample.fn, inputsOf(sample), sample.once);
    });
  }
  test('inputs of the samples that are expanded views: their gradient is the sum over the copies', () => {
    let count = 0;
    for (const sample of structural) {
      const xs = inputsOf(sample);
      if (xs[0].ndim < 1 || sample.inputs[0] instanceof ft.Tensor || smoothOnlyForDistinct.has(sample.name)) continue;
      const narrow = leafOf(xs[0].narrow(0, 0, 1));
      const rest = xs.slice(1).map((x) => leafOf(x));
      checkDerivatives((x, ...ys) => sample.fn(x.expand(xs[0].shape), ...ys), [narrow, ...rest], sample.name, true);
      count++;
    }
    expect(count).toBeGreaterThan(80);
  });
});
describe('empty inputs', () => {
  const none = (shape: number[]): ft.Tensor => ft.zeros(shape, { dtype: 'float64', requiresGrad: true });
  const cases: Record<string, (x: ft.Tensor) => ft.Tensor> = {
    reshape: (x) => x.reshape([3, 0]),
    transpose: (x) => x.T,
    slice: (x) => x.slice(1, 1),
    expand: (x) => x.unsqueeze(0).expand([2, 0, 3]),
    index: (x) => x.index([[], 1]),
    sum: (x) => x.sum(),
    'sum of a dimension': (x) => x.sum({ dim: 0 }),
    mean: (x) => x.mean({ dim: 1 }),
    prod: (x) => x.prod(),
    logsumexp: (x) => x.logsumexp(1),
    cumsum: (x) => x.cumsum(0),
    sort: (x) => ft.sort(x, { dim: 1 }).values,
    softmax: (x) => ft.softmax(x, 1),
    cat: (x) => ft.cat([x, x]),
    flip: (x) => x.flip(0),
    gather: (x) => x.gather(0, ft.zeros([0, 3], { dtype: 'int64' })),
    'matmul, empty inside': (x) => x.T.matmul(x),
    'matmul, empty outside': (x) => x.matmul(x.T),
    linear: (x) => F.linear(x, ft.ones([2, 3], { dtype: 'float64' })),
    mseLoss: (x) => F.mseLoss(x, x.detach(), { reduction: 'sum' }),
    layerNorm: (x) => F.layerNorm(x, [3]),
    conv1d: (x) => F.conv1d(x.reshape([0, 1, 3]), ft.ones([1, 1, 2], { dtype: 'float64' })),
    maxPool1d: (x) => F.maxPool1d(x.reshape([0, 1, 3]), 2),
  };
  for (const [name, fn] of Object.entries(cases)) {
    test(`${name}: gradients of first and second order have the input's shape`, () => {
      const x = none([0, 3]);
      const [g] = ft.grad(fn(x).sum(), x, { createGraph: true, materializeGrads: true });
      expect(g.shape).toEqual([0, 3]);
      expect(ft.grad(g.sum().add(x.sum()), x)[0].shape).toEqual([0, 3]);
    });
  }
});

/** Operations that are not smooth where elements are equal, as expanded ones are; asStrided needs room that an expanded tensor lacks. */
const smoothOnlyForDistinct = new Set(
  'asStrided amax amin max cummax sort topk kthvalue median quantile'.split(' ').concat(['vectorNorm: inf', 'std', 'var']),
);
