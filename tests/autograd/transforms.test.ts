// Transforms of functions: forms of arguments and results, nesting, what is recorded outside.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { autograd, func } from '../../src/index.ts';
import * as F from '../../src/nn/functional.ts';

const f64 = (v: ft.TensorData): ft.Tensor => ft.tensor(v, { dtype: 'float64' });
const list = (t: ft.Tensor | null): unknown => t?.toArraySync();
const cube = (x: ft.Tensor): ft.Tensor => x.pow(3).sum();

describe('grad', () => {
  test('nests: x^4 has 24 x as third derivative', () => {
    const f = (x: ft.Tensor): ft.Tensor => x.pow(4);
    expect(
      func
        .grad(func.grad(func.grad(f)))(f64(2))
        .itemSync(),
    ).toBe(48);
  });
  test('gives the form of the argument: objects and arrays of tensors', () => {
    const parameters = {
      weight: f64([
        [1, 2],
        [3, 4],
      ]),
      bias: [f64([1, 1])],
    };
    const loss = (p: typeof parameters, x: ft.Tensor): ft.Tensor => F.linear(x, p.weight, p.bias[0]).sum();
    const g = func.grad(loss)(parameters, f64([[10, 20]]));
    expect(list(g.weight)).toEqual([
      [10, 20],
      [10, 20],
    ]);
    expect(list(g.bias[0])).toEqual([1, 1]);
  });
  test('argnums: one, several, from the end', () => {
    const f = (a: ft.Tensor, b: ft.Tensor): ft.Tensor => a.mul(b).sum();
    const [a, b] = [f64([1, 2]), f64([3, 4])];
    expect(list(func.grad(f, { argnums: 1 })(a, b))).toEqual([1, 2]);
    expect(
      func
        .grad(f, { argnums: [1, 0] })(a, b)
        .map(list),
    ).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(list(func.grad(f, { argnums: -1 as 1 })(a, b))).toEqual([1, 2]);
    expect(() => func.grad(f, { argnums: 2 as 1 })(a, b)).toThrow(/argnums 2/);
  });
  test('gradAndValue, valueAndGrad, hasAux', () => {
    const x = f64([1, 2]);
    expect(func.gradAndValue(cube)(x).map(list)).toEqual([[3, 12], 9]);
    expect(func.valueAndGrad(cube)(x).map(list)).toEqual([9, [3, 12]]);
    const [g, aux] = func.grad((t: ft.Tensor) => [cube(t), { seen: t.mul(2) }] as const, { hasAux: true })(x);
    expect(list(g)).toEqual([3, 12]);
    const { seen } = aux as { seen: ft.Tensor };
    expect([list(seen), seen.requiresGrad]).toEqual([[2, 4], false]);
    expect(func.valueAndGrad((t: ft.Tensor) => [cube(t), 'note'] as const, { hasAux: true })(x)[0][1]).toBe('note');
  });
  test('results carry history only where something outside requires gradients', () => {
    expect(func.grad(cube)(f64([1])).requiresGrad).toBe(false);
    const x = f64([1, 2]).requiresGrad_();
    const g = func.grad(cube)(x);
    expect(list(ft.grad(g.sum(), x)[0])).toEqual([6, 12]);
    const w = f64([5, 6]).requiresGrad_(); // captured
    const h = func.grad((t: ft.Tensor) => t.mul(t).mul(w).sum())(f64([1, 2]));
    expect(list(ft.grad(h.sum(), w)[0])).toEqual([2, 4]);
    expect(ft.noGrad(() => func.grad(cube)(x)).requiresGrad).toBe(false);
    expect([x.grad, w.grad]).toEqual([null, null]);
  });
  test('zeros for an argument that does not matter; errors for what has no gradient', () => {
    expect(list(func.grad((_: ft.Tensor, y: ft.Tensor) => y.sum())(f64([1, 2]), f64([3])))).toEqual([0, 0]);
    expect(() => func.grad((x: ft.Tensor) => x.mul(2))(f64([1, 2]))).toThrow(/must give one 0-d tensor/);
    expect(() => func.grad(cube)(ft.tensor([1, 2]))).toThrow(/int64/);
    expect(() => func.grad((() => 3) as never)(f64([1]))).toThrow(/it gave number/);
    expect(() => func.grad((async (x: ft.Tensor) => x.sum()) as never)(f64([1]))).toThrow(/async/);
    expect(() => func.grad(((n: number) => f64(n)) as never)(3)).toThrow(/holds no tensor/);
  });
});

describe('vjp and jvp', () => {
  const f = (x: ft.Tensor, y: ft.Tensor): { a: ft.Tensor; b: ft.Tensor } => ({ a: x.mul(y), b: x.sum() });
  const [x, y] = [f64([1, 2]), f64([3, 4])];
  test('vjp takes cotangents in the form of the value, as often as wanted', () => {
    const [value, back] = func.vjp(f, x, y);
    expect(list(value.a)).toEqual([3, 8]);
    expect(back({ a: f64([1, 10]), b: f64(100) }).map(list)).toEqual([
      [103, 140],
      [1, 20],
    ]);
    expect(back({ a: f64([0, 0]), b: f64(1) }).map(list)).toEqual([
      [1, 1],
      [0, 0],
    ]);
    expect(() => back({ a: f64([1]), b: f64(1) })).toThrow(ft.ShapeError);
  });
  test('jvp is the derivative in a direction; both agree through the inner product', () => {
    const [value, moved] = func.jvp(f, [x, y], [f64([1, 0]), f64([0, 1])]);
    expect([list(value.b), list(moved.a), list(moved.b)]).toEqual([3, [3, 2], 1]);
    expect(() => func.jvp(f, [x, y], [f64([1, 0])] as never)).toThrow(/tangents/);
  });
  test('jvp of jvp, and grad of jvp', () => {
    const cubed = (t: ft.Tensor): ft.Tensor => t.pow(3);
    const first = (t: ft.Tensor): ft.Tensor => func.jvp(cubed, [t], [ft.onesLike(t)])[1];
    expect(list(func.jvp(first, [x], [f64([1, 1])])[1])).toEqual([6, 12]);
    expect(list(func.grad((t: ft.Tensor) => first(t).sum())(x))).toEqual([6, 12]);
  });
});

describe('Jacobians and Hessians', () => {
  const f = (x: ft.Tensor): ft.Tensor => ft.stack([x.select(0, 0).mul(x.select(0, 1)), x.sin().sum(), x.select(0, 2).exp()]);
  const x = f64([0.3, -0.7, 1.1]);
  test('jacrev and jacfwd agree, and nest into third derivatives', () => {
    const [a, b] = [func.jacrev(f)(x), func.jacfwd(f)(x)];
    expect(ft.allclose(a, b)).toBe(true);
    expect(func.jacrev(func.jacfwd(func.jacrev(f)))(x).shape).toEqual([3, 3, 3, 3]);
    expect(ft.allclose(func.jacrev(func.jacfwd(f))(x), func.jacfwd(func.jacrev(f))(x))).toBe(true);
  });
  test('several arguments give blocks; empty ones empty blocks', () => {
    const g = (a: ft.Tensor, b: ft.Tensor): ft.Tensor => a.outer(b);
    const [ja, jb] = func.jacrev(g, { argnums: [0, 1] })(f64([1, 2]), f64([3, 4, 5]));
    expect([ja.shape, jb.shape]).toEqual([
      [2, 3, 2],
      [2, 3, 3],
    ]);
    for (const jacobian of [func.jacrev, func.jacfwd]) expect(jacobian((t: ft.Tensor) => t.mul(2))(ft.zeros([0])).shape).toEqual([0, 0]);
    const h = func.hessian((a: ft.Tensor, b: ft.Tensor) => a.mul(b).sum(), { argnums: [0, 1] })(
      f64([1, 2]),
      f64([3, 4]),
    ) as unknown as ft.Tensor[][];
    expect([list(h[0][0]), list(h[0][1])]).toEqual([
      [
        [0, 0],
        [0, 0],
      ],
      [
        [1, 0],
        [0, 1],
      ],
    ]);
  });
  test('autograd.functional: one input or several, strict, createGraph', () => {
    const g = (a: ft.Tensor, b: ft.Tensor): ft.Tensor => a.mul(a).mul(b).sum();
    const [a, b] = [f64([1, 2]), f64([3, 4])];
    const h = autograd.functional.hessian(g, [a, b]);
    expect([list(h[0][0]), list(h[0][1]), list(h[1][1])]).toEqual([
      [
        [6, 0],
        [0, 8],
      ],
      [
        [2, 0],
        [0, 4],
      ],
      [
        [0, 0],
        [0, 0],
      ],
    ]);
    expect(list(autograd.functional.hvp((t: ft.Tensor) => cube(t), a, f64([1, 1]))[1])).toEqual([6, 12]);
    expect(autograd.functional.vhp(g, [a, b], [f64([1, 0]), f64([0, 1])])[1].map(list)).toEqual([
      [6, 4],
      [2, 0],
    ]);
    expect(() => autograd.functional.jacobian((t: ft.Tensor, _: ft.Tensor) => t, [a, b], { strict: true })).toThrow(/input 1/);
    const leaf = f64([1, 2]).requiresGrad_();
    const j = autograd.functional.jacobian((t: ft.Tensor) => t.pow(3), leaf, { createGraph: true });
    expect(list(ft.grad(j.sum(), leaf)[0])).toEqual([6, 12]);
    expect(autograd.functional.jacobian((t: ft.Tensor) => t.pow(3), leaf).requiresGrad).toBe(false);
    expect(() => autograd.functional.hvp((t: ft.Tensor) => t.mul(2), a, a)).toThrow(/one number/);
    expect(() => autograd.functional.vjp((t: ft.Tensor) => t.mul(2), a)).toThrow(/v may be left out/);
  });
});

describe('vmap', () => {
  const x = f64([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  test('batches along any dimension of arguments and results, shared arguments, trees', () => {
    expect(list(func.vmap((a: ft.Tensor) => a.sum())(x))).toEqual([3, 7, 11]);
    expect(list(func.vmap((a: ft.Tensor) => a.sum(), { inDims: 1 })(x))).toEqual([9, 12]);
    expect(list(func.vmap((a: ft.Tensor) => a.mul(2), { inDims: -1, outDims: 1 })(x))).toEqual(list(x.mul(2)));
    expect(list(func.vmap((a: ft.Tensor, b: ft.Tensor) => a.dot(b), { inDims: [0, null] })(x, f64([1, 10])))).toEqual([21, 43, 65]);
    const r = func.vmap((p: { a: ft.Tensor }) => ({ twice: p.a.mul(2), sum: p.a.sum() }), { outDims: [1, 0] })({ a: x });
    expect([r.twice.shape, list(r.sum)]).toEqual([
      [2, 3],
      [3, 7, 11],
    ]);
  });
  test('gradients for each example, also with respect to what the examples share, and gradients through vmap', () => {
    const loss = (w: ft.Tensor, a: ft.Tensor): ft.Tensor => w.dot(a).square();
    const w = f64([1, 1]);
    expect(list(func.vmap(func.grad(loss), { inDims: [null, 0] })(w, x))).toEqual([
      [6, 12],
      [42, 56],
      [110, 132],
    ]);
    const total = func.grad((v: ft.Tensor) =>
      func
        .vmap((a: ft.Tensor) => loss(v, a))(x)
        .sum(),
    );
    expect(list(total(w))).toEqual([158, 200]);
    expect(list(func.vmap(func.vmap((a: ft.Tensor) => a.square()))(x))).toEqual(list(x.square()));
  });
  test('random numbers differ between examples, or do not', () => {
    const noise = (a: ft.Tensor): ft.Tensor => a.add(ft.rand([2], { dtype: 'float64' }));
    const rows = (randomness: 'same' | 'different') =>
      func
        .vmap(noise, { randomness })(ft.zeros([2, 2], { dtype: 'float64' }))
        .toArraySync() as number[][];
    const [same, different] = [rows('same'), rows('different')];
    expect(same[0]).toEqual(same[1]);
    expect(different[0]).not.toEqual(different[1]);
  });
  test('batches that do not fit are errors', () => {
    const f = (a: ft.Tensor, b: ft.Tensor): ft.Tensor => a.add(b);
    expect(() => func.vmap(f)(x, f64([1, 2]))).toThrow(/argument 1 of shape \[2\] has 2 example\(s\).*another has 3/);
    expect(() => func.vmap(f, { inDims: [0] })(x, x)).toThrow(/inDims has 1/);
    expect(() => func.vmap(f, { inDims: null })(x, x)).toThrow(/every entry of inDims is null/);
    expect(() => func.vmap(f)(x, f64(1))).toThrow(/0-d/);
    expect(() => func.vmap(f)(x.narrow(0, 0, 0), x.narrow(0, 0, 0))).toThrow(/empty/);
    expect(() => func.vmap((a: ft.Tensor) => a.maskedSelect(a.gt(2)))(x)).toThrow(/example 1 gave shape/);
    expect(() => func.vmap(f, { randomness: 'no' as 'same' })).toThrow(/randomness/);
  });
});
