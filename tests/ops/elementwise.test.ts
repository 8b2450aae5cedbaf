// Elementwise operations, generated from their rows: derivatives, layouts, in-place forms, dtypes.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { binaryRows, unaryRows } from '../../src/ops/elementwise-rows.ts';
import { checkGradients } from './gradients.ts';

const f64 = (values: number[], shape = [values.length]): ft.Tensor => ft.fromTyped(Float64Array.from(values), shape);
type Unary = (x: ft.Tensor) => ft.Tensor;
type Binary = (x: ft.TensorLike, y: ft.TensorLike) => ft.Tensor;
const lib = ft as unknown as Record<string, Unary & Binary>;
const call = (x: ft.Tensor, method: string, ...rest: unknown[]): ft.Tensor =>
  (x as unknown as Record<string, (...a: unknown[]) => ft.Tensor>)[method](...rest);

// Points inside the domain, away from kinks and poles.
const domains: Record<string, number[]> = {
  acosh: [1.2, 2.5, 3.1, 1.7, 4.2, 9],
  default: [0.31, 0.62, 0.13, 0.84, 0.45, 0.27],
  anywhere: [-1.3, 0.4, 2.2, -0.7, 1.1, -2.6],
};
const wholeLine = new Set(
  'neg abs sign ceil floor trunc frac square exp exp2 expm1 sin cos tan atan sinh cosh asinh erf erfc i0 sinc deg2rad rad2deg'.split(' '),
);
const predicates = new Set(Object.keys(unaryRows).filter((k) => unaryRows[k as keyof typeof unaryRows].dtype === 'bool'));

describe('operations of one tensor', () => {
  for (const name of Object.keys(unaryRows)) {
    const points = domains[name] ?? (wholeLine.has(name) ? domains.anywhere : domains.default);
    if (!predicates.has(name)) {
      test(`${name}: the derivative agrees with differences`, () => checkGradients(lib[name], [f64(points)], { tolerance: 1e-4 }));
      test(`${name}_: in place gives the same, and the same gradient`, () => {
        const x = f64(points);
        const y = lib[name](x);
        const leaf = f64(points).requiresGrad_();
        const z = call(ft.mul(leaf, 1), `${name}_`);
        expect(z.toArraySync()).toEqual(y.toArraySync());
        const again = f64(points).requiresGrad_();
        expect(ft.grad(ft.sum(z), leaf)[0]?.toArraySync()).toEqual(ft.grad(ft.sum(lib[name](again)), again)[0]?.toArraySync());
      });
    }
    test(`${name}: a transposed input gives the transposed result`, () => {
      const x = f64(points, [2, 3]);
      expect(lib[name](x.T).toArraySync()).toEqual(lib[name](x).T.toArraySync());
    });
    test(`${name}: nothing in, nothing out`, () => {
      expect(lib[name](ft.zeros([0, 3])).shape).toEqual([0, 3]);
    });
  }
});

describe('operations of two operands', () => {
  const whole = new Set('gcd lcm bitwiseAnd bitwiseOr bitwiseXor bitwiseLeftShift bitwiseRightShift'.split(' '));
  for (const [name, op] of Object.entries(binaryRows)) {
    if (whole.has(name)) {
      test(`${name}: refuses floats`, () => {
        expect(() => lib[name](ft.ones([2]), ft.ones([2]))).toThrow(ft.DTypeError);
      });
      continue;
    }
    const x = f64([1.3, 2.4, 0.7, 3.1, 1.9, 2.8], [2, 3]);
    const y = f64([2.1, 0.7, 1.6]);
    if (op.dtype !== 'bool') {
      test(`${name}: derivatives agree with differences, the smaller operand's summed`, () => {
        if (name === 'igamma' || name === 'igammac') checkGradients((v) => lib[name](y, v), [x], { tolerance: 1e-4 });
        else if (name === 'nextafter') return;
        else checkGradients(lib[name], [x, y], { tolerance: 1e-4 });
      });
    }
    test(`${name}: a number stands for a tensor of it`, () => {
      expect(lib[name](x, 1.5).toArraySync()).toEqual(lib[name](x, f64([1.5])).toArraySync());
      expect(lib[name](1.5, x).toArraySync()).toEqual(lib[name](f64([1.5]), x).toArraySync());
    });
    test(`${name}_: in place gives the same, and keeps the dtype`, () => {
      const z = ft.clone(x);
      expect(call(z, `${name}_`, y)).toBe(z);
      expect(z.dtype).toBe('float64');
      expect(z.toArraySync()).toEqual(ft.to(lib[name](x, y), 'float64').toArraySync());
    });
    test(`${name}: shapes that do not match are refused`, () => {
      expect(() => lib[name](ft.ones([2, 3]), ft.ones([2]))).toThrow(ft.ShapeError);
    });
  }
});

describe('forms with options', () => {
  test('add and sub: alpha scales the second operand', () => {
    expect(ft.add(ft.tensor([1, 2]), ft.tensor([10, 20]), { alpha: 3 }).toArraySync()).toEqual([31, 62]);
    expect(ft.sub(ft.tensor([1, 2]), ft.tensor([10, 20]), { alpha: 2 }).toArraySync()).toEqual([-19, -38]);
  });
  test('div: rounding modes, of integers too', () => {
    const [x, y] = [ft.tensor([7, -7]), ft.tensor([2, 2])];
    expect(ft.div(x, y).toArraySync()).toEqual([3.5, -3.5]);
    expect(ft.div(x, y, { roundingMode: 'floor' }).toArraySync()).toEqual([3, -4]);
    expect(ft.div(x, y, { roundingMode: 'trunc' }).toArraySync()).toEqual([3, -3]);
    expect(ft.div(x, y, { roundingMode: 'trunc' }).dtype).toBe('int64');
    expect(() => ft.div(x, y, { roundingMode: 'up' as 'floor' })).toThrow(/roundingMode/);
  });
  test('div: integers by zero are an error, not a crash', () => {
    expect(() => ft.floorDivide(ft.tensor([1]), ft.tensor([0])).toArraySync()).toThrow(/zero/);
    expect(ft.div(ft.tensor([1, -1]), 0).toArraySync()).toEqual([Infinity, -Infinity]);
  });
  test('round: halves to even, decimals on both sides of the point', () => {
    expect(ft.round(f64([0.5, 1.5, 2.5, -0.5])).toArraySync()).toEqual([0, 2, 2, -0]);
    expect(ft.round(f64([1.255, 123.456]), { decimals: 1 }).toArraySync()).toEqual([1.3, 123.5]);
    expect(ft.round(f64([149, 151]), { decimals: -2 }).toArraySync()).toEqual([100, 200]);
  });
  test('clamp: numbers or tensors, one side or both; NaN stays NaN', () => {
    const x = f64([-2, 0.5, 3, NaN]);
    expect(ft.clamp(x, { min: -1, max: 1 }).toArraySync()).toEqual([-1, 0.5, 1, NaN]);
    expect(ft.clamp(x, { min: f64([0, 1, 2, 3]) }).toArraySync()).toEqual([0, 1, 3, NaN]);
    expect(() => ft.clamp(x)).toThrow(ft.ValueError);
    checkGradients((t) => ft.clamp(t, { min: -1, max: 1 }), [f64([-2, 0.5, 3])]);
    checkGradients((t, lo, hi) => ft.clamp(t, { min: lo, max: hi }), [f64([-2, 0.5, 3]), f64([-1, -1, -1]), f64([1, 1, 1])]);
  });
  test('where: the condition is bool, the rest promotes', () => {
    const c = ft.tensor([true, false]);
    expect(ft.where(c, ft.tensor([1, 2]), 0.5).toArraySync()).toEqual([1, 0.5]);
    expect(() => ft.where(ft.ones([2]), 1, 2)).toThrow(ft.DTypeError);
    checkGradients((x, y) => ft.where(ft.gt(x, y), x, y), [f64([1, 2, 3]), f64([3, 1, 2])]);
  });
  test('lerp, addcmul, addcdiv, logit, nanToNum: derivatives agree with differences', () => {
    const [x, y, z] = [f64([0.2, 0.7]), f64([1.4, -0.6]), f64([0.3, 0.9])];
    checkGradients(ft.lerp, [x, y, z]);
    checkGradients((a, b, c) => ft.addcmul(a, b, c, { value: 0.7 }), [x, y, z]);
    checkGradients((a, b, c) => ft.addcdiv(a, b, c, { value: 0.7 }), [x, y, z]);
    checkGradients((a) => ft.logit(a, { eps: 0.1 }), [x]);
    checkGradients((a) => ft.nanToNum(a), [x]);
    checkGradients((a) => ft.polygamma(2, a), [x], { tolerance: 1e-4 });
    checkGradients((a) => ft.mvlgamma(a, 3), [f64([3.1, 4.4])]);
  });
  test('dist: the gradient at equal tensors is 0, not NaN', () => {
    const x = f64([1, 2]).requiresGrad_();
    for (const p of [0.5, 1, 1.5, 2, 3]) expect(ft.grad(ft.dist(x, f64([1, 2]), { p }), x)[0]?.toArraySync()).toEqual([0, 0]);
    for (const p of [1, 1.5, 2, 3, Infinity]) checkGradients((a, b) => ft.dist(a, b, { p }), [f64([1, 2, -3]), f64([0.5, 3, 4])]);
    expect(ft.dist(f64([1, 2, 3]), f64([1, 5, 4]), { p: 0 }).itemSync()).toBe(2);
  });
  test('isclose, allclose, equal', () => {
    const x = f64([1, NaN, Infinity]);
    expect(ft.isclose(x, f64([1 + 1e-9, NaN, Infinity])).toArraySync()).toEqual([true, false, true]);
    expect(ft.allclose(x, f64([1, NaN, Infinity]), { equalNan: true })).toBe(true);
    expect(ft.isclose(ft.tensor([100, 100]), ft.tensor([101, 120]), { rtol: 0.05 }).toArraySync()).toEqual([true, false]);
    expect(ft.equal(ft.tensor([1, 2]), ft.tensor([1, 2]))).toBe(true);
    expect(ft.equal(ft.tensor([1, 2]), ft.tensor([[1, 2]]))).toBe(false);
  });
});

describe('dtypes', () => {
  test('whole numbers do not widen, float() and fractions make floats', () => {
    const i = ft.tensor([1, 2], { dtype: 'int32' });
    expect(ft.mul(i, 2).dtype).toBe('int32');
    expect(ft.mul(i, ft.float(2)).dtype).toBe('float32');
    expect(ft.mul(i, 0.5).dtype).toBe('float32');
    expect(ft.add(ft.ones([2]), f64([1, 2])).dtype).toBe('float64');
    expect(ft.sqrt(i).dtype).toBe('float32');
    expect(ft.resultType(i, 1.5)).toBe('float32');
    expect(ft.floatPower(i, 2).dtype).toBe('float64');
  });
  test('int64 stays exact beyond 2^53', () => {
    const big = ft.fromTyped(BigInt64Array.of(2n ** 60n, -(2n ** 60n)), [2]);
    expect(Array.from(ft.add(big, 1).dataSync() as BigInt64Array)).toEqual([2n ** 60n + 1n, -(2n ** 60n) + 1n]);
  });
  test('integers have no negative powers', () => {
    expect(() => ft.pow(ft.tensor([1, 2]), -1)).toThrow(ft.ValueError);
    expect(() => ft.tensor([1, 2]).pow(-1)).toThrow(ft.ValueError);
    expect(ft.pow(ft.tensor([1, 2]), -0.5).toArraySync()).toEqual([1, Math.fround(Math.SQRT1_2)]);
  });
  test('in place: a float result does not fit an integer tensor', () => {
    expect(() => ft.tensor([1, 2]).div_(2)).toThrow(ft.DTypeError);
    expect(() => ft.tensor([true]).add_(1)).toThrow(ft.DTypeError);
  });
  test('bool: neg and sub are refused, bitwiseNot is not', () => {
    expect(() => ft.neg(ft.tensor([true]))).toThrow(ft.DTypeError);
    expect(() => ft.sub(ft.tensor([true]), ft.tensor([true]))).toThrow(ft.DTypeError);
    expect(ft.bitwiseNot(ft.tensor([true, false])).toArraySync()).toEqual([false, true]);
  });
});

describe('in place', () => {
  test('an expanded tensor is refused', () => {
    expect(() => ft.ones([1, 3]).expand([2, 3]).add_(1)).toThrow(/clone/);
  });
  test('an operand that overlaps in another layout is read before it is written', () => {
    const x = f64([1, 2, 3, 4], [2, 2]);
    x.add_(x.T);
    expect(x.toArraySync()).toEqual([
      [2, 5],
      [5, 8],
    ]);
  });
  test('maskedFill and maskedFill_: the gradient stops where the mask holds', () => {
    const mask = ft.tensor([true, false, true]);
    checkGradients((x) => x.maskedFill(mask, 7), [f64([1, 2, 3])]);
    checkGradients((x, v) => x.maskedFill(mask, v), [f64([1, 2, 3]), f64([5], [])]);
    expect(f64([1, 2, 3]).maskedFill_(mask, -1).toArraySync()).toEqual([-1, 2, -1]);
    expect(() => f64([1, 2, 3]).maskedFill_(ft.tensor([1, 0, 1]), -1)).toThrow(ft.DTypeError);
    expect(() => f64([1, 2, 3]).maskedFill(mask, f64([1, 2, 3]))).toThrow(ft.ValueError);
  });
  test('the rest of the forms', () => {
    expect(
      f64([1, 4])
        .lerp_(f64([3, 8]), 0.5)
        .toArraySync(),
    ).toEqual([2, 6]);
    expect(
      f64([1, 4])
        .addcmul_(f64([2, 2]), f64([3, 3]), { value: 0.5 })
        .toArraySync(),
    ).toEqual([4, 7]);
    expect(
      f64([1, 4])
        .addcdiv_(f64([2, 2]), f64([4, 4]))
        .toArraySync(),
    ).toEqual([1.5, 4.5]);
    expect(f64([1, 4, 9]).clamp_({ min: 2, max: 5 }).toArraySync()).toEqual([2, 4, 5]);
    expect(f64([7, -7]).div_(2, { roundingMode: 'floor' }).toArraySync()).toEqual([3, -4]);
    expect(f64([NaN, 2]).nanToNum_({ nan: 1 }).toArraySync()).toEqual([1, 2]);
    expect(f64([1.26]).round_({ decimals: 1 }).toArraySync()).toEqual([1.3]);
  });
});

test('second derivatives agree with differences of first ones', () => {
  for (const f of [ft.exp, ft.tanh, ft.sigmoid, ft.gelu, ft.silu, ft.softplus, ft.log, ft.sqrt, ft.square, ft.erf, ft.lgamma] as Unary[])
    ft.autograd.gradgradcheck(f, f64([0.3, 0.8, 1.7]).requiresGrad_(), { atol: 1e-4, rtol: 1e-4 });
});

test('steps have the derivative 0, and unknown derivatives are refused', () => {
  const x = f64([1.5, -0.5]).requiresGrad_();
  ft.sum(ft.floor(x)).backward();
  expect(x.grad?.toArraySync()).toEqual([0, 0]);
  const a = f64([1.5, 2]).requiresGrad_();
  expect(() => ft.sum(ft.igamma(a, f64([1, 2]))).backward()).toThrow(ft.GradError);
});
