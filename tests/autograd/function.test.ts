// Custom functions and checkpoints.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { autograd } from '../../src/index.ts';
import * as F from '../../src/nn/functional.ts';
import * as nn from '../../src/nn/index.ts';

const f64 = (v: ft.TensorData, requiresGrad = true): ft.Tensor => ft.tensor(v, { dtype: 'float64', requiresGrad });
const list = (t: ft.Tensor | null): unknown => t?.toArraySync();

/** x^n with what forward keeps in every way. */
class Power extends autograd.Function {
  static forward(ctx: autograd.FunctionContext<{ n: number }>, x: ft.Tensor, n: number): ft.Tensor {
    ctx.saveForBackward(x);
    ctx.state = { n };
    return x.pow(n);
  }
  static backward(ctx: autograd.FunctionContext<{ n: number }>, g: ft.Tensor): [ft.Tensor, null] {
    const [x] = ctx.savedTensors;
    return [g.mul(x.pow(ctx.state.n - 1)).mul(ctx.state.n), null];
  }
}

describe('custom functions', () => {
  test('a class: values, gradients, second gradients', () => {
    const x = f64([1.5, -2]);
    expect(list(Power.apply(x, 3))).toEqual([3.375, -8]);
    expect(autograd.gradcheck((t) => Power.apply(t, 3), x)).toBe(true);
    expect(autograd.gradgradcheck((t) => Power.apply(t, 3), x)).toBe(true);
  });
  test('a saved result is differentiated as a result', () => {
    const exp = autograd.customFunction({
      name: 'exp',
      forward(ctx, x: ft.Tensor) {
        const y = x.exp();
        ctx.saveForBackward(y);
        return y;
      },
      backward: (ctx, g) => g.mul(ctx.savedTensors[0]),
    });
    expect(autograd.gradgradcheck(exp, f64([0.2, -0.4]))).toBe(true);
  });
  test('several results: zeros, or null, for those that no gradient reached', () => {
    const seen: unknown[] = [];
    const twice = (materialize: boolean) =>
      autograd.customFunction({
        name: 'twice',
        forward(ctx, x: ft.Tensor): [ft.Tensor, ft.Tensor] {
          ctx.setMaterializeGrads(materialize);
          return [x.mul(2), x.mul(3)];
        },
        backward(_, a: ft.Tensor, b: ft.Tensor | null) {
          seen.push(b === null ? null : list(b));
          return a.mul(2).add(b === null ? 0 : b.mul(3));
        },
      });
    const x = f64([1, 2]);
    twice(true)(x)[0].sum().backward();
    twice(false)(x)[0].sum().backward();
    expect(seen).toEqual([[0, 0], null]);
    expect(list(x.grad)).toEqual([4, 4]);
  });
  test('needsInputGrad tells which gradients are wanted; the others may be left out', () => {
    const product = autograd.customFunction({
      name: 'product',
      forward(ctx, a: ft.Tensor, b: ft.Tensor) {
        ctx.saveForBackward(a, b);
        return a.mul(b);
      },
      backward(ctx, g) {
        const [a, b] = ctx.savedTensors;
        expect(ctx.needsInputGrad).toEqual([true, false]);
        return [ctx.needsInputGrad[0] ? g.mul(b) : null, ctx.needsInputGrad[1] ? g.mul(a) : null];
      },
    });
    const a = f64([1, 2]);
    product(a, f64([3, 4], false))
      .sum()
      .backward();
    expect(list(a.grad)).toEqual([3, 4]);
  });
  test('results marked as not differentiable, and integers, have no history', () => {
    const top = autograd.customFunction({
      name: 'top',
      forward(ctx, x: ft.Tensor): [ft.Tensor, ft.Tensor, ft.Tensor] {
        const norm = x.norm();
        ctx.markNonDifferentiable(norm);
        return [x.mul(2), norm, x.argmax()];
      },
      backward: (_, g) => g.mul(2),
    });
    const x = f64([3, 4]);
    expect(top(x).map((t) => t.requiresGrad)).toEqual([true, false, false]);
    top(x)[0].sum().backward();
    expect(list(x.grad)).toEqual([2, 2]);
  });
  test('once differentiable: a second derivative is refused', () => {
    class Once extends autograd.Function {
      static readonly onceDifferentiable = true;
      static forward(ctx: autograd.FunctionContext, x: ft.Tensor): ft.Tensor {
        ctx.saveForBackward(x);
        return x.mul(x);
      }
      static backward(ctx: autograd.FunctionContext, g: ft.Tensor): ft.Tensor {
        return g.mul(ctx.savedTensors[0].mul(2));
      }
    }
    const x = f64([1, 2]);
    const [g] = ft.grad(Once.apply(x).sum(), x, { createGraph: true });
    expect(list(g)).toEqual([2, 4]);
    expect(() => g.sum().backward()).toThrow(/Once: is differentiable once only/);
  });
  test('mistakes in backward are errors that name the function and the argument', () => {
    const wrong = (backward: () => unknown) =>
      autograd.customFunction({ name: 'wrong', forward: (_, x: ft.Tensor) => x.mul(1), backward: backward as () => ft.Tensor });
    const run = (backward: () => unknown): void =>
      wrong(backward)(f64([1, 2]))
        .sum()
        .backward();
    expect(() => run(() => [f64([1, 2]), null])).toThrow(/wrong: backward gave 2 gradient\(s\), but forward takes 1/);
    expect(() => run(() => f64([1]))).toThrow(/gradient of shape \[1\] for argument 0, whose shape is \[2\]/);
    expect(() => run(() => 3)).toThrow(/backward gave number/);
    expect(() => run(async () => f64([1, 2]))).toThrow(/async/);
    expect(() =>
      autograd.customFunction({ name: 'f', forward: (_, x: ft.Tensor) => x.add_(1), backward: (_, g) => g })(f64([1]).mul(1)),
    ).toThrow(/changed argument 0 in place/);
    expect(() => autograd.customFunction({ name: 'f', forward: () => 3 as unknown as ft.Tensor, backward: () => null })()).toThrow(
      /forward gave number/,
    );
  });
  test('changing a saved tensor in place, or running backward twice, is noticed', () => {
    const x = f64([1, 2]).mul(1);
    const y = Power.apply(x, 2);
    x.add_(1);
    expect(() => y.sum().backward()).toThrow(/Power needs was changed in place/);
    const z = Power.apply(f64([1]), 2).sum();
    z.backward();
    expect(() => z.backward()).toThrow(/graph of Power/);
  });
  test('a result that is the argument itself is a copy', () => {
    const same = autograd.customFunction({ name: 'same', forward: (_, x: ft.Tensor) => x, backward: (_, g) => g.mul(7) });
    const x = f64([1, 2]);
    const y = same(x);
    expect(y).not.toBe(x);
    y.sum().backward();
    expect(list(x.grad)).toEqual([7, 7]);
  });
});

describe('checkpoint', () => {
  const block = (x: ft.Tensor, w: ft.Tensor): ft.Tensor => x.matmul(w).tanh().matmul(w.T).exp();
  const data = (): [ft.Tensor, ft.Tensor] => [
    f64([
      [0.1, 0.2],
      [0.3, -0.4],
    ]),
    f64([
      [0.5, -0.1],
      [0.2, 0.3],
    ]),
  ];

  test('values, first and second gradients are those of the plain function', () => {
    const f = (x: ft.Tensor, w: ft.Tensor): ft.Tensor => ft.checkpoint(block, x, w).mul(x);
    expect(autograd.gradcheck(f, data())).toBe(true);
    expect(autograd.gradgradcheck(f, data())).toBe(true);
  });
  test('tensors from outside get their gradients once, also those that depend on one another', () => {
    const plain = (x: ft.Tensor, w: ft.Tensor): ft.Tensor => {
      const v = w.mul(2);
      return block(x, v).mul(w).mul(x.sum());
    };
    const f = (x: ft.Tensor, w: ft.Tensor): ft.Tensor => {
      const v = w.mul(2);
      return ft.checkpoint((t) => block(t, v).mul(w).mul(x.sum()), x);
    };
    expect(list(f(...data()))).toEqual(list(plain(...data())));
    expect(autograd.gradcheck(f, data())).toBe(true);
    expect(autograd.gradgradcheck(f, data())).toBe(true);
  });
  test('the second run has the same random numbers, and the generator goes on as without it', () => {
    const grads = [true, false].map((on) => {
      ft.manualSeed(3);
      const x = ft.ones([200], { requiresGrad: true });
      const drop = (t: ft.Tensor): ft.Tensor => F.dropout(t, { p: 0.5 });
      (on ? ft.checkpoint(drop, x) : drop(x)).sum().backward();
      return [list(x.grad), ft.rand([2]).toArraySync()];
    });
    expect(grads[0]).toEqual(grads[1]);
  });
  test('a module: its parameters get the gradients of the plain run; hooks run once', () => {
    const net = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
    const x = ft.randn([3, 4]);
    const gradients = (run: () => ft.Tensor): unknown[] => {
      for (const p of net.parameters()) p.clearGrad();
      run().sum().backward();
      return net.parameters().map((p) => list(p.grad));
    };
    let hooks = 0;
    net.parameters()[0].registerHook(() => void hooks++);
    const plain = gradients(() => net(x));
    expect(gradients(() => ft.checkpoint(net, x))).toEqual(plain);
    expect(hooks).toBe(2);
  });
  test('keeps nothing of what is computed inside', () => {
    const x = f64([1, 2]);
    const y = ft.checkpoint((t) => t.exp().sin().exp(), x);
    expect([y.node?.name, y.node?.saved?.length]).toEqual(['checkpoint', 1]);
    expect(y.node?.edges.map((e) => e?.leaf === x)).toEqual([true]);
  });
  test('several results, constants among them; an argument as a result; nothing to record', () => {
    const [x, w] = data();
    const [a, b, c] = ft.checkpoint((t) => [t.mul(2), ft.ones([2]), t] as const, x);
    expect([a, b, c].map((t) => t.requiresGrad)).toEqual([true, false, true]);
    a.sum().add(c.mul(3).sum()).backward();
    expect(list(x.grad)).toEqual([
      [5, 5],
      [5, 5],
    ]);
    expect(ft.checkpoint(block, x.detach(), w.detach()).requiresGrad).toBe(false);
    expect(ft.noGrad(() => ft.checkpoint(block, x, w)).requiresGrad).toBe(false);
  });
  test('inside one another', () => {
    const f = (x: ft.Tensor, w: ft.Tensor): ft.Tensor => ft.checkpoint((t) => ft.checkpoint(block, t.mul(2), w).sum().add(t), x);
    expect(autograd.gradcheck(f, data())).toBe(true);
  });
  test('tensors that changed in between, and functions that do something else the second time, are errors', () => {
    const [x, w] = data();
    const y = ft.checkpoint((t) => t.matmul(w), x);
    ft.noGrad(() => w.mul_(2));
    expect(() => y.sum().backward()).toThrow(/checkpoint: a tensor of shape \[2, 2\].*changed in place/);
    let n = 1;
    const z = ft.checkpoint((t) => t.sum().expand([n++]).mul(2), x);
    expect(() => z.sum().backward()).toThrow(/other shapes/);
  });
});
