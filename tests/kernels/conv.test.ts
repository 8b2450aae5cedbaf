// CONV_FORWARD, CONV_INPUT_GRAD and CONV_WEIGHT_GRAD against the defining sums in double precision.
import { afterAll, describe, expect, test } from 'vitest';
import { expectClose, expectSameBytes, type FloatName, numbers, twoThreads } from './compare.ts';
import { Bench } from './encode.ts';

interface Case {
  N?: number;
  C: number;
  H: number;
  W: number;
  O: number;
  K: [number, number];
  S?: [number, number];
  P?: [number, number];
  D?: [number, number];
  groups?: number;
  dtype?: FloatName;
  bias?: boolean;
  activation?: number;
}
interface Operands {
  x: number[];
  weight: number[];
  y: number[];
  bias: number[];
}

const activations = [(v: number) => v, (v: number) => Math.max(v, 0), (v: number) => 1 / (1 + Math.exp(-v)), Math.tanh];
const bench = new Bench();
const pair = await twoThreads();
afterAll(() => {
  bench.machine.close();
  pair?.machine.close();
});

function geometry(c: Case) {
  const { N = 2, S = [1, 1], P = [0, 0], D = [1, 1], groups = 1, dtype = 'float32', bias = true, activation = 0 } = c;
  const OH = Math.floor((c.H + 2 * P[0] - D[0] * (c.K[0] - 1) - 1) / S[0]) + 1;
  const OW = Math.floor((c.W + 2 * P[1] - D[1] * (c.K[1] - 1) - 1) / S[1]) + 1;
  const sizes = { x: N * c.C * c.H * c.W, weight: (c.O * c.C * c.K[0] * c.K[1]) / groups, y: N * c.O * OH * OW, bias: c.O };
  return { ...c, N, S, P, D, groups, dtype, bias, activation, OH, OW, sizes };
}

/** Calls visit(index of x, of weight, of y, of the bias) for every product of the convolution. */
function products(c: Case, visit: (x: number, w: number, y: number) => void): void {
  const g = geometry(c);
  const ci = g.C / g.groups;
  const co = g.O / g.groups;
  for (let n = 0; n < g.N; n++)
    for (let o = 0; o < g.O; o++)
      for (let oh = 0; oh < g.OH; oh++)
        for (let ow = 0; ow < g.OW; ow++) {
          const y = ((n * g.O + o) * g.OH + oh) * g.OW + ow;
          for (let i = 0; i < ci; i++)
            for (let kh = 0; kh < g.K[0]; kh++) {
              const ih = oh * g.S[0] - g.P[0] + kh * g.D[0];
              if (ih < 0 || ih >= g.H) continue;
              for (let kw = 0; kw < g.K[1]; kw++) {
                const iw = ow * g.S[1] - g.P[1] + kw * g.D[1];
                if (iw < 0 || iw >= g.W) continue;
                const channel = Math.floor(o / co) * ci + i;
                visit(((n * g.C + channel) * g.H + ih) * g.W + iw, ((o * ci + i) * g.K[0] + kh) * g.K[1] + kw, y);
              }
            }
        }
}

/** Runs one instruction, with the workspace that it asks for unless `bare`. */
function execute(on: Bench, opcode: number, c: Case, values: Operands, bare = false) {
  const g = geometry(c);
  const size = g.dtype === 'float32' ? 4 : 8;
  // What an instruction must write starts as rubbish.
  const rubbish = (list: number[]): number[] => list.map(() => 1e30);
  const address = {
    x: on.put(g.dtype, opcode === 5 ? rubbish(values.x) : values.x),
    weight: on.put(g.dtype, opcode === 6 ? rubbish(values.weight) : values.weight),
    y: on.put(g.dtype, opcode === 4 ? rubbish(values.y) : values.y),
    bias: on.put(g.dtype, opcode === 6 ? rubbish(values.bias) : values.bias),
  };
  const operands = [g.dtype === 'float32' ? 0 : 1, g.N, g.C, g.H, g.W, g.O, ...g.K, ...g.S, ...g.P, ...g.D, g.groups, g.OH, g.OW];
  operands.push(address.x, address.weight, address.y, g.bias && opcode !== 5 ? address.bias : 0, opcode === 4 ? g.activation : 0, 0, 0);
  const bytes = on.machine.convWorkspace(on.put('float64', [opcode, operands.length + 2, ...operands]));
  if (bytes > 0 && !bare) operands.splice(-2, 2, on.alloc(bytes), bytes);
  expect(on.execute(opcode, operands)).toBe(0);
  const get = (name: keyof Operands): number[] => on.get(g.dtype, address[name], g.sizes[name]);
  return { get, address, size, sizes: g.sizes, workspace: bytes };
}

/** Opcodes with the operand that each writes. */
const directions = [
  [4, 'y'],
  [5, 'x'],
  [6, 'weight'],
] as const;

function operandsOf(c: Case): Operands {
  const g = geometry(c);
  return { x: numbers(g.sizes.x, 1), weight: numbers(g.sizes.weight, 2), y: numbers(g.sizes.y, 3), bias: numbers(g.O, 4) };
}

/** `loss`: how many times the error of a plain sum is allowed. */
function check(c: Case, loss = 1): void {
  const g = geometry(c);
  const values = operandsOf(c);
  const label = JSON.stringify(c);
  const plane = g.OH * g.OW;
  const channel = (i: number): number => Math.floor(i / plane) % g.O;
  const tolerance = (terms: number): number => (g.dtype === 'float64' ? 1e-13 : 1e-6) * loss * Math.sqrt(terms + 10);
  const perOutput = (g.sizes.weight / g.O) * 1;
  bench.reset();
  const y = values.y.map((_, i) => (g.bias ? values.bias[channel(i)] : 0));
  products(c, (ix, iw, iy) => {
    y[iy] += values.x[ix] * values.weight[iw];
  });
  expectClose(execute(bench, 4, c, values).get('y'), y.map(activations[g.activation]), tolerance(perOutput), `forward ${label}`);

  const dx = new Array<number>(g.sizes.x).fill(0);
  const dw = new Array<number>(g.sizes.weight).fill(0);
  products(c, (ix, iw, iy) => {
    dx[ix] += values.y[iy] * values.weight[iw];
    dw[iw] += values.y[iy] * values.x[ix];
  });
  expectClose(execute(bench, 5, c, values).get('x'), dx, tolerance(perOutput * g.O), `input gradient ${label}`);

  const grad = execute(bench, 6, c, values);
  expectClose(grad.get('weight'), dw, tolerance(g.N * plane), `weight gradient ${label}`);
  if (g.bias) {
    const db = new Array<number>(g.O).fill(0);
    values.y.forEach((v, i) => {
      db[channel(i)] += v;
    });
    expectClose(grad.get('bias'), db, tolerance(g.N * plane), `bias gradient ${label}`);
  }
}

describe('conv', () => {
  test("LeNet's layers", () => {
    check({ N: 3, C: 1, H: 28, W: 28, O: 6, K: [5, 5], P: [2, 2], activation: 2 });
    check({ N: 3, C: 6, H: 14, W: 14, O: 16, K: [5, 5], activation: 2 });
  });

  test('one number in every direction', () => {
    check({ N: 1, C: 1, H: 1, W: 1, O: 1, K: [1, 1] });
    check({ N: 1, C: 1, H: 3, W: 3, O: 1, K: [3, 3] });
    check({ N: 1, C: 1, H: 1, W: 1, O: 1, K: [3, 3], P: [1, 1] });
  });

  test('stride, padding, dilation and groups in all combinations', () => {
    for (const S of [
      [1, 1],
      [2, 1],
      [2, 3],
      [4, 4],
    ] as [number, number][])
      for (const P of [
        [0, 0],
        [1, 2],
        [3, 1],
      ] as [number, number][])
        for (const D of [
          [1, 1],
          [2, 1],
          [2, 3],
        ] as [number, number][])
          for (const groups of [1, 2]) check({ C: 4, H: 11, W: 13, O: 6, K: [3, 2], S, P, D, groups });
  });

  test('kernels smaller than the stride leave input pixels without gradient', () => {
    check({ C: 2, H: 9, W: 10, O: 3, K: [1, 1], S: [3, 2] });
    check({ C: 2, H: 9, W: 10, O: 3, K: [2, 1], S: [3, 4], P: [1, 0] });
  });

  test('padding wider than the kernel, and input left over at the end', () => {
    check({ C: 2, H: 5, W: 6, O: 3, K: [2, 3], P: [4, 5] });
    check({ C: 2, H: 8, W: 8, O: 3, K: [3, 3], S: [4, 3] });
  });

  test('many channels: panels, channel blocks, several tiles of rows', () => {
    check({ N: 2, C: 70, H: 7, W: 9, O: 50, K: [3, 3], P: [1, 1] });
    check({ N: 5, C: 33, H: 3, W: 3, O: 64, K: [3, 3], P: [1, 1], activation: 1 });
    check({ N: 3, C: 64, H: 6, W: 5, O: 130, K: [1, 1] });
    check({ N: 2, C: 100, H: 6, W: 6, O: 260, K: [2, 2], S: [2, 2] });
    check({ N: 1, C: 8, H: 4, W: 4, O: 500, K: [3, 3], P: [1, 1], bias: false });
  });

  test('3×3 with stride 1 in a workspace, whose tiles stick out at every side', () => {
    check({ N: 3, C: 26, H: 13, W: 9, O: 31, K: [3, 3], P: [1, 1], activation: 1 }, 4);
    check({ N: 9, C: 24, H: 6, W: 7, O: 40, K: [3, 3], P: [0, 2] }, 4);
    check({ N: 17, C: 33, H: 3, W: 3, O: 27, K: [3, 3], P: [1, 1], bias: false }, 4);
    check({ N: 1, C: 24, H: 8, W: 35, O: 25, K: [3, 3], P: [2, 0], activation: 2 }, 4);
  });

  test('4×4 with stride 2 in a workspace, any padding, sizes that leave borders', () => {
    check({ N: 4, C: 26, H: 16, W: 14, O: 31, K: [4, 4], S: [2, 2], P: [1, 1], activation: 1 }, 4);
    check({ N: 9, C: 24, H: 13, W: 10, O: 25, K: [4, 4], S: [2, 2], P: [0, 2] }, 4);
    check({ N: 17, C: 25, H: 8, W: 9, O: 24, K: [4, 4], S: [2, 2], P: [2, 1], bias: false }, 4);
  });

  test('one output pixel: a plain product', () => {
    check({ N: 5, C: 7, H: 4, W: 3, O: 6, K: [4, 3], activation: 1 });
    check({ N: 1, C: 1, H: 2, W: 2, O: 1, K: [2, 2], S: [2, 2], dtype: 'float64' });
  });

  test('the ways with and without a workspace agree, over several windows of tiles and of channels', () => {
    for (const c of [
      { N: 4, C: 340, H: 8, W: 8, O: 400, K: [3, 3], P: [1, 1] },
      { N: 20, C: 24, H: 23, W: 22, O: 24, K: [3, 3], P: [1, 1], activation: 3 },
      { N: 6, C: 90, H: 33, W: 30, O: 200, K: [4, 4], S: [2, 2], P: [1, 1] },
    ] as Case[])
      for (const [opcode, name] of directions) {
        const values = operandsOf(c);
        bench.reset();
        const run = execute(bench, opcode, c, values);
        expect(opcode === 6 || run.workspace > 0).toBe(true);
        expectClose(
          run.get(name),
          execute(bench, opcode, c, values, true).get(name),
          3e-5 * Math.sqrt(c.C),
          `${name} ${JSON.stringify(c)}`,
        );
      }
  });

  test('depthwise and grouped', () => {
    check({ C: 12, H: 9, W: 9, O: 12, K: [3, 3], P: [1, 1], groups: 12 });
    check({ C: 12, H: 9, W: 9, O: 24, K: [3, 3], P: [1, 1], groups: 12, S: [2, 2] });
    check({ C: 64, H: 5, W: 5, O: 96, K: [3, 3], P: [1, 1], groups: 2 });
  });

  test('patches: kernel and stride 16', () => {
    check({ N: 2, C: 3, H: 48, W: 32, O: 40, K: [16, 16], S: [16, 16] });
  });

  test('one long row, one long column, wide images in strips', () => {
    check({ N: 1, C: 3, H: 1, W: 3000, O: 5, K: [1, 7], P: [0, 3] });
    check({ N: 2, C: 3, H: 1500, W: 1, O: 4, K: [5, 1], S: [2, 1] });
    check({ N: 1, C: 2, H: 120, W: 130, O: 3, K: [3, 3], P: [1, 1] });
    check({ N: 1, C: 1, H: 2, W: 2600, O: 30, K: [2, 3], P: [1, 1], D: [1, 4] });
  });

  test('a kernel that no staging holds', () => {
    check({ N: 1, C: 1, H: 100, W: 100, O: 2, K: [95, 95] });
    check({ N: 1, C: 1, H: 70, W: 70, O: 1, K: [70, 2], S: [70, 1] });
    check({ N: 1, C: 1, H: 200, W: 80, O: 2, K: [70, 2], S: [67, 1] });
  });

  test('float64', () => {
    check({ C: 3, H: 10, W: 9, O: 7, K: [3, 3], P: [1, 1], S: [2, 1], dtype: 'float64', activation: 3 });
    check({ C: 40, H: 5, W: 5, O: 60, K: [3, 3], P: [1, 1], dtype: 'float64' });
    check({ C: 8, H: 9, W: 8, O: 8, K: [3, 3], groups: 8, D: [2, 2], dtype: 'float64' });
  });

  test('activations and no bias', () => {
    for (const activation of [0, 1, 2, 3]) for (const bias of [false, true]) check({ C: 3, H: 7, W: 6, O: 5, K: [3, 3], activation, bias });
  });

  test('an empty batch: nothing to write forward, zero gradients', () => {
    check({ N: 0, C: 2, H: 5, W: 5, O: 3, K: [3, 3] });
  });

  test.skipIf(pair === undefined)('two threads give the same bits as one', () => {
    for (const c of [
      { N: 20, C: 1, H: 28, W: 28, O: 6, K: [5, 5], P: [2, 2] },
      { N: 20, C: 6, H: 14, W: 14, O: 16, K: [5, 5] },
      { N: 4, C: 64, H: 12, W: 12, O: 96, K: [3, 3], P: [1, 1], S: [2, 2] },
      { N: 4, C: 64, H: 12, W: 12, O: 96, K: [3, 3], P: [1, 1] },
      { N: 4, C: 64, H: 12, W: 12, O: 96, K: [4, 4], P: [1, 1], S: [2, 2] },
    ] as Case[])
      for (const [opcode, name] of directions) {
        const values = operandsOf(c);
        expectSameBytes(bench, pair as Bench, (on) => {
          const r = execute(on, opcode, c, values);
          return { address: r.address[name], bytes: r.sizes[name] * r.size };
        });
      }
  });
});
