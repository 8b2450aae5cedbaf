// ATTENTION_FORWARD and ATTENTION_BACKWARD against the same attention by small operations: blocks that are not full, layouts, masks, dropout,
// one and two threads.
import { beforeAll, describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { type AttentionOptions, attentionWithWeights, scaledDotProductAttention } from '../../src/ops/attention.ts';
import { expectClose } from './compare.ts';

type Float = 'float32' | 'float64';
type Shapes = readonly [q: readonly number[], k: readonly number[], v: readonly number[]];
type Run = (q: ft.Tensor, k: ft.Tensor, v: ft.Tensor, options: AttentionOptions) => ft.Tensor;
const small: Run = (q, k, v, options) => attentionWithWeights(q, k, v, options).output;

/** The result and the gradients of q, k and v. `inner` lays heads inside of rows, as projections do. */
function results(run: Run, shapes: Shapes, dtype: Float, options: AttentionOptions, inner = false): number[][] {
  ft.manualSeed(3);
  const operands = shapes.map((shape) => {
    const leaf = (s: number[]): ft.Tensor => ft.randn(s, { dtype }).requiresGrad_();
    if (!inner) return { leaf: leaf([...shape]), permuted: false };
    const [b, h, l, e] = shape;
    return { leaf: leaf([b, l, h, e]), permuted: true };
  });
  const [q, k, v] = operands.map((o) => (o.permuted ? ft.transpose(o.leaf, 1, 2) : o.leaf));
  const out = run(q, k, v, options);
  const grads = ft.grad(
    [out],
    operands.map((o) => o.leaf),
    { gradOutputs: [ft.randn(out.shape, { dtype })] },
  );
  return [out, ...grads].map((t) => [...(t as ft.Tensor).numbersSync()]);
}

function expectSame(shapes: Shapes, dtype: Float, tolerance: number, options: AttentionOptions = {}, inner = false): void {
  const seeded = (): AttentionOptions => (options.dropoutP ? { ...options, generator: new ft.Generator(11) } : options);
  const got = results(scaledDotProductAttention, shapes, dtype, seeded(), inner);
  const want = results(small, shapes, dtype, seeded(), inner);
  ['output', 'dq', 'dk', 'dv'].forEach((name, i) => {
    expectClose(got[i], want[i], tolerance, `${JSON.stringify(shapes)} ${name}`);
  });
}

const same = (b: number, h: number, l: number, s: number, e: number, ev = e): Shapes => [
  [b, h, l, e],
  [b, h, s, e],
  [b, h, s, ev],
];

describe('attention instructions equal the composition of small operations', () => {
  test('sizes around the blocks', () => {
    for (const shapes of [
      same(1, 1, 1, 1, 1),
      same(2, 3, 7, 5, 16),
      same(1, 2, 97, 129, 20, 9),
      same(1, 1, 200, 300, 128),
      same(3, 1, 96, 128, 64),
    ])
      for (const inner of [false, true]) expectSame(shapes, 'float64', 1e-10, {}, inner);
  });

  test('float32', () => {
    expectSame(same(2, 2, 130, 140, 64), 'float32', 1e-4, {}, true);
  });

  test('causal, more or fewer keys than queries', () => {
    for (const [l, s] of [
      [5, 5],
      [150, 140],
      [3, 9],
      [140, 260],
      [9, 3],
    ])
      expectSame(same(2, 2, l, s, 12), 'float64', 1e-10, { isCausal: true });
  });

  test('masks of bool and of numbers broadcast over batch, heads and queries', () => {
    ft.manualSeed(1);
    for (const shape of [
      [6, 150],
      [2, 1, 1, 150],
      [1, 3, 6, 1],
      [2, 3, 6, 150],
    ]) {
      const attnMask = ft.rand(shape).gt(0.4);
      expectSame(same(2, 3, 6, 150, 8), 'float64', 1e-10, { attnMask });
      expectSame(same(2, 3, 6, 150, 8), 'float64', 1e-10, { attnMask: ft.randn(shape, { dtype: 'float64' }) });
    }
  });

  test('dropout drops the same weights, also when a block begins inside of a draw', () => {
    expectSame(same(2, 3, 5, 131, 8), 'float64', 1e-10, { dropoutP: 0.4 });
    expectSame(same(1, 2, 100, 7, 8), 'float64', 1e-10, { dropoutP: 1 });
  });

  test('grouped queries, broadcast batches, five dimensions and two', () => {
    expectSame(
      [
        [2, 6, 5, 8],
        [2, 2, 4, 8],
        [2, 2, 4, 3],
      ],
      'float64',
      1e-10,
      { enableGqa: true },
    );
    expectSame(
      [
        [2, 3, 5, 8],
        [1, 3, 4, 8],
        [3, 4, 2],
      ],
      'float64',
      1e-10,
    );
    expectSame(
      [
        [2, 2, 3, 5, 8],
        [2, 2, 3, 4, 8],
        [2, 2, 3, 4, 8],
      ],
      'float64',
      1e-10,
      { isCausal: true },
    );
    expectSame(
      [
        [5, 8],
        [4, 8],
        [4, 8],
      ],
      'float64',
      1e-10,
      { scale: 0.3 },
    );
  });
});

test('a query that sees no key gives zeros and finite gradients', () => {
  const attnMask = ft.tensor([
    [true, false, true],
    [false, false, false],
  ]);
  for (const run of [scaledDotProductAttention, small]) {
    const [out, ...grads] = results(run, same(1, 1, 2, 3, 4), 'float32', { attnMask });
    expect(out.slice(4)).toEqual([0, 0, 0, 0]);
    for (const v of grads.flat()) expect(Number.isFinite(v)).toBe(true);
  }
});

test('scores far apart neither overflow nor lose their order', () => {
  const q = ft.tensor([[1000]], { dtype: 'float32' });
  const k = ft.tensor([[-1000], [0], [1000]], { dtype: 'float32' });
  const v = ft.tensor([[1], [2], [3]], { dtype: 'float32' });
  expect(scaledDotProductAttention(q, k, v).toArraySync()).toEqual([[3]]);
});

test('no keys give zeros, no queries an empty result', () => {
  const of = (l: number, s: number): readonly number[] =>
    scaledDotProductAttention(ft.ones([l, 4]), ft.ones([s, 4]), ft.ones([s, 2])).numbersSync();
  expect([...of(3, 0)]).toEqual([0, 0, 0, 0, 0, 0]);
  expect([...of(0, 3)]).toEqual([]);
});

test('second derivatives go through the fused gradient', () => {
  const [q, k, v] = [1, 2, 3].map((i) => ft.randn([2, 3, 4], { dtype: 'float64', generator: new ft.Generator(i) }).requiresGrad_());
  const second = (run: Run): number[] => {
    const [g] = ft.grad([run(q, k, v, { isCausal: true }).square().sum()], [q], { createGraph: true });
    const [h] = ft.grad([(g as ft.Tensor).square().sum()], [k]);
    return [...(h as ft.Tensor).numbersSync()];
  };
  expectClose(second(scaledDotProductAttention), second(small), 1e-12);
});

test('one tensor as query, key and value sums its three gradients', () => {
  const x = ft.randn([1, 3, 4], { dtype: 'float64', generator: new ft.Generator(5) }).requiresGrad_();
  const first = (run: Run, createGraph: boolean): number[] => [
    ...(ft.grad([run(x, x, x, {}).square().sum()], [x], { createGraph })[0] as ft.Tensor).numbersSync(),
  ];
  expectClose(first(scaledDotProductAttention, false), first(small, false), 1e-12);
  expectClose(first(scaledDotProductAttention, true), first(small, false), 1e-12);
});

describe('the number of threads', () => {
  beforeAll(async () => {
    ft.setThreads(2);
    for (let i = 0; i < 2000 && ft.threads() < 2; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  });

  test('does not change a bit', () => {
    const run = (threads: number): number[][] => {
      ft.setThreads(threads);
      return results(scaledDotProductAttention, same(3, 4, 130, 70, 32), 'float32', { dropoutP: 0.2, generator: new ft.Generator(2) });
    };
    expect(run(1)).toEqual(run(2));
  });
});
