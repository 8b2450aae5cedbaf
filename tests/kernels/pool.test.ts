// POOL_FORWARD and POOL_BACKWARD against the definition, window by window.
import { afterAll, describe, expect, test } from 'vitest';
import { CODE, expectClose, expectSameBytes, type FloatName, numbers, twoThreads } from './compare.ts';
import { Bench } from './encode.ts';

interface Case {
  kind: 'max' | 'average';
  planes?: number;
  H: number;
  W: number;
  K: [number, number];
  S?: [number, number];
  P?: [number, number];
  D?: [number, number];
  ceil?: boolean;
  countPadding?: boolean;
  divisor?: number;
  dtype?: FloatName;
  index?: boolean;
}

const bench = new Bench({ bytes: 32 * 2 ** 20 });
const pair = await twoThreads();
afterAll(() => {
  bench.machine.close();
  pair?.machine.close();
});

function geometry(c: Case) {
  const {
    planes = 3,
    S = c.K,
    P = [0, 0],
    D = [1, 1],
    ceil = false,
    countPadding = true,
    divisor = 0,
    dtype = 'float32',
    index = true,
  } = c;
  const out = (size: number, d: 0 | 1): number => {
    const last = (size + 2 * P[d] - D[d] * (c.K[d] - 1) - 1) / S[d];
    let n = (ceil ? Math.ceil(last) : Math.floor(last)) + 1;
    if (ceil && (n - 1) * S[d] >= size + P[d]) n--;
    return n;
  };
  return { ...c, planes, S, P, D, countPadding, divisor, dtype, index, OH: out(c.H, 0), OW: out(c.W, 1) };
}

/** Positions of the plane under window (oh, ow), in row-major order, and the average's divisor. */
function window(g: ReturnType<typeof geometry>, oh: number, ow: number): { at: number[]; count: number } {
  const at: number[] = [];
  let padded = 0;
  for (let i = 0; i < g.K[0]; i++)
    for (let j = 0; j < g.K[1]; j++) {
      const h = oh * g.S[0] - g.P[0] + i * g.D[0];
      const w = ow * g.S[1] - g.P[1] + j * g.D[1];
      if (h >= 0 && h < g.H && w >= 0 && w < g.W) at.push(h * g.W + w);
      if (h < g.H + g.P[0] && w < g.W + g.P[1]) padded++;
    }
  return { at, count: g.divisor || (g.countPadding ? padded : at.length) };
}

function operands(g: ReturnType<typeof geometry>, x: number, y: number, index: number): number[] {
  const kind = g.kind === 'max' ? 0 : 1;
  const sizes = [...g.K, ...g.S, ...g.P, ...g.D, g.OH, g.OW];
  return [CODE[g.dtype], kind, g.planes, g.H, g.W, ...sizes, x, y, index, g.countPadding ? 1 : 0, g.divisor];
}

function check(c: Case, fill?: (x: number[]) => void): void {
  const g = geometry(c);
  const label = JSON.stringify(c);
  const [inside, outside] = [g.H * g.W, g.OH * g.OW];
  const x = numbers(g.planes * inside, 1);
  fill?.(x);
  const dy = numbers(g.planes * outside, 2);
  const y: number[] = [];
  const index: number[] = [];
  const dx = new Array<number>(x.length).fill(0);
  for (let p = 0; p < g.planes; p++)
    for (let oh = 0; oh < g.OH; oh++)
      for (let ow = 0; ow < g.OW; ow++) {
        const { at, count } = window(g, oh, ow);
        const grad = dy[y.length];
        if (g.kind === 'average') {
          y.push(at.reduce((sum, i) => sum + x[p * inside + i], 0) / count);
          for (const i of at) dx[p * inside + i] += grad / count;
        } else {
          let best = at[0];
          for (const i of at) if (x[p * inside + i] > x[p * inside + best] || Number.isNaN(x[p * inside + i])) best = i;
          y.push(x[p * inside + best]);
          index.push(best);
          dx[p * inside + best] += grad;
        }
      }
  bench.reset();
  const size = g.dtype === 'float32' ? 4 : 8;
  const yAt = bench.alloc(y.length * size);
  const indexAt = g.kind === 'max' && g.index ? bench.alloc(4 * y.length) : 0;
  expect(bench.execute(7, operands(g, bench.put(g.dtype, x), yAt, indexAt))).toBe(0);
  expectClose(bench.get(g.dtype, yAt, y.length), y, g.kind === 'max' ? 0 : g.dtype === 'float32' ? 1e-6 : 1e-14, `forward ${label}`);
  if (indexAt !== 0) expect(bench.get('int32', indexAt, y.length)).toEqual(index);
  if (g.kind === 'max' && !g.index) return;
  const dxAt = bench.put(
    g.dtype,
    x.map(() => 1e30),
  );
  expect(bench.execute(8, operands(g, dxAt, bench.put(g.dtype, dy), indexAt))).toBe(0);
  expectClose(bench.get(g.dtype, dxAt, dx.length), dx, g.dtype === 'float32' ? 1e-6 : 1e-14, `backward ${label}`);
}

const everyShape: Omit<Case, 'kind'>[] = [
  { H: 28, W: 28, K: [2, 2] },
  { H: 10, W: 10, K: [2, 2] },
  { H: 7, W: 9, K: [2, 2] },
  { H: 13, W: 11, K: [3, 3], S: [2, 2] },
  { H: 13, W: 30, K: [3, 3], S: [2, 2], P: [1, 1] },
  { H: 9, W: 40, K: [3, 5], S: [1, 1], P: [1, 2] },
  { H: 9, W: 22, K: [2, 3], S: [3, 1] },
  { H: 8, W: 9, K: [3, 2], S: [2, 2], ceil: true },
  { H: 6, W: 7, K: [3, 3], S: [2, 2], P: [1, 1], ceil: true },
  { H: 7, W: 7, K: [7, 7] },
  { H: 5, W: 33, K: [5, 33] },
  { H: 1, W: 1, K: [1, 1] },
  { H: 12, W: 20, K: [3, 3], S: [3, 3], planes: 1 },
];

describe('pool', () => {
  test('maximum: values, positions and gradient', () => {
    for (const shape of everyShape) for (const dtype of ['float32', 'float64'] as const) check({ kind: 'max', dtype, ...shape });
    check({ kind: 'max', H: 17, W: 23, K: [3, 2], S: [1, 2], D: [2, 3] });
    check({ kind: 'max', H: 17, W: 23, K: [3, 2], S: [2, 1], P: [1, 1], D: [3, 2] });
  });

  test('maximum without positions', () => {
    check({ kind: 'max', H: 9, W: 12, K: [3, 3], S: [2, 2], P: [1, 1], index: false });
  });

  test('maximum: first of equals, the last NaN, all -Infinity', () => {
    check({ kind: 'max', H: 6, W: 12, K: [2, 2] }, (x) => x.fill(1));
    check({ kind: 'max', H: 6, W: 12, K: [3, 3], S: [1, 1] }, (x) => x.fill(Number.NEGATIVE_INFINITY));
    check({ kind: 'max', H: 6, W: 12, K: [3, 3], S: [1, 1], P: [1, 1] }, (x) => {
      for (let i = 0; i < x.length; i += 7) x[i] = Number.NaN;
    });
  });

  test('average: padding counted or not, divisor override', () => {
    for (const shape of everyShape)
      for (const countPadding of [true, false])
        for (const dtype of ['float32', 'float64'] as const) check({ kind: 'average', dtype, countPadding, ...shape });
    for (const shape of everyShape) check({ kind: 'average', divisor: 3, ...shape });
  });

  test('no planes, no rows', () => {
    check({ kind: 'max', planes: 0, H: 4, W: 4, K: [2, 2] });
    check({ kind: 'average', planes: 0, H: 4, W: 4, K: [2, 2] });
  });

  test('a position outside the plane is an error, not a write elsewhere', () => {
    bench.reset();
    const g = geometry({ kind: 'max', planes: 1, H: 4, W: 4, K: [2, 2] });
    const index = bench.put('int32', [0, 2, 16, 3]);
    expect(bench.execute(8, operands(g, bench.alloc(64), bench.put('float32', numbers(4, 1)), index))).toBe(1);
    expect([bench.machine.errorInfo(0), bench.machine.errorInfo(1)]).toEqual([16, 16]);
  });

  test.skipIf(pair === undefined)('two threads give the same bits as one', () => {
    for (const kind of ['max', 'average'] as const) {
      const g = geometry({ kind, planes: 200, H: 28, W: 28, K: [3, 3], S: [2, 2], P: [1, 1] });
      const outputs = g.planes * g.OH * g.OW;
      expectSameBytes(bench, pair as Bench, (on) => {
        const y = on.alloc(4 * outputs);
        const index = on.alloc(4 * outputs);
        const dx = on.put('float32', numbers(g.planes * 784, 3));
        on.execute(7, operands(g, dx, y, index));
        on.execute(8, operands(g, dx, y, index));
        return { address: dx, bytes: g.planes * 784 * 4 };
      });
    }
  });
});
