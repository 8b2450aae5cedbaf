// Nothing stays behind: after forward, backward and the end of the scope, no storage is alive that a program does not hold.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { binaryRows, unaryRows } from '../../src/ops/elementwise-rows.ts';
import type { Storage } from '../../src/runtime/pool.ts';
import { pool, start } from '../../src/runtime/runtime.ts';
import { inputsOf, structural } from './samples.ts';

/** Storages handed out since the last reset. The pool's own counts see small blocks only by whole regions. */
let handedOut: Storage[] = [];
const alive = (): Storage[] => handedOut.filter((s) => s.refs > 0);

beforeAll(() => {
  start();
  const allocate = pool.allocate.bind(pool);
  pool.allocate = (bytes) => {
    const s = allocate(bytes);
    handedOut.push(s);
    return s;
  };
});
afterAll(() => {
  delete (pool as Partial<typeof pool>).allocate;
});

const tensorsOf = (r: unknown): ft.Tensor[] => (Array.isArray(r) ? r.flatMap(tensorsOf) : [r as ft.Tensor]);

/** Storages that are left of `fn` and its gradients; the first run fills caches of programs. */
function leftOver(fn: (...xs: ft.Tensor[]) => unknown, inputs: readonly ft.Tensor[]): number {
  const leaves = inputs.map((x) => x.detach().requiresGrad_());
  const once = (): void => {
    ft.scope(() => {
      tensorsOf(fn(...leaves))
        .reduce((s: ft.Tensor, t) => s.add(t.sum()), ft.zeros([], { dtype: 'float64' }))
        .backward();
    });
    for (const x of leaves) x.clearGrad();
  };
  once();
  handedOut = [];
  once();
  return alive().length;
}

describe('one operation, forward and backward, inside a scope', () => {
  test.each(structural.map((s) => [s.name, s] as const))('%s', (_, sample) => {
    expect(leftOver(sample.fn, inputsOf(sample))).toBe(0);
  });
  test('every elementwise row', () => {
    const lib = ft as unknown as Record<string, (...xs: ft.Tensor[]) => ft.Tensor>;
    const [x, y] = [ft.tensor([0.2, 0.5, 0.7], { dtype: 'float64' }), ft.tensor([[0.3], [0.6]], { dtype: 'float64' })];
    for (const [name, row] of Object.entries(unaryRows)) if (row.dtype !== 'bool') expect(leftOver(lib[name], [x]), name).toBe(0);
    for (const [name, row] of Object.entries(binaryRows)) {
      if (row.dtype === 'bool' || row.dtype === 'integral' || row.unknown !== undefined || 'gcd lcm'.includes(name)) continue;
      expect(leftOver(lib[name], [x, y]), name).toBe(0);
    }
  });
  test('in-place changes, custom functions, checkpoints', () => {
    const x = ft.tensor([1, 2, 3], { dtype: 'float64' });
    expect(leftOver((t) => t.mul(2).mul_(t).exp_(), [x])).toBe(0);
    expect(
      leftOver(
        (t) => {
          const y = t.mul(2);
          y.select(0, 1).mul_(t.select(0, 0));
          return y;
        },
        [x],
      ),
    ).toBe(0);
    const square = ft.autograd.customFunction({
      name: 'square',
      forward: (ctx, t: ft.Tensor) => {
        ctx.saveForBackward(t);
        return t.mul(t);
      },
      backward: (ctx, g) => g.mul(ctx.savedTensors[0]).mul(2),
    });
    expect(leftOver(square, [x])).toBe(0);
    expect(leftOver((t) => ft.checkpoint((u) => u.exp().sin(), t), [x])).toBe(0);
  });
});

describe('backward after the scope that made the graph', () => {
  test.each(structural.map((s) => [s.name, s] as const))('%s: the result keeps what backward needs', (_, sample) => {
    const run = (inside: <T>(fn: () => T) => T): unknown[] => {
      const leaves = inputsOf(sample).map((x) => x.requiresGrad_());
      const loss = inside(() =>
        tensorsOf(sample.fn(...leaves)).reduce((s: ft.Tensor, t) => s.add(t.square().sum()), ft.zeros([], { dtype: 'float64' })),
      );
      return ft.grad(loss, leaves, { materializeGrads: true }).map((g) => g.toArraySync());
    };
    expect(run(ft.scope)).toEqual(run((fn) => fn()));
  });
});

describe('what is released without a scope', () => {
  test('saved activations and gradients of intermediate results, as backward passes them', () => {
    const w = ft.ones([600], { requiresGrad: true });
    const run = (): ft.Tensor[] => {
      const a = w.exp();
      const b = a.sin();
      const loss = b.sum();
      loss.backward();
      return [a, b, loss];
    };
    for (const t of run()) t.dispose();
    w.clearGrad();
    handedOut = [];
    const handles = run();
    expect(alive().length).toBe(handles.length + 1); // and w.grad
    for (const t of handles) t.dispose();
    w.clearGrad();
    expect(alive().length).toBe(0);
  });
  test('using releases at the end of the block', () => {
    handedOut = [];
    {
      using t = ft.ones([600]);
      using u = t.mul(2);
      expect(u.numel).toBe(600);
      expect(alive().length).toBe(2);
    }
    expect(alive().length).toBe(0);
  });
  test('memory() is flat over many steps in a scope', () => {
    const w = ft.ones([20_000], { requiresGrad: true });
    const step = (): void => {
      ft.scope(() => w.mul(w).exp().sum().backward());
      w.clearGrad();
    };
    step();
    const before = ft.memory().live;
    for (let i = 0; i < 200; i++) step();
    expect(ft.memory().live).toBe(before);
  });
});

describe('scope', () => {
  test('releases what a graph that was kept, or not used, has saved', () => {
    const x = ft.ones([3], { requiresGrad: true });
    const second = (): void =>
      ft.scope(() => {
        const [g] = ft.grad(x.exp().mul(x).sum(), x, { createGraph: true });
        ft.grad(g.mul(g).sum(), x);
        x.sin().exp(); // never differentiated
      });
    second();
    handedOut = [];
    second();
    expect(alive().length).toBe(0);
  });
  test('a tensor from outside that is changed in place inside keeps its history', () => {
    const x = ft.ones([3], { requiresGrad: true });
    const y = x.mul(2);
    ft.scope(() => void y.mul_(x.exp().sin()));
    y.sum().backward();
    expect(x.grad?.itemSync).toBeDefined();
  });
  test('a graph that was released says so', () => {
    const x = ft.ones([3], { requiresGrad: true });
    let loss: ft.Tensor | null = null;
    ft.scope(() => {
      loss = x.exp().sum();
    });
    expect(() => (loss as unknown as ft.Tensor).backward()).toThrow(/scope\(\)/);
  });
  test('keeps what it gives, in arrays, maps and objects; using a released tensor says so', () => {
    let inner: ft.Tensor | null = null;
    const kept = ft.scope(() => {
      inner = ft.ones([3]);
      return { list: [inner.mul(2)], map: new Map([['a', inner.mul(3)]]) };
    });
    expect([kept.list[0].toArraySync(), kept.map.get('a')?.toArraySync()]).toEqual([
      [2, 2, 2],
      [3, 3, 3],
    ]);
    expect(() => (inner as unknown as ft.Tensor).add(1)).toThrow(/released/);
  });
  test('gradients outlive it', () => {
    const x = ft.ones([2], { requiresGrad: true });
    ft.scope(() => x.mul(3).sum().backward());
    expect(x.grad?.toArraySync()).toEqual([3, 3]);
  });
});
