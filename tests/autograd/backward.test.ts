import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';

const f64 = (v: ft.TensorData, requiresGrad = true): ft.Tensor => ft.tensor(v, { dtype: 'float64', requiresGrad });

describe('backward', () => {
  test('a product and a sum: gradients are the other factor', () => {
    const a = f64([1, 2, 3]);
    const b = f64([4, 5, 6]);
    a.mul(b).sum().backward();
    expect(a.grad?.toArraySync()).toEqual([4, 5, 6]);
    expect(b.grad?.toArraySync()).toEqual([1, 2, 3]);
  });

  test('gradients accumulate until they are cleared', () => {
    const a = f64([1, 2]);
    a.mul(3).sum().backward();
    a.mul(3).sum().backward();
    expect(a.grad?.toArraySync()).toEqual([6, 6]);
    a.clearGrad();
    expect(a.grad).toBeNull();
  });

  test('broadcast operands get the sum over what was broadcast', () => {
    const a = f64([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const b = f64([10, 20, 30]);
    const c = f64([[1], [2]]);
    a.mul(b).mul(c).sum().backward();
    expect(b.grad?.toArraySync()).toEqual([9, 12, 15]);
    expect(c.grad?.toArraySync()).toEqual([[140], [320]]);
  });

  test('a graph is used once, unless retainGraph keeps it', () => {
    const a = f64([2]);
    const y = a.mul(a).sum();
    y.backward({ retainGraph: true });
    y.backward();
    expect(a.grad?.toArraySync()).toEqual([8]);
    expect(() => y.backward()).toThrow(/retainGraph/);
  });

  test('second derivatives through createGraph: x^4 has 12 x^2', () => {
    const x = f64([1, 2]);
    const [g] = ft.grad(x.mul(x).mul(x).mul(x).sum(), x, { createGraph: true });
    const [h] = ft.grad((g as ft.Tensor).sum(), x);
    expect(h?.toArraySync()).toEqual([12, 48]);
  });

  test('a diamond visits each node once', () => {
    const x = f64([3]);
    let y: ft.Tensor = x;
    for (let i = 0; i < 30; i++) y = y.add(y);
    y.sum().backward();
    expect(x.grad?.toArraySync()).toEqual([2 ** 30]);
  });

  test('long chains do not recurse', () => {
    const x = f64([1]);
    let y: ft.Tensor = x;
    for (let i = 0; i < 20_000; i++) y = y.add(1);
    y.sum().backward();
    expect(x.grad?.toArraySync()).toEqual([1]);
  });

  test('non-scalars need a gradient', () => {
    const x = f64([1, 2]);
    expect(() => x.mul(2).backward()).toThrow(/no scalar/);
    x.mul(2).backward({ gradient: ft.tensor([1, 10], { dtype: 'float64' }) });
    expect(x.grad?.toArraySync()).toEqual([2, 20]);
  });

  test('hooks see and replace gradients, and can be removed', () => {
    const x = f64([1, 2]);
    const y = x.mul(2);
    const remove = y.registerHook((g) => g.mul(10));
    y.sum().backward();
    expect(x.grad?.toArraySync()).toEqual([20, 20]);
    remove();
    x.clearGrad();
    x.registerHook((g) => g.neg());
    x.mul(3).sum().backward();
    expect(x.grad?.toArraySync()).toEqual([-3, -3]);
  });

  test('noGrad and detach leave no history', () => {
    const x = f64([1]);
    expect(ft.noGrad(() => x.mul(2)).requiresGrad).toBe(false);
    expect(x.mul(2).detach().requiresGrad).toBe(false);
    expect(() => x.detach().sum().backward()).toThrow(/does not require gradients/);
  });
});

describe('in place', () => {
  test('a saved tensor that changed is an error that names the operation', () => {
    const x = f64([1, 2]);
    const y = x.mul(1).exp();
    y.add_(1);
    expect(() => y.sum().backward()).toThrow(/exp.*changed in place/);
  });

  test('a leaf that requires gradients cannot be changed while recording', () => {
    const x = f64([1, 2]);
    expect(() => x.add_(1)).toThrow(/leaf/);
    ft.noGrad(() => x.add_(1));
    expect(x.toArraySync()).toEqual([2, 3]);
  });

  test('a change of a view reaches its base and the gradient passes both ways', () => {
    const a = f64([
      [1, 2],
      [3, 4],
    ]);
    const b = f64([10, 20]);
    const y = a.mul(2);
    y.select(0, 0).mul_(b);
    expect(y.toArraySync()).toEqual([
      [20, 80],
      [6, 8],
    ]);
    y.sum().backward();
    expect(a.grad?.toArraySync()).toEqual([
      [20, 40],
      [2, 2],
    ]);
    expect(b.grad?.toArraySync()).toEqual([2, 4]);
  });

  test('a view taken before the base changed shows the change and its history', () => {
    const a = f64([1, 2, 3]);
    const y = a.mul(1);
    const v = y.slice(0, 0, 2);
    y.mul_(5);
    expect(v.toArraySync()).toEqual([5, 10]);
    v.sum().backward();
    expect(a.grad?.toArraySync()).toEqual([5, 5, 0]);
  });
});
