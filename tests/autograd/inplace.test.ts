// In-place changes and views: history, versions, and what is refused.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';

const f64 = (v: ft.TensorData, requiresGrad = true): ft.Tensor => ft.tensor(v, { dtype: 'float64', requiresGrad });
const list = (t: ft.Tensor | null): unknown => t?.toArraySync();

describe('through views', () => {
  test('of a base that is not contiguous', () => {
    const w = f64([5, 7]);
    const base = f64(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      false,
    ).T.detach(); // [3, 2], column-major
    base.select(0, 1).mul_(w);
    base.mul(base).sum().backward();
    expect(list(w.grad)).toEqual([2 * 5 * 2 * 2, 2 * 7 * 5 * 5]);
    const x = f64([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const gaps = f64(
      [
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
      ],
      false,
    )
      .slice(1, 0, null, 2)
      .detach(); // every second element
    gaps.copy_(x);
    gaps.select(1, 2).mul_(10);
    gaps.sum().backward();
    expect(list(x.grad)).toEqual([
      [1, 1, 10],
      [1, 1, 10],
    ]);
  });
  test('second derivatives pass through a changed view', () => {
    const x = f64([1, 2, 3]);
    const f = (t: ft.Tensor): ft.Tensor => {
      const y = t.mul(t);
      y.slice(0, 1).mul_(t.slice(0, 0, 2));
      y.select(0, 0).add_(t.select(0, 2).exp());
      return y.mul(y).sum();
    };
    expect(ft.autograd.gradcheck(f, x)).toBe(true);
    expect(ft.autograd.gradgradcheck(f, x, { atol: 1e-4 })).toBe(true);
  });
  test('a view of a view, and views taken before the change', () => {
    const x = f64([
      [1, 2],
      [3, 4],
    ]);
    const y = x.mul(1);
    const before = y.T;
    y.select(0, 0).slice(0, 1).mul_(10);
    expect(list(before)).toEqual([
      [1, 3],
      [20, 4],
    ]);
    before
      .mul(
        f64(
          [
            [1, 2],
            [3, 4],
          ],
          false,
        ),
      )
      .sum()
      .backward();
    expect(list(x.grad)).toEqual([
      [1, 30],
      [2, 4],
    ]);
  });
  test('an expanded view of a changed base adds the gradients of its copies', () => {
    const x = f64([1, 2]);
    const y = x.mul(1);
    const wide = y.expand([3, 2]);
    y.mul_(5);
    wide.sum().backward();
    expect(list(x.grad)).toEqual([15, 15]);
  });
  test('a constant becomes part of the graph when something recorded is written into it', () => {
    const w = f64([1, 2]);
    const room = ft.zeros([2, 2], { dtype: 'float64' });
    const view = room.select(0, 1);
    expect(view.requiresGrad).toBe(false);
    room.select(0, 1).copy_(w);
    expect([room.requiresGrad, view.requiresGrad, view.isLeaf]).toEqual([true, true, false]);
    view.mul(3).sum().backward();
    expect(list(w.grad)).toEqual([3, 3]);
  });
});

describe('operands that share memory', () => {
  test('y.mul_(y) and y.mul_(y.T) have the gradients of the values before', () => {
    const x = f64([
      [1, 2],
      [3, 4],
    ]);
    const y = x.mul(1);
    y.mul_(y);
    y.sum().backward();
    expect(list(x.grad)).toEqual([
      [2, 4],
      [6, 8],
    ]);
    x.clearGrad();
    const z = x.mul(1);
    z.mul_(z.T);
    expect(list(z)).toEqual([
      [1, 6],
      [6, 16],
    ]);
    z.sum().backward();
    expect(list(x.grad)).toEqual([
      [2, 6],
      [4, 8],
    ]);
  });
  test('two handles of one tensor', () => {
    const x = f64([2, 3]);
    const y = x.mul(1);
    y.mul_(y.reshape([2]));
    y.sum().backward();
    expect(list(x.grad)).toEqual([4, 6]);
    const z = x.mul(1);
    z.slice(0, 0, 1).mul_(z.slice(0, 1));
    expect(list(ft.grad(z.sum(), x)[0])).toEqual([3, 3]);
  });
});

describe('refusals', () => {
  test('leaves that require gradients, and views of them, while recording', () => {
    const x = f64([1, 2]);
    expect(() => x.mul_(2)).toThrow(/mul_: a leaf that requires gradients cannot/);
    expect(() => x.select(0, 0).mul_(2)).toThrow(/through a view of it/);
    expect(() => x.setIndex_([[0]], 1)).toThrow(ft.GradError);
    ft.noGrad(() => x.select(0, 0).mul_(2));
    expect(list(x)).toEqual([2, 2]);
  });
  test('a view made inside noGrad of a recorded tensor, changed outside', () => {
    const y = f64([1, 2]).mul(2);
    const view = ft.noGrad(() => y.select(0, 0));
    expect(() => view.mul_(2)).toThrow(/made inside noGrad/);
    ft.noGrad(() => view.mul_(2));
    expect(list(y)).toEqual([4, 4]);
  });
  test('elements that share a place', () => {
    expect(() => ft.zeros([1, 2]).expand([3, 2]).add_(1)).toThrow(/clone/);
  });
  test('a changed saved tensor: the error names the operation and both versions', () => {
    const x = f64([1, 2]);
    const y = x.mul(2);
    const z = y.mul(y);
    y.select(0, 0).fill_(0);
    expect(() => z.sum().backward()).toThrow(/shape \[2\] that mul needs was changed in place \(version 1, saved at 0\)/);
    const s = x.sigmoid();
    s.setIndex_([0], 0.5);
    expect(() => s.sum().backward()).toThrow(/sigmoid/);
  });
  test('changes inside noGrad count as changes', () => {
    const x = f64([1, 2]);
    const y = x.exp();
    ft.noGrad(() => y.add_(1));
    expect(() => y.sum().backward()).toThrow(/exp/);
  });
  test('integer and float results are not stored in narrower tensors', () => {
    expect(() => ft.tensor([1, 2]).add_(0.5)).toThrow(ft.DTypeError);
    expect(() => ft.zeros([2]).add_(ft.zeros([3, 2]))).toThrow(ft.ShapeError);
  });
});
