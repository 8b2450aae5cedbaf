// The gradient checker itself: it finds what is wrong and says where.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { autograd } from '../../src/index.ts';

const f64 = (v: ft.TensorData): ft.Tensor => ft.tensor(v, { dtype: 'float64', requiresGrad: true });
/** x² with a gradient that is wrong at one element. */
const wrong = autograd.customFunction({
  name: 'wrong',
  forward(ctx, x: ft.Tensor) {
    ctx.saveForBackward(x);
    return x.mul(x);
  },
  backward(ctx, g) {
    const r = g.mul(ctx.savedTensors[0]).mul(2);
    return r.add(ft.tensor([0, 0, 0.5], { dtype: 'float64' }).mul(g));
  },
});

describe('gradcheck', () => {
  test('names the worst entry of the Jacobian', () => {
    const x = f64([1, 2, 3]);
    expect(() => autograd.gradcheck(wrong, x)).toThrow(
      /1 of 9 entries differ; worst: the derivative of output 0 at \[2\] \(shape \[3\]\) with respect to input 0 at \[2\] \(shape \[3\]\) is 6\.5 by backward and 6\.0\d* by differences \(off by 0\.500\)/,
    );
    expect(autograd.gradcheck(wrong, x, { raiseException: false })).toBe(false);
    const report = autograd.gradcheckReport(wrong, x);
    expect([report.passed, report.compared, report.differ, report.worst?.inputIndex]).toEqual([false, 9, 1, [2]]);
    expect(autograd.gradcheckReport((t) => t.mul(2), x).message).toBe('gradcheck: 9 entries agree with differences');
  });
  test('projections find it too', () => {
    expect(() => autograd.gradcheck(wrong, f64([1, 2, 3]), { mode: 'projection' })).toThrow(
      /a random projection of the gradient of input 0/,
    );
  });
  test('a NaN is a difference', () => {
    expect(autograd.gradcheck((x) => x.sqrt(), f64([0]), { raiseException: false })).toBe(false);
  });
  test('inputs keep their values and their place; those that need no gradient are not touched', () => {
    const [x, c] = [
      f64([
        [1, 2],
        [3, 4],
      ]),
      ft.tensor([5, 6]),
    ];
    expect(autograd.gradcheck((a, b) => a.T.mul(b), [x, c])).toBe(true);
    expect(x.toArraySync()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(x.grad).toBeNull();
  });
  test('several results; integers among them do not count', () => {
    expect(autograd.gradcheck((x) => [x.mul(2), x.argmax(), { last: x.exp() }], f64([1, 2]))).toBe(true);
  });
  test('gradgradcheck finds a second derivative that is missing', () => {
    const once = autograd.customFunction({
      name: 'constant',
      forward: (ctx, x: ft.Tensor) => {
        ctx.saveForBackward(x);
        return x.mul(x).mul(x);
      },
      backward: (ctx, g) => g.mul(ctx.savedTensors[0].detach().square()).mul(3),
    });
    expect(autograd.gradcheck(once, f64([1, 2]))).toBe(true);
    expect(() => autograd.gradgradcheck(once, f64([1, 2]))).toThrow(/gradgradcheck: \d+ of \d+ entries differ/);
  });
  test('what cannot be checked is an error', () => {
    expect(() => autograd.gradcheck((x) => x, ft.ones([2], { requiresGrad: true }))).toThrow(/float32; differences need float64/);
    expect(() => autograd.gradcheck((x) => x, ft.ones([2], { dtype: 'float64' }))).toThrow(/no input requires gradients/);
    expect(() => autograd.gradcheck((x) => x.mul(ft.rand([2], { dtype: 'float64' })), f64([1, 2]))).toThrow(/two different results/);
    const wide = ft.ones([1], { dtype: 'float64' }).expand([3]).detach().requiresGrad_();
    expect(() => autograd.gradcheck((x) => x, wide)).toThrow(/share memory/);
    expect(() => autograd.gradgradcheck((x) => x.detach(), f64([1]))).toThrow(/no output depends/);
    expect(() => autograd.gradcheck((x) => x, f64([1]), { mode: 'fast' as 'full' })).toThrow(/mode 'fast'/);
  });
});
