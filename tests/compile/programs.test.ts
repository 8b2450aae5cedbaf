// Random programs of arithmetic, views, in-place changes through views, reductions and copies: replayed on other values they must give what the
// eager run gives, whatever was fused and however memory was shared.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { Choices } from '../choices.ts';

type Op = (x: ft.Tensor, y: ft.Tensor, c: Choices) => ft.Tensor | null;
const fits = (x: ft.Tensor, y: ft.Tensor): boolean => {
  try {
    return String(ft.broadcastShapes('fits', x.shape, y.shape)) === String(x.shape);
  } catch {
    return false;
  }
};
const broadcasts = (x: ft.Tensor, y: ft.Tensor): boolean => {
  try {
    return ft.broadcastShapes('fits', x.shape, y.shape).reduce((a, b) => a * b, 1) <= 96;
  } catch {
    return false;
  }
};
const dimOf = (x: ft.Tensor, c: Choices): number => c.below(x.ndim);
const overlaps = (x: ft.Tensor): boolean => x.strides.some((s, d) => s === 0 && x.shape[d] > 1);

const pure: Record<string, Op> = {
  add: (x, y) => (broadcasts(x, y) ? x.add(y) : null),
  sub: (x, y) => (broadcasts(x, y) ? x.sub(y) : null),
  mul: (x, y) => (broadcasts(x, y) ? x.mul(y) : null),
  'mul number': (x, _, c) => x.mul(c.of([0.5, -1, 2])),
  'add number': (x, _, c) => x.add(c.of([0.25, -1])),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  relu: (x) => x.relu(),
  square: (x) => x.square(),
  'compare and choose': (x, y) => (broadcasts(x, y) ? ft.where(x.gt(y), x, y) : null),
  sum: (x, _, c) => (x.ndim > 0 ? x.sum({ dim: dimOf(x, c), keepdim: c.below(2) === 1 }) : null),
  'sum of all': (x) => x.sum(),
  mean: (x, _, c) => (x.ndim > 0 && x.numel > 0 ? x.mean({ dim: dimOf(x, c) }) : null),
  amax: (x, _, c) => (x.ndim > 0 && x.numel > 0 ? x.amax({ dim: dimOf(x, c) }) : null),
  softmax: (x, _, c) => (x.ndim > 0 ? x.softmax(dimOf(x, c)) : null),
  matmul: (x, y) => (x.ndim === 2 && y.ndim === 2 && x.shape[1] === y.shape[0] ? x.matmul(y) : null),
  'matmul, bias, activation': (x, y) =>
    x.ndim === 2 && y.ndim === 2 && x.shape[1] === y.shape[1] ? x.matmul(y.T).add(y.select(1, 0)).tanh() : null,
  'two products, bias, activation': (x, y) =>
    x.ndim === 2 && y.ndim === 2 && x.shape[1] === y.shape[1] ? x.matmul(y.T).add(x.mul(2).matmul(y.T)).add(y.select(1, 0)).relu() : null,
  clone: (x) => x.clone(),
  contiguous: (x) => x.contiguous(),
  cat: (x) => (x.ndim > 0 ? ft.cat([x, x.mul(2)]) : null),
  'full and add': (x, _, c) => x.add(ft.full(x.shape, c.of([1, -0.5]), { dtype: 'float32' })),
};
const views: Record<string, Op> = {
  select: (x, _, c) => {
    const d = dimOf(x, c);
    return x.ndim > 0 && x.shape[d] > 0 ? x.select(d, c.below(x.shape[d])) : null;
  },
  narrow: (x, _, c) => {
    if (x.ndim === 0) return null;
    const d = dimOf(x, c);
    const from = c.below(x.shape[d]);
    return x.narrow(d, from, x.shape[d] - from);
  },
  every: (x, _, c) => (x.ndim > 0 ? x.slice(dimOf(x, c), 0, undefined, 2) : null),
  transpose: (x) => (x.ndim > 1 ? x.transpose(0, -1) : null),
  flatten: (x) => x.flatten(),
  unsqueeze: (x, _, c) => (x.ndim < 4 ? x.unsqueeze(c.below(x.ndim + 1)) : null),
  expand: (x) => (x.ndim > 0 && x.shape[0] === 1 ? x.expand([3, ...x.shape.slice(1)]) : null),
};
const changes: Record<string, (x: ft.Tensor, y: ft.Tensor, c: Choices) => unknown> = {
  add_: (x, y) => fits(x, y) && x.add_(y),
  mul_: (x, y) => fits(x, y) && x.mul_(y),
  copy_: (x, y) => fits(x, y) && x.copy_(y),
  'add_ product': (x, y) => x.ndim === 2 && y.ndim === 2 && x.shape[1] === y.shape[0] && y.shape[1] === x.shape[1] && x.add_(x.matmul(y)),
  'add_ number': (x, _, c) => x.add_(c.of([1, -0.5])),
  fill_: (x, _, c) => x.fill_(c.of([0, 2])),
  tanh_: (x) => x.tanh_(),
};

const shapes = [[3, 4], [4], [2, 3], [4, 3], [1, 4], []];
const numbers = (n: number, seed: number): number[] =>
  Array.from({ length: n }, (_, i) => (((i * 37 + seed * 101 + 11) % 97) / 48 - 1) * 0.9);
const inputsOf = (seed: number): ft.Tensor[] =>
  shapes.map((shape, k) =>
    ft.fromTyped(
      Float32Array.from(
        numbers(
          shape.reduce((a, b) => a * b, 1),
          seed + k,
        ),
      ),
      shape,
    ),
  );

/** Runs the program; gives every tensor that it made, and the inputs that it changed. */
function run(inputs: readonly ft.Tensor[], list: readonly number[], inPlace: boolean): ft.Tensor[] {
  const c = new Choices(list);
  const all = [...inputs];
  while (!c.done && all.length < 40) {
    const [x, y] = [c.of(all), c.of(all)];
    const kind = c.below(10);
    if (kind < 6) {
      const made = pure[c.of(Object.keys(pure))](x, y, c);
      if (made !== null && made.numel <= 96) all.push(made);
    } else if (kind < 8) {
      const made = views[c.of(Object.keys(views))](x, y, c);
      if (made !== null) all.push(made);
    } else if (inPlace && !overlaps(x)) changes[c.of(Object.keys(changes))](x, y, c);
  }
  return all;
}

const program = fc.array(fc.nat(997), { minLength: 20, maxLength: 160 });

function same(got: readonly ft.Tensor[], want: readonly ft.Tensor[], text: () => string): void {
  expect(got.length).toBe(want.length);
  got.forEach((t, k) => {
    expect(t.shape).toEqual(want[k].shape);
    const [a, b] = [t.numbersSync(), want[k].numbersSync()];
    const off = a.findIndex(
      (v, i) =>
        !(Object.is(v, b[i]) || Math.abs(v - b[i]) <= 2e-4 * (1 + Math.abs(b[i])) || (!Number.isFinite(v) && !Number.isFinite(b[i]))),
    );
    if (off >= 0) throw new Error(`tensor ${k} differs at ${off}: got ${a}, want ${b}\n${text()}`);
  });
}

describe('random programs, compiled', () => {
  test('800 programs with views and in-place changes: all tensors and changed arguments agree, twice', () => {
    let fused = 0;
    fc.assert(
      fc.property(program, fc.integer({ min: 1, max: 7 }), (list, keep) => {
        ft.scope(() =>
          ft.noGrad(() => {
            // some of the tensors are results; the others are temporaries, whose memory is shared
            const f = ft.compile((...inputs: ft.Tensor[]) => run(inputs, list, true).filter((_, k) => k < inputs.length || k % keep === 0));
            f(...inputsOf(0));
            for (const seed of [40, 80]) {
              const [a, b] = [inputsOf(seed), inputsOf(seed)];
              const got = f(...a);
              same(got, f.original(...b), () => f.plan());
            }
            expect(f.counts).toEqual({ recorded: 1, replayed: 2 });
            if (/in one/.test(f.plan())) fused++;
            f.reset();
          }),
        );
      }),
      { numRuns: 800, seed: 11 },
    );
    expect(fused).toBeGreaterThan(400);
  });

  test('300 programs: gradients of a compiled function, of whatever it is composed with, agree', () => {
    fc.assert(
      fc.property(program, (list) => {
        const f = ft.compile((...inputs: ft.Tensor[]) => run(inputs, list, false).slice(inputs.length - 1));
        const of = (fn: (...x: ft.Tensor[]) => ft.Tensor[], seed: number): ft.Tensor[] => {
          const leaves = inputsOf(seed).map((t) => t.requiresGrad_());
          // behind and in front of the function there is more to differentiate
          const results = fn(...leaves.map((t) => t.mul(0.5)));
          const loss = results.map((t) => t.square().sum()).reduce((a, b) => a.add(b));
          return [loss.detach(), ...ft.grad([loss], leaves, { materializeGrads: true })];
        };
        f(...inputsOf(0).map((t) => t.requiresGrad_().mul(0.5)));
        for (const seed of [40, 80]) same(of(f, seed), of(f.original, seed), () => f.plan());
        expect(f.counts).toEqual({ recorded: 1, replayed: 2 });
      }),
      { numRuns: 300, seed: 12 },
    );
  });
});
