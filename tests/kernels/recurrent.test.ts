// RECURRENT_FORWARD and RECURRENT_BACKWARD against the same layers composed of small operations: every cell, both ways of cutting the work,
// widths that fill no vector, one and two threads.
import { beforeAll, describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { type CellKind, cellGates, composeRecurrent, type Direction, type LayerResult, recurrentLayer } from '../../src/ops/recurrent.ts';
import { expectClose } from './compare.ts';

type Float = 'float32' | 'float64';
const cells: CellKind[] = ['relu', 'tanh', 'lstm', 'gru'];

interface Sizes {
  T: number;
  N: number;
  I: number;
  H: number;
}

/** Leaves of a layer with one or two directions, the same for the same seed. */
function leaves(cell: CellKind, { T, N, I, H }: Sizes, dtype: Float, { two = false, bias = true, state = true } = {}) {
  ft.manualSeed(7);
  const leaf = (shape: number[], scale: number): ft.Tensor => ft.randn(shape, { dtype }).mul(scale).detach().requiresGrad_();
  const rows = cellGates[cell] * H;
  const directions = Array.from(
    { length: two ? 2 : 1 },
    (): Direction => ({
      weightIh: leaf([rows, I], 0.7 / Math.sqrt(I)),
      weightHh: leaf([rows, H], 0.7 / Math.sqrt(H)),
      biasIh: bias ? leaf([rows], 0.3) : null,
      biasHh: bias ? leaf([rows], 0.3) : null,
      h0: state ? leaf([N, H], 0.5) : null,
      c0: state && cell === 'lstm' ? leaf([N, H], 0.5) : null,
    }),
  );
  return { x: leaf([T, N, I], 1), directions };
}

/** Results and all gradients of one run, by name. */
function results(
  run: (cell: CellKind, x: ft.Tensor, directions: readonly Direction[]) => LayerResult,
  cell: CellKind,
  sizes: Sizes,
  dtype: Float,
  options?: { two?: boolean; bias?: boolean; state?: boolean },
): Map<string, number[]> {
  const { x, directions } = leaves(cell, sizes, dtype, options);
  const r = run(cell, x, directions);
  const outputs = [r.y, ...r.h, ...r.c];
  const inputs: [string, ft.Tensor][] = [['x', x]];
  directions.forEach((d, k) => {
    for (const [name, t] of Object.entries(d)) if (t !== null) inputs.push([`${name}${k}`, t as ft.Tensor]);
  });
  const grads = ft.grad(
    outputs,
    inputs.map(([, t]) => t),
    { gradOutputs: outputs.map((o, i) => ft.randn(o.shape, { dtype }).add(i)) },
  );
  const out = new Map(outputs.map((o, i): [string, number[]] => [`output ${i}`, [...o.numbersSync()]]));
  inputs.forEach(([name], i) => {
    out.set(`gradient of ${name}`, [...(grads[i] as ft.Tensor).numbersSync()]);
  });
  return out;
}

function expectSame(
  cell: CellKind,
  sizes: Sizes,
  dtype: Float,
  tolerance: number,
  options?: { two?: boolean; bias?: boolean; state?: boolean },
): void {
  const got = results(recurrentLayer, cell, sizes, dtype, options);
  const want = results(composeRecurrent, cell, sizes, dtype, options);
  expect([...got.keys()]).toEqual([...want.keys()]);
  for (const [name, values] of want) expectClose(got.get(name) as number[], values, tolerance, `${cell} ${JSON.stringify(sizes)} ${name}`);
}

describe('recurrent instructions equal the composition of small operations', () => {
  test('small weights: inputs join the step, rows are cut', () => {
    for (const cell of cells)
      for (const sizes of [
        { T: 1, N: 1, I: 1, H: 1 },
        { T: 5, N: 3, I: 2, H: 5 },
        { T: 4, N: 7, I: 9, H: 8 },
        { T: 3, N: 131, I: 3, H: 11 },
      ])
        expectSame(cell, sizes, 'float64', 1e-11, { two: sizes.N === 3 });
  });

  test('many inputs, few units: the inputs are multiplied beforehand', () => {
    for (const cell of cells) expectSame(cell, { T: 3, N: 10, I: 1500, H: 13 }, 'float64', 1e-11);
  });

  test('large weights: units are cut, step by step', () => {
    for (const cell of ['tanh', 'lstm', 'gru'] as const) {
      expectSame(cell, { T: 3, N: 5, I: 6, H: 165 }, 'float64', 1e-11, { two: cell === 'lstm' });
      expectSame(cell, { T: 2, N: 101, I: 4, H: 165 }, 'float64', 1e-11);
    }
  });

  test('float32', () => {
    for (const cell of cells) {
      expectSame(cell, { T: 4, N: 33, I: 10, H: 21 }, 'float32', 2e-4);
      expectSame(cell, { T: 2, N: 9, I: 10, H: 230 }, 'float32', 2e-4);
    }
  });

  test('without biases and without an initial state', () => {
    for (const cell of cells) expectSame(cell, { T: 3, N: 4, I: 5, H: 6 }, 'float64', 1e-11, { bias: false, state: false, two: true });
  });
});

test('long sequences stay finite and equal the composition', () => {
  for (const cell of ['tanh', 'lstm', 'gru'] as const) expectSame(cell, { T: 700, N: 2, I: 3, H: 7 }, 'float64', 1e-9);
});

test('gates saturate: huge inputs give finite states and gradients of zero', () => {
  const x = ft.full([2, 3, 4], 1e30, { dtype: 'float32' }).requiresGrad_();
  for (const cell of ['tanh', 'lstm', 'gru'] as const) {
    const { directions } = leaves(cell, { T: 2, N: 3, I: 4, H: 5 }, 'float32');
    const { y } = recurrentLayer(cell, x, directions);
    const [g] = ft.grad([y.sum()], [x]);
    for (const v of [...y.numbersSync(), ...(g as ft.Tensor).numbersSync()]) expect(Number.isFinite(v)).toBe(true);
  }
});

test('an empty batch gives empty results and zero gradients of the weights', () => {
  for (const cell of cells) {
    const { x, directions } = leaves(cell, { T: 3, N: 0, I: 2, H: 4 }, 'float32', { two: true });
    const { y, h } = recurrentLayer(cell, x, directions);
    expect(y.shape).toEqual([3, 0, 8]);
    expect(h[0].shape).toEqual([0, 4]);
    const [gx, gw] = ft.grad([y.sum()], [x, directions[0].weightHh]);
    expect(gx?.shape).toEqual([3, 0, 2]);
    expect([...(gw as ft.Tensor).numbersSync()].every((v) => v === 0)).toBe(true);
  }
});

describe('the number of threads', () => {
  beforeAll(async () => {
    ft.setThreads(2);
    for (let i = 0; i < 2000 && ft.threads() < 2; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  });

  test('does not change a bit', () => {
    for (const cell of cells)
      for (const sizes of [
        { T: 3, N: 200, I: 9, H: 17 },
        { T: 3, N: 40, I: 20, H: 230 },
      ]) {
        ft.setThreads(2);
        const two = results(recurrentLayer, cell, sizes, 'float32');
        ft.setThreads(1);
        const one = results(recurrentLayer, cell, sizes, 'float32');
        for (const [name, values] of one) expect(values, `${cell} ${name}`).toEqual(two.get(name));
      }
  });
});
