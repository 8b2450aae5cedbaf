// SOFTMAX and CROSS_ENTROPY, forward and backward, against their definitions in double precision.
import { afterAll, describe, expect, test } from 'vitest';
import { CODE, expectClose, expectSameBytes, type FloatName, numbers, twoThreads } from './compare.ts';
import { Bench } from './encode.ts';

const bench = new Bench({ bytes: 48 * 2 ** 20 });
const pair = await twoThreads();
afterAll(() => {
  bench.machine.close();
  pair?.machine.close();
});
const bytes = (dtype: FloatName): number => (dtype === 'float32' ? 4 : 8);
const tolerance = (dtype: FloatName): number => (dtype === 'float32' ? 3e-6 : 1e-13);

function softmaxLine(x: number[], log: boolean): number[] {
  const top = Math.max(...x);
  const e = x.map((v) => Math.exp(v - top));
  const sum = e.reduce((a, b) => a + b, 0);
  return log ? x.map((v) => v - top - Math.log(sum)) : e.map((v) => v / sum);
}

/** Applies f to every line along n of a contiguous [outer, n, inner] block. */
function along(outer: number, n: number, inner: number, x: number[], f: (line: number[], at: (i: number) => number) => number[]): number[] {
  const y = new Array<number>(x.length);
  for (let o = 0; o < outer; o++)
    for (let j = 0; j < inner; j++) {
      const at = (i: number): number => (o * n + i) * inner + j;
      f(
        Array.from({ length: n }, (_, i) => x[at(i)]),
        at,
      ).forEach((v, i) => {
        y[at(i)] = v;
      });
    }
  return y;
}

const shapes = [
  [1, 1, 1],
  [3, 10, 1],
  [7, 33, 1],
  [2, 1000, 1],
  [2, 5, 3],
  [3, 7, 4],
  [2, 21, 37],
  [600, 10, 1],
];

describe('softmax', () => {
  test('forward and backward, both kinds, rows and columns', () => {
    for (const [outer, n, inner] of shapes)
      for (const dtype of ['float32', 'float64'] as const)
        for (const log of [false, true]) {
          bench.reset();
          const x = numbers(outer * n * inner, 1).map((v) => v * 8);
          const dy = numbers(x.length, 2);
          const y = along(outer, n, inner, x, (line) => softmaxLine(line, log));
          const yAt = bench.alloc(x.length * bytes(dtype));
          const dxAt = bench.alloc(x.length * bytes(dtype));
          const kind = log ? 1 : 0;
          expect(bench.execute(9, [CODE[dtype], kind, outer, n, inner, bench.put(dtype, x), yAt, 0, 0])).toBe(0);
          expectClose(bench.get(dtype, yAt, x.length), y, tolerance(dtype), `forward ${outer} ${n} ${inner} ${log}`);
          const dx = along(outer, n, inner, y, (line, at) => {
            const sum = line.reduce((s, v, i) => s + (log ? dy[at(i)] : v * dy[at(i)]), 0);
            return line.map((v, i) => (log ? dy[at(i)] - Math.exp(v) * sum : v * (dy[at(i)] - sum)));
          });
          expect(bench.execute(10, [CODE[dtype], kind, outer, n, inner, 0, yAt, bench.put(dtype, dy), dxAt])).toBe(0);
          expectClose(bench.get(dtype, dxAt, x.length), dx, tolerance(dtype) * 20, `backward ${outer} ${n} ${inner} ${log}`);
        }
  });

  test('huge and infinite logits; a NaN spoils its own row', () => {
    bench.reset();
    const x = [1000, 999, -1000, 3, Number.NEGATIVE_INFINITY, 2, 1, 0, Number.NaN, 5, 6, 7];
    const out = bench.alloc(48);
    bench.execute(9, [0, 0, 3, 4, 1, bench.put('float32', x), out, 0, 0]);
    const y = bench.get('float32', out, 12);
    expectClose(y.slice(0, 8), [...softmaxLine(x.slice(0, 4), false), ...softmaxLine(x.slice(4, 8), false)], 1e-6);
    expect(y.slice(8).every(Number.isNaN)).toBe(true);
  });

  test('a row of -Infinity gives NaN, as in PyTorch', () => {
    bench.reset();
    const out = bench.alloc(12);
    bench.execute(9, [0, 0, 1, 3, 1, bench.put('float32', new Array(3).fill(Number.NEGATIVE_INFINITY)), out, 0, 0]);
    expect(bench.get('float32', out, 3).every(Number.isNaN)).toBe(true);
  });

  test('in place', () => {
    bench.reset();
    const x = numbers(60, 3);
    const at = bench.put('float64', x);
    bench.execute(9, [1, 1, 3, 5, 4, at, at, 0, 0]);
    expectClose(
      bench.get('float64', at, 60),
      along(3, 5, 4, x, (line) => softmaxLine(line, true)),
      1e-14,
    );
  });

  test('empty operands', () => {
    for (const [outer, n, inner] of [
      [0, 3, 1],
      [3, 0, 1],
      [3, 3, 0],
    ])
      for (const opcode of [9, 10]) expect(bench.execute(opcode, [0, 0, outer, n, inner, 64, 64, 64, 64])).toBe(0);
  });
});

interface LossCase {
  N: number;
  C: number;
  inner?: number;
  weighted?: boolean;
  ignore?: boolean;
  smoothing?: number;
  reduction?: 0 | 1 | 2;
  dtype?: FloatName;
}

function crossEntropy(on: Bench, c: LossCase) {
  const { N, C, inner = 1, weighted = false, ignore = false, smoothing = 0, reduction = 1, dtype = 'float32' } = c;
  const positions = N * inner;
  const logits = numbers(positions * C, 1).map((v) => v * 5);
  const target = numbers(positions, 2).map((v, i) => (ignore && i % 3 === 1 ? -100 : Math.floor(((v + 1) / 2) * C)));
  const weight = numbers(C, 3).map((v) => Math.fround(v + 1.5));
  const outputs = reduction === 0 ? positions : 1;
  const grad = numbers(outputs, 4);
  const size = bytes(dtype);
  const place = {
    loss: on.alloc(outputs * size),
    lse: on.alloc(positions * size),
    total: on.alloc(size),
    dx: on.alloc(logits.length * size),
  };
  const operands = [
    CODE[dtype],
    N,
    C,
    inner,
    on.put(dtype, logits),
    on.put('int64', target),
    weighted ? on.put(dtype, weight) : 0,
    -100,
    smoothing,
  ];
  operands.push(reduction, place.loss, place.lse, place.total, on.put(dtype, grad), place.dx);
  expect(on.execute(11, operands)).toBe(0);
  expect(on.execute(12, operands)).toBe(0);

  const w = (k: number): number => (weighted ? weight[k] : 1);
  const losses = new Array<number>(positions).fill(0);
  const dx = new Array<number>(logits.length).fill(0);
  let total = 0;
  for (let i = 0; i < positions; i++) if (target[i] >= 0) total += w(target[i]);
  for (let n = 0; n < N; n++)
    for (let j = 0; j < inner; j++) {
      const i = n * inner + j;
      const t = target[i];
      if (t < 0) continue;
      const at = (k: number): number => (n * C + k) * inner + j;
      const logp = softmaxLine(
        Array.from({ length: C }, (_, k) => logits[at(k)]),
        true,
      );
      const sumW = logp.reduce((s, _, k) => s + w(k), 0);
      losses[i] = -(1 - smoothing) * w(t) * logp[t] - (smoothing / C) * logp.reduce((s, v, k) => s + w(k) * v, 0);
      const g = reduction === 0 ? grad[i] : reduction === 1 ? grad[0] / total : grad[0];
      logp.forEach((v, k) => {
        const p = Math.exp(v);
        dx[at(k)] = g * ((1 - smoothing) * w(t) * (p - (k === t ? 1 : 0)) + (smoothing / C) * (p * sumW - w(k)));
      });
    }
  const sum = losses.reduce((a, b) => a + b, 0);
  return {
    place,
    losses: reduction === 0 ? losses : [reduction === 1 ? sum / total : sum],
    dx,
    total,
    outputs,
    dtype,
    bytes: logits.length * size,
  };
}

describe('crossEntropy', () => {
  test('weights, ignored targets, smoothing, reductions, rows and columns', () => {
    for (const [N, C, inner] of [
      [1, 1, 1],
      [5, 10, 1],
      [130, 37, 1],
      [3, 7, 6],
      [2, 21, 130],
    ])
      for (const dtype of ['float32', 'float64'] as const)
        for (const reduction of [0, 1, 2] as const)
          for (const weighted of [false, true])
            for (const ignore of [false, true])
              for (const smoothing of [0, 0.1]) {
                if (N === 1 && ignore) continue;
                bench.reset();
                const c = { N, C, inner, weighted, ignore, smoothing, reduction, dtype };
                const r = crossEntropy(bench, c);
                const label = JSON.stringify(c);
                expectClose(bench.get(dtype, r.place.loss, r.outputs), r.losses, tolerance(dtype) * 3, `loss ${label}`);
                expectClose(bench.get(dtype, r.place.total, 1), [r.total], tolerance(dtype), `total ${label}`);
                expectClose(bench.get(dtype, r.place.dx, r.dx.length), r.dx, tolerance(dtype) * 3, `gradient ${label}`);
              }
  });

  test('a target outside [0, C) is error 1 with the target and C', () => {
    for (const bad of [7, -1]) {
      bench.reset();
      const operands = [0, 2, 7, 1, bench.put('float32', numbers(14, 1)), bench.put('int64', [3, bad]), 0, -100, 0, 1];
      operands.push(bench.alloc(4), bench.alloc(8), bench.alloc(4), bench.put('float32', [1]), bench.alloc(56));
      for (const opcode of [11, 12]) {
        expect(bench.execute(opcode, operands)).toBe(1);
        expect([bench.machine.errorInfo(0), bench.machine.errorInfo(1)]).toEqual([bad, 7]);
      }
    }
  });

  test('an impossible class costs Infinity; the others stay finite', () => {
    bench.reset();
    const x = [Number.NEGATIVE_INFINITY, 1, 2, Number.NEGATIVE_INFINITY, 1, 2];
    const loss = bench.alloc(8);
    const operands = [
      0,
      2,
      3,
      1,
      bench.put('float32', x),
      bench.put('int64', [0, 1]),
      0,
      -100,
      0,
      0,
      loss,
      bench.alloc(8),
      bench.alloc(4),
      0,
      0,
    ];
    expect(bench.execute(11, operands)).toBe(0);
    expectClose(bench.get('float32', loss, 2), [Number.POSITIVE_INFINITY, Math.log(1 + Math.E)], 1e-6);
  });

  test('an empty batch: sum 0, mean NaN', () => {
    for (const [reduction, value] of [
      [1, Number.NaN],
      [2, 0],
    ]) {
      bench.reset();
      const loss = bench.alloc(4);
      expect(bench.execute(11, [0, 0, 5, 1, 64, 64, 0, -100, 0, reduction, loss, 64, bench.alloc(4), 0, 0])).toBe(0);
      expect(bench.get('float32', loss, 1)[0]).toBe(value);
    }
  });

  test.skipIf(pair === undefined)('two threads give the same bits as one', () => {
    for (const c of [
      { N: 3000, C: 10, smoothing: 0.1 },
      { N: 4, C: 21, inner: 2000 },
    ] as LossCase[])
      for (const name of ['loss', 'dx'] as const)
        expectSameBytes(bench, pair as Bench, (on) => {
          const r = crossEntropy(on, c);
          return { address: r.place[name], bytes: name === 'dx' ? r.bytes : 4 };
        });
  });
});
