// MATMUL against plain loops in double precision: ragged sizes, strides, batches, epilogues, all dtypes, one and two threads.
import { afterAll, describe, expect, test } from 'vitest';
import { CODE, expectClose, expectSameBytes, numbers, twoThreads } from './compare.ts';
import { Bench } from './encode.ts';

interface Case {
  M: number;
  N: number;
  K: number;
  dtype?: keyof typeof CODE;
  a?: [offset: number, row: number, column: number];
  b?: [offset: number, row: number, column: number];
  ldc?: number;
  accumulate?: boolean;
  bias?: 'none' | 'columns' | 'rows';
  activation?: number;
  batch?: { shape: number[]; a: number[]; b: number[]; c: number[] };
}

const activations = [(v: number) => v, (v: number) => Math.max(v, 0), (v: number) => 1 / (1 + Math.exp(-v)), Math.tanh];

const bench = new Bench();
const pair = await twoThreads();
afterAll(() => {
  bench.machine.close();
  pair?.machine.close();
});

function span(strides: readonly [number, number, number], rows: number, columns: number): number {
  const ends = [0, (rows - 1) * strides[1], (columns - 1) * strides[2], (rows - 1) * strides[1] + (columns - 1) * strides[2]];
  return strides[0] + Math.max(...ends, 0) + 1;
}

/** Runs a case; the whole of C's memory comes back with what it should be. */
function run(on: Bench, c: Case, seed = 1): { address: number; bytes: number; actual: number[]; expected: number[] } {
  const { M, N, K, dtype = 'float32', bias = 'none', activation = 0, accumulate = false } = c;
  const a = c.a ?? [0, K, 1];
  const b = c.b ?? [0, N, 1];
  const ldc = c.ldc ?? N;
  const batch = c.batch ?? { shape: [], a: [], b: [], c: [] };
  const whole = dtype === 'int64' || dtype === 'int32';
  const make = (n: number, s: number): number[] => (whole ? numbers(n, s).map((v) => Math.round(v * 9)) : numbers(n, s));
  const extra = (strides: number[]): number => strides.reduce((sum, s, d) => sum + Math.max(0, (batch.shape[d] - 1) * s), 0);
  const A = make(span(a, Math.max(M, 1), Math.max(K, 1)) + extra(batch.a), seed);
  const B = make(span(b, Math.max(K, 1), Math.max(N, 1)) + extra(batch.b), seed + 1);
  const C = make(Math.max(0, (M - 1) * ldc + N) + extra(batch.c), seed + 2);
  const biases = make(Math.max(M, N), seed + 3);
  const expected = C.slice();
  const batches = batch.shape.reduce((p, s) => p * s, 1);
  for (let index = 0; index < batches; index++) {
    const at = [a[0], b[0], 0];
    for (let d = batch.shape.length - 1, rest = index; d >= 0; rest = Math.floor(rest / batch.shape[d]), d--) {
      const i = rest % batch.shape[d];
      at[0] += i * batch.a[d];
      at[1] += i * batch.b[d];
      at[2] += i * batch.c[d];
    }
    for (let i = 0; i < M; i++)
      for (let j = 0; j < N; j++) {
        let sum = accumulate ? C[at[2] + i * ldc + j] : 0;
        for (let k = 0; k < K; k++) sum += A[at[0] + i * a[1] + k * a[2]] * B[at[1] + k * b[1] + j * b[2]];
        if (bias !== 'none') sum += biases[bias === 'rows' ? i : j];
        expected[at[2] + i * ldc + j] = activations[activation](sum);
      }
  }
  const size = dtype === 'float32' || dtype === 'int32' ? 4 : 8;
  const out = on.put(dtype, C);
  const code = on.execute(3, [
    CODE[dtype],
    M,
    N,
    K,
    on.put(dtype, A) + a[0] * size,
    a[1],
    a[2],
    on.put(dtype, B) + b[0] * size,
    b[1],
    b[2],
    out,
    ldc,
    batch.shape.length,
    accumulate ? 1 : 0,
    bias === 'none' ? 0 : on.put(dtype, biases),
    activation,
    bias === 'rows' ? 1 : 0,
    ...batch.shape,
    ...batch.a,
    ...batch.b,
    ...batch.c,
  ]);
  expect(code).toBe(0);
  return { address: out, bytes: C.length * size, actual: on.get(dtype, out, C.length), expected };
}

function check(c: Case): void {
  bench.reset();
  const { actual, expected } = run(bench, c);
  const tolerance = c.dtype === 'float64' ? 1e-12 : c.dtype === 'int64' || c.dtype === 'int32' ? 0 : 2e-6 * Math.sqrt(c.K + 10);
  expectClose(actual, expected, tolerance, JSON.stringify(c));
}

const transposes = (M: number, K: number): Pick<Case, 'a' | 'b'>[] => [
  {},
  { a: [0, 1, M] },
  { b: [0, 1, K] },
  { a: [0, 1, M], b: [0, 1, K] },
];

describe('matmul', () => {
  test('every small size, all transposes', () => {
    for (const M of [1, 2, 3, 5, 7, 13])
      for (const N of [1, 2, 4, 7, 8, 9, 17]) for (const K of [1, 2, 3, 8, 21]) for (const t of transposes(M, K)) check({ M, N, K, ...t });
  });

  test('sizes across every block border', () => {
    for (const [M, N, K] of [
      [65, 70, 330],
      [97, 130, 321],
      [128, 33, 700],
      [11, 600, 90],
      [700, 9, 50],
      [1, 500, 300],
      [500, 1, 300],
      [1, 4100, 9],
      [37, 5, 641],
    ])
      for (const t of transposes(M, K)) check({ M, N, K, ...t });
  });

  test('float64, int64 and int32', () => {
    for (const dtype of ['float64', 'int64', 'int32'] as const)
      for (const [M, N, K] of [
        [1, 1, 1],
        [3, 5, 7],
        [33, 20, 170],
        [1, 19, 40],
        [40, 1, 33],
      ])
        for (const t of transposes(M, K)) check({ M, N, K, dtype, ...t });
  });

  test('strides: gaps, reversed rows, broadcast rows, wider C', () => {
    check({ M: 9, N: 11, K: 13, a: [0, 40, 3], b: [0, 50, 2], ldc: 20 });
    check({ M: 9, N: 11, K: 13, a: [8 * 13, -13, 1], b: [10, 11, -1] });
    check({ M: 9, N: 11, K: 13, a: [0, 0, 1], b: [0, 0, 1] });
    check({ M: 70, N: 60, K: 50, a: [0, 0, 0], b: [0, 1, 0] });
    check({ M: 70, N: 60, K: 350, a: [0, 701, 2], b: [0, 3, 1051], ldc: 61 });
    check({ M: 33, N: 1, K: 50, a: [0, 101, 2], b: [0, 5, 1], ldc: 7 });
    check({ M: 1, N: 33, K: 50, a: [0, 1, 5], b: [0, 2, 101] });
  });

  test('bias over rows or columns, activations, accumulation', () => {
    for (const [M, N, K] of [
      [6, 9, 4],
      [1, 13, 8],
      [13, 1, 8],
      [64, 75, 340],
    ])
      for (const dtype of ['float32', 'float64'] as const)
        for (const bias of ['none', 'columns', 'rows'] as const)
          for (const activation of [0, 1, 2, 3])
            for (const accumulate of [false, true]) check({ M, N, K, dtype, bias, activation, accumulate });
    check({ M: 6, N: 9, K: 4, dtype: 'int64', bias: 'rows', activation: 1, accumulate: true });
    check({ M: 6, N: 9, K: 4, dtype: 'int64', bias: 'columns' });
  });

  test('K = 0 gives zeros and the epilogue; M or N = 0 touches nothing', () => {
    check({ M: 3, N: 5, K: 0 });
    check({ M: 3, N: 5, K: 0, bias: 'columns', activation: 2 });
    check({ M: 3, N: 5, K: 0, accumulate: true });
    check({ M: 1, N: 1, K: 0, dtype: 'int64' });
    check({ M: 0, N: 5, K: 4 });
    check({ M: 4, N: 0, K: 4 });
    check({ M: 2, N: 2, K: 2, batch: { shape: [0], a: [4], b: [4], c: [4] } });
  });

  test('batches: dense, broadcast over either side, two batch dimensions', () => {
    check({ M: 5, N: 6, K: 7, batch: { shape: [9], a: [35], b: [42], c: [30] } });
    check({ M: 5, N: 6, K: 7, batch: { shape: [9], a: [35], b: [0], c: [30] }, bias: 'columns', activation: 1 });
    check({ M: 5, N: 6, K: 7, batch: { shape: [9], a: [35], b: [0], c: [30] }, bias: 'rows' });
    check({ M: 5, N: 6, K: 7, batch: { shape: [2, 3], a: [0, 35], b: [42, 0], c: [90, 30] } });
    check({ M: 80, N: 90, K: 100, batch: { shape: [3], a: [8000], b: [9000], c: [7200] } });
    check({ M: 40, N: 40, K: 16, batch: { shape: [70], a: [640], b: [640], c: [1600] } });
  });

  test('a long sum with few outputs', () => {
    check({ M: 10, N: 7, K: 20001, a: [0, 1, 10] });
    check({ M: 3, N: 4, K: 5000, accumulate: true, bias: 'columns', activation: 3 });
    check({ M: 1, N: 1, K: 30000 });
  });

  test('a NaN in A reaches its row only', () => {
    bench.reset();
    const A = numbers(40, 1);
    A[13] = Number.NaN;
    const out = bench.alloc(5 * 6 * 4);
    bench.execute(3, [0, 5, 6, 8, bench.put('float32', A), 8, 1, bench.put('float32', numbers(48, 2)), 6, 1, out, 6, 0, 0, 0, 1, 0]);
    expect(bench.get('float32', out, 30).map((v, i) => Number.isNaN(v) === (Math.floor(i / 6) === 1))).toEqual(new Array(30).fill(true));
  });

  test.skipIf(pair === undefined)('two threads give the same bits as one', () => {
    for (const c of [
      { M: 300, N: 200, K: 700, bias: 'columns', activation: 2 },
      { M: 700, N: 1, K: 500 },
      { M: 1, N: 3000, K: 300 },
      { M: 8, N: 9, K: 30000 },
      { M: 33, N: 40, K: 50, batch: { shape: [40], a: [1650], b: [2000], c: [1320] } },
    ] as Case[])
      expectSameBytes(bench, pair as Bench, (on) => run(on, c));
  });
});
