// SCAN, SORT and RANDOM against plain references.
import { afterAll, describe, expect, test } from 'vitest';
import { Bench, DTYPES, type DTypeName, random } from './encode.ts';

const bench = new Bench({ threads: 2 });
afterAll(() => bench.machine.close());
const f = Math.fround;

function scan(kind: number, dtype: DTypeName, shape: [number, number, number], values: number[], reverse = 0, withIndex = false) {
  const [outer, n, inner] = shape;
  const out = bench.put(dtype, new Array(values.length).fill(0));
  const index = withIndex ? bench.put('int64', new Array(values.length).fill(-1)) : 0;
  expect(bench.execute(17, [kind, DTYPES[dtype], outer, n, inner, bench.put(dtype, values), out, index, reverse])).toBe(0);
  return { out: bench.get(dtype, out, values.length), index: withIndex ? bench.get('int64', index, values.length) : [] };
}

/** Applies `step` along the middle dim. */
function walk(
  [outer, n, inner]: [number, number, number],
  reverse: number,
  step: (at: number, before: number | undefined, i: number) => void,
): void {
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      let before: number | undefined;
      for (let k = 0; k < n; k++) {
        const i = reverse ? n - 1 - k : k;
        const at = (o * n + i) * inner + j;
        step(at, before, i);
        before = at;
      }
    }
  }
}

describe('scan', () => {
  const shapes: [number, number, number][] = [
    [1, 1000, 1],
    [7, 33, 1],
    [3, 20, 300],
    [2, 5, 7],
    [0, 3, 2],
    [2, 0, 2],
  ];
  for (const shape of shapes) {
    test(`shape ${shape.join(' x ')}`, () => {
      const size = shape[0] * shape[1] * shape[2];
      const r = random(size + 1);
      for (const dtype of ['float32', 'float64', 'int64', 'int32', 'uint8'] as DTypeName[]) {
        for (const reverse of [0, 1]) {
          bench.reset();
          const values = Array.from({ length: size }, () => Math.floor(r() * 5) - (dtype === 'uint8' ? 0 : 2));
          const sums = new Array<number>(size);
          walk(shape, reverse, (at, before) => {
            sums[at] = values[at] + (before === undefined ? 0 : sums[before]);
          });
          expect(scan(0, dtype, shape, values, reverse).out).toEqual(dtype === 'uint8' ? sums.map((v) => v & 255) : sums);
          for (const kind of [2, 3]) {
            const best = new Array<number>(size);
            const where = new Array<number>(size);
            walk(shape, reverse, (at, before, i) => {
              const take = before === undefined || (kind === 2 ? values[at] >= best[before] : values[at] <= best[before]);
              best[at] = take ? values[at] : best[before as number];
              where[at] = take ? i : where[before as number];
            });
            const got = scan(kind, dtype, shape, values, reverse, true);
            expect(got.out).toEqual(best);
            expect(got.index).toEqual(where);
          }
        }
      }
    });
  }

  test('products, log-sum-exp and NaN', () => {
    bench.reset();
    expect(scan(1, 'float32', [1, 5, 1], [1, 2, 3, 4, 5]).out).toEqual([1, 2, 6, 24, 120]);
    const x = [-Infinity, 0, 1, 800, -800];
    const got = scan(4, 'float64', [1, 5, 1], x).out;
    expect(got[0]).toBe(-Infinity);
    expect(got[1]).toBe(0);
    expect(got[2]).toBeCloseTo(Math.log(1 + Math.E), 12);
    expect(got[3]).toBe(800);
    expect(scan(2, 'float32', [1, 4, 1], [1, Number.NaN, 3, Number.NaN], 0, true)).toEqual({
      out: [1, Number.NaN, Number.NaN, Number.NaN],
      index: [0, 1, 1, 3],
    });
  });
});

describe('sort', () => {
  function sort(dtype: DTypeName, rows: number, n: number, values: number[], descending: number) {
    const out = bench.put(dtype, new Array(values.length).fill(0));
    const index = bench.put('int64', new Array(values.length).fill(-1));
    expect(bench.execute(18, [DTYPES[dtype], rows, n, bench.put(dtype, values), out, index, descending])).toBe(0);
    return { values: bench.get(dtype, out, values.length), index: bench.get('int64', index, values.length) };
  }

  const cases: [DTypeName, number, number][] = [
    ['float32', 5, 0],
    ['float32', 3, 1],
    ['float32', 40, 17],
    ['float32', 3, 1500],
    ['float32', 1, 200_000],
    ['float64', 4, 333],
    ['float64', 1, 70_000],
    ['int64', 2, 5000],
    ['int32', 2, 5000],
    ['uint8', 3, 3000],
    ['bool', 3, 50],
  ];
  for (const [dtype, rows, n] of cases) {
    test(`${dtype} ${rows} x ${n}, stable both ways`, () => {
      const r = random(n);
      const signed = dtype !== 'uint8' && dtype !== 'bool';
      // few distinct values, so that stability shows
      const values = Array.from({ length: rows * n }, () => Math.floor(r() * (dtype === 'bool' ? 2 : 50)) - (signed ? 25 : 0));
      for (const descending of [0, 1]) {
        bench.reset();
        const got = sort(dtype, rows, n, values, descending);
        const want: number[] = [];
        for (let row = 0; row < rows; row++) {
          const order = Array.from({ length: n }, (_, i) => i);
          order.sort((a, b) => (values[row * n + a] - values[row * n + b]) * (descending ? -1 : 1) || a - b);
          for (const i of order) want.push(i);
        }
        expect(got.index).toEqual(want);
        expect(got.values).toEqual(want.map((i, k) => values[Math.floor(k / n) * n + i]));
      }
    });
  }

  test('NaN is the largest, zeros are equal, infinities are in order', () => {
    bench.reset();
    const x = [3, Number.NaN, -0, Infinity, 0, -Infinity, Number.NaN, -1];
    for (const dtype of ['float32', 'float64'] as const) {
      expect(sort(dtype, 1, 8, x, 0)).toEqual({
        values: [-Infinity, -1, -0, 0, 3, Infinity, Number.NaN, Number.NaN],
        index: [5, 7, 2, 4, 0, 3, 1, 6],
      });
      expect(sort(dtype, 1, 8, x, 1).index).toEqual([1, 6, 3, 0, 2, 4, 7, 5]);
    }
  });
});

describe('random', () => {
  function draw(kind: number, dtype: DTypeName, n: number, a = 0, b = 1, seed = 42, offset = 0, threads = bench) {
    const out = threads.put(dtype, new Array(n).fill(0));
    expect(threads.execute(16, [kind, seed, 7, offset, 0, n, out, DTYPES[dtype], a, b])).toBe(0);
    return threads.get(dtype, out, n);
  }

  test('raw bits are Philox 4x32-10: the known answer for key 0, counter 0', () => {
    bench.reset();
    const out = bench.put('int64', [0, 0, 0, 0]);
    bench.execute(16, [0, 0, 0, 0, 0, 4, out, DTYPES.int64, 0, 0]);
    // Random123's test vectors
    expect(bench.get('int64', out, 4)).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  });

  test('element i depends on seed, offset and i alone', () => {
    bench.reset();
    const long = draw(1, 'float32', 100_000);
    expect(draw(1, 'float32', 999)).toEqual(long.slice(0, 999));
    expect(draw(1, 'float32', 100, 0, 1, 42, 25)).toEqual(long.slice(100, 200));
    const one = new Bench({ threads: 1 });
    expect(draw(1, 'float32', 100_000, 0, 1, 42, 0, one)).toEqual(long);
    one.machine.close();
    expect(draw(1, 'float32', 100, 0, 1, 43)).not.toEqual(long.slice(0, 100));
  });

  test('moments and ranges', () => {
    bench.reset();
    const n = 200_000;
    const mean = (x: number[]) => x.reduce((s, v) => s + v, 0) / x.length;
    for (const dtype of ['float32', 'float64'] as const) {
      const u = draw(1, dtype, n, -2, 3);
      expect(u.every((v) => v >= -2 && v < 3)).toBe(true);
      expect(Math.abs(mean(u) - 0.5)).toBeLessThan(0.02);
      const z = draw(2, dtype, n, 1, 2);
      expect(Math.abs(mean(z) - 1)).toBeLessThan(0.03);
      expect(Math.abs(mean(z.map((v) => (v - 1) ** 2)) - 4)).toBeLessThan(0.06);
      expect(z.every(Number.isFinite)).toBe(true);
    }
    const k = draw(3, 'int64', n, -3, 4);
    expect(Math.min(...k.slice(0, 5000))).toBe(-3);
    expect(Math.max(...k.slice(0, 5000))).toBe(3);
    expect(Math.abs(mean(draw(4, 'float32', n, 0.3)) - 0.3)).toBeLessThan(0.01);
    expect(f(draw(4, 'bool', 1, 1)[0])).toBe(1);
  });
});
