// Hooks, retained gradients and modes.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';

const f64 = (v: ft.TensorData, requiresGrad = true): ft.Tensor => ft.tensor(v, { dtype: 'float64', requiresGrad });
const list = (t: ft.Tensor | null): unknown => t?.toArraySync();

describe('hooks of leaves', () => {
  test('a hook runs once on the sum over all uses, before it is added to .grad', () => {
    const x = f64([1, 2]);
    const seen: unknown[] = [];
    x.registerHook((g) => {
      seen.push(list(g));
      return g.clamp({ max: 5 });
    });
    x.mul(x).add(x.mul(5)).sum().backward();
    expect(seen).toEqual([[7, 9]]);
    expect(list(x.grad)).toEqual([5, 5]);
    x.mul(2).sum().backward();
    expect(list(x.grad)).toEqual([7, 7]); // the hook sees this pass only
  });
  test('hooks run in order, each on what the one before gave; removed ones do not run', () => {
    const x = f64([1]);
    x.registerHook((g) => g.add(1));
    const remove = x.registerHook((g) => g.mul(100));
    x.registerHook((g) => g.mul(3));
    remove();
    remove(); // twice is no error
    x.mul(4).sum().backward();
    expect(list(x.grad)).toEqual([15]);
  });
  test('grad() runs hooks too and leaves .grad alone', () => {
    const x = f64([1, 2]);
    x.registerHook((g) => g.mul(10));
    expect(list(ft.grad(x.mul(3).sum(), x)[0])).toEqual([30, 30]);
    expect(x.grad).toBeNull();
  });
  test('a hook that gives a wrong shape or no tensor is an error', () => {
    const x = f64([1, 2]);
    const remove = x.registerHook(() => f64([1, 2, 3]));
    expect(() => x.mul(2).sum().backward()).toThrow(ft.ShapeError);
    remove();
    x.registerHook((() => 3) as never);
    expect(() => x.mul(2).sum().backward()).toThrow(/hook: must return a tensor or nothing, got number/);
  });
  test('with createGraph a hook is part of the graph', () => {
    const x = f64([3]);
    const remove = x.registerHook((g) => g.mul(g));
    const [g] = ft.grad(x.mul(x).sum(), x, { createGraph: true }); // (2x)^2
    remove();
    expect(list(ft.grad(g.sum(), x)[0])).toEqual([8 * 3]);
  });
});

describe('hooks after accumulation', () => {
  test('they run when .grad is up to date, once per backward, as soon as the leaf is complete', () => {
    const [x, w] = [f64([1, 2]), f64([3, 4])];
    const order: string[] = [];
    w.registerPostAccumulateGradHook((leaf) => {
      order.push(`w ${list(leaf.grad)}`);
      leaf.clearGrad();
    });
    x.registerPostAccumulateGradHook((leaf) => order.push(`x ${list(leaf.grad)}`));
    x.exp().log().add(x).mul(w).sum().backward();
    expect(order).toEqual(['w 2,4', 'x 6,8']);
    expect(w.grad).toBeNull();
  });
  test('they do not run for grad(), and only leaves have them', () => {
    const x = f64([1]);
    let runs = 0;
    const remove = x.registerPostAccumulateGradHook(() => runs++);
    ft.grad(x.mul(2).sum(), x);
    expect(runs).toBe(0);
    remove();
    x.mul(2).sum().backward();
    expect(runs).toBe(0);
    expect(() => x.mul(2).registerPostAccumulateGradHook(() => {})).toThrow(ft.GradError);
    expect(() => f64([1], false).registerPostAccumulateGradHook(() => {})).toThrow(ft.GradError);
  });
});

describe('results of operations', () => {
  test('a hook on an intermediate tensor sees the sum over its uses', () => {
    const x = f64([1, 2]);
    const y = x.mul(3);
    const seen: unknown[] = [];
    y.registerHook((g) => void seen.push(list(g)));
    y.mul(2).add(y).sum().backward();
    expect(seen).toEqual([[3, 3]]);
  });
  test('retainGrad keeps and accumulates; on a view it is the gradient of the view', () => {
    const x = f64([
      [1, 2],
      [3, 4],
    ]);
    const y = x.mul(2);
    const row = y.select(0, 1);
    y.retainGrad();
    row.retainGrad();
    const loss = row.mul(5).sum();
    loss.backward({ retainGraph: true });
    loss.backward();
    expect(list(row.grad)).toEqual([10, 10]);
    expect(list(y.grad)).toEqual([
      [0, 0],
      [10, 10],
    ]);
    expect(list(x.grad)).toEqual([
      [0, 0],
      [20, 20],
    ]);
  });
  test('retainGrad follows a tensor that is changed in place: the gradient is that of its last value', () => {
    const x = f64([1, 2]);
    const y = x.mul(2);
    y.retainGrad();
    y.mul_(10);
    y.sum().backward();
    expect(list(y.grad)).toEqual([1, 1]);
    expect(list(x.grad)).toEqual([20, 20]);
  });
  test('a hook stays with the value that it was registered for', () => {
    const x = f64([1, 2]);
    const y = x.mul(2);
    const seen: unknown[] = [];
    y.registerHook((g) => void seen.push(list(g)));
    y.mul_(10);
    y.sum().backward();
    expect(seen).toEqual([[10, 10]]);
  });
  test('retainGrad of a leaf changes nothing, of a constant it is an error', () => {
    const x = f64([1]);
    x.retainGrad();
    x.mul(2).sum().backward();
    expect(list(x.grad)).toEqual([2]);
    expect(() => f64([1], false).retainGrad()).toThrow(ft.GradError);
    expect(() => f64([1], false).registerHook(() => {})).toThrow(ft.GradError);
  });
});

describe('requiresGrad, detach and modes', () => {
  test('requiresGrad is for floating-point leaves', () => {
    expect(() => ft.tensor([1, 2]).requiresGrad_()).toThrow(/int64/);
    const y = f64([1]).mul(2);
    expect(y.requiresGrad_()).toBe(y);
    expect(() => y.requiresGrad_(false)).toThrow(/detach/);
    const x = f64([1]);
    expect(x.requiresGrad_(false).requiresGrad).toBe(false);
  });
  test('detach_ makes a leaf; a view cannot be detached in place', () => {
    const x = f64([1, 2]);
    const y = x.mul(2);
    expect(y.detach_()).toBe(y);
    expect([y.isLeaf, y.requiresGrad]).toEqual([true, false]);
    y.requiresGrad_().sum().backward();
    expect(list(y.grad)).toEqual([1, 1]);
    expect(x.grad).toBeNull();
    expect(() => x.mul(2).select(0, 0).detach_()).toThrow(/view/);
  });
  test('detach shares memory and versions: changing the detached tensor is noticed', () => {
    const x = f64([1, 2]);
    const y = x.exp();
    y.detach().zero_();
    expect(list(y)).toEqual([0, 0]);
    expect(() => y.sum().backward()).toThrow(/exp.*changed in place/);
  });
  test('modes nest, come back after errors, and follow async functions', async () => {
    const x = f64([1]);
    expect(ft.noGrad(() => [x.mul(2).requiresGrad, ft.enableGrad(() => x.mul(2).requiresGrad), x.mul(2).requiresGrad])).toEqual([
      false,
      true,
      false,
    ]);
    expect(() =>
      ft.noGrad(() => {
        throw new Error('stop');
      }),
    ).toThrow('stop');
    expect(ft.isGradEnabled()).toBe(true);
    expect(ft.setGradEnabled(false, () => ft.isGradEnabled())).toBe(false);
    expect(ft.isGradEnabled()).toBe(true);
    expect(
      await ft.noGrad(async () => {
        await null;
        return ft.isGradEnabled();
      }),
    ).toBe(false);
    expect(ft.setGradEnabled(false)).toBe(true);
    expect(ft.setGradEnabled(true)).toBe(false);
  });
  test('backward may be called inside noGrad', () => {
    const x = f64([2]);
    const y = x.mul(x).sum();
    ft.noGrad(() => y.backward());
    expect(list(x.grad)).toEqual([4]);
  });
});

describe('graphs used twice', () => {
  test('is an error that names the operation, unless it saved nothing', () => {
    const x = f64([1, 2]);
    const y = x.exp().sum();
    y.backward();
    expect(() => y.backward()).toThrow(/graph of exp.*retainGraph/);
    const z = x.add(1).reshape([2, 1]).sum();
    z.backward();
    z.backward();
    expect(ft.allclose(x.grad as ft.Tensor, x.exp().add(2))).toBe(true);
  });
  test('grad: options for inputs that nothing depends on', () => {
    const [x, w] = [f64([1]), f64([[1, 2]])];
    expect(() => ft.grad(x.mul(2).sum(), [x, w])).toThrow(/input 1 of shape \[1, 2\].*allowUnused/);
    expect(ft.grad(x.mul(2).sum(), [x, w], { allowUnused: true })[1]).toBeNull();
    expect(list(ft.grad(x.mul(2).sum(), [x, w], { materializeGrads: true })[1])).toEqual([[0, 0]]);
    expect(() => ft.grad([x.mul(2)], [x], { gradOutputs: [] })).toThrow(ft.ValueError);
  });
});
