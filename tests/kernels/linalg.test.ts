// CHOLESKY, TRIANGULAR_SOLVE and LU against plain loops in double precision: sizes around the block edges, strides, batches, status numbers, threads.
import { afterAll, describe, expect, test } from 'vitest';
import { CODE, expectClose, expectSameBytes, type FloatName, numbers, twoThreads } from './compare.ts';
import { Bench } from './encode.ts';

const bench = new Bench();
const pair = await twoThreads();
afterAll(() => {
  bench.machine.close();
  pair?.machine.close();
});

const sizes = [1, 2, 7, 31, 32, 33, 64, 65, 100, 150];
const tolerance = { float32: 2e-4, float64: 1e-11 };

/** X Xᵀ / n + I for random X. */
function positive(n: number, seed: number): number[] {
  const x = numbers(n * n, seed);
  const a = new Array<number>(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let sum = i === j ? 1 : 0;
      for (let k = 0; k < n; k++) sum += (x[i * n + k] * x[j * n + k]) / n;
      a[i * n + j] = Math.fround(sum);
    }
  return a;
}

const product = (a: readonly number[], b: readonly number[], m: number, k: number, n: number): number[] => {
  const c = new Array<number>(m * n).fill(0);
  for (let i = 0; i < m; i++) for (let p = 0; p < k; p++) for (let j = 0; j < n; j++) c[i * n + j] += a[i * k + p] * b[p * n + j];
  return c;
};
const transposed = (a: readonly number[], m: number, n: number): number[] =>
  Array.from({ length: m * n }, (_, i) => a[(i % m) * n + Math.floor(i / m)]);

function cholesky(on: Bench, dtype: FloatName, a: readonly number[], batches: number, n: number): { address: number; info: number[] } {
  const address = on.put(dtype, a);
  const status = on.put('int32', new Array<number>(batches).fill(-1));
  expect(on.execute(60, [CODE[dtype], batches, n, address, status])).toBe(0);
  return { address, info: on.get('int32', status, batches) };
}

describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
  test.each(sizes)('Cholesky of order %i: L Lᵀ is A, zeros above', (n) => {
    bench.reset();
    const a = positive(n, n);
    const { address, info } = cholesky(bench, dtype, a, 1, n);
    expect(info).toEqual([0]);
    const L = bench.get(dtype, address, n * n);
    expect(L.every((v, i) => i % n <= Math.floor(i / n) || v === 0)).toBe(true);
    expectClose(product(L, transposed(L, n, n), n, n, n), a, tolerance[dtype]);
  });

  test.each(
    sizes.flatMap((n) => [
      [n, 1],
      [n, 3],
      [n, 70],
    ]),
  )('triangular systems of order %i with %i right sides, upper and lower, transposed, unit', (n, m) => {
    for (const upper of [false, true])
      for (const unit of [false, true])
        for (const flip of [false, true]) {
          bench.reset();
          const a = numbers(n * n, n + m).map((v, i) => (i % (n + 1) === 0 ? 2 + v : v / n));
          // what the solver must not read is NaN
          const stored = a.map((v, i) => {
            const [r, c] = [Math.floor(i / n), i % n];
            return (upper ? r > c : r < c) || (unit && r === c) ? Number.NaN : v;
          });
          const full = a.map((v, i) => {
            const [r, c] = [Math.floor(i / n), i % n];
            return (upper ? r > c : r < c) ? 0 : unit && r === c ? 1 : v;
          });
          const x = numbers(n * m, 3);
          const b = product(full, x, n, n, m);
          const B = bench.put(dtype, b);
          const A = bench.put(dtype, flip ? transposed(stored, n, n) : stored);
          expect(bench.execute(61, [CODE[dtype], n, m, A, flip ? 1 : n, flip ? n : 1, B, m, upper ? 1 : 0, unit ? 1 : 0, 0])).toBe(0);
          expectClose(bench.get(dtype, B, n * m), x, tolerance[dtype], `upper ${upper} unit ${unit} transposed ${flip}`);
        }
  });

  test.each([...sizes.map((n) => [n, n]), [5, 9], [9, 5], [40, 70], [70, 40], [33, 150], [150, 33]])(
    'LU of %i by %i: row swaps, then L U, is A',
    (m, n) => {
      bench.reset();
      const k = Math.min(m, n);
      const a = numbers(m * n, m + n);
      const A = bench.put(dtype, a);
      const pivots = bench.put('int32', new Array<number>(k).fill(0));
      const status = bench.put('int32', [-1]);
      expect(bench.execute(62, [CODE[dtype], 1, m, n, A, pivots, status])).toBe(0);
      expect(bench.get('int32', status, 1)).toEqual([0]);
      const LU = bench.get(dtype, A, m * n);
      const L = Array.from({ length: m * k }, (_, i) =>
        Math.floor(i / k) > i % k ? LU[Math.floor(i / k) * n + (i % k)] : Math.floor(i / k) === i % k ? 1 : 0,
      );
      const U = Array.from({ length: k * n }, (_, i) => (Math.floor(i / n) <= i % n ? LU[i] : 0));
      expect(L.every((v) => Math.abs(v) <= 1)).toBe(true);
      const swapped = a.slice();
      bench.get('int32', pivots, k).forEach((p, i) => {
        expect(p).toBeGreaterThan(i);
        for (let j = 0; j < n; j++) [swapped[i * n + j], swapped[(p - 1) * n + j]] = [swapped[(p - 1) * n + j], swapped[i * n + j]];
      });
      expectClose(product(L, U, m, k, n), swapped, tolerance[dtype]);
    },
  );
});

test('CHOLESKY: status is the order of the first minor that is not positive, per matrix of the batch, NaN included', () => {
  bench.reset();
  const n = 50;
  const good = positive(n, 1);
  const late = good.map((v, i) => (i === 40 * n + 40 ? -5 : v));
  const nan = good.map((v, i) => (i === 3 * n + 1 ? Number.NaN : v));
  const { address, info } = cholesky(bench, 'float64', [...good, ...late, ...nan], 3, n);
  expect(info).toEqual([0, 41, 4]);
  const L = bench.get('float64', address, n * n);
  expectClose(product(L, transposed(L, n, n), n, n, n), good, 1e-12);
});

test('LU: a zero column gives its position as status and the factors still multiply to A', () => {
  bench.reset();
  const n = 40;
  const a = numbers(n * n, 5).map((v, i) => (i % n === 20 ? 0 : v));
  const A = bench.put('float64', a);
  const pivots = bench.put('int32', new Array<number>(n).fill(0));
  const status = bench.put('int32', [0]);
  expect(bench.execute(62, [1, 1, n, n, A, pivots, status])).toBe(0);
  expect(bench.get('int32', status, 1)).toEqual([21]);
  expect(bench.get('float64', A, n * n).every(Number.isFinite)).toBe(true);
});

test('TRIANGULAR_SOLVE: a batch stride of 0 shares one matrix among the right sides', () => {
  bench.reset();
  const a = [2, 0, 1, 4];
  const x = numbers(12, 2);
  const b = [0, 1, 2].flatMap((i) => product(a, x.slice(i * 4, i * 4 + 4), 2, 2, 2));
  const B = bench.put('float64', b);
  expect(bench.execute(61, [1, 2, 2, bench.put('float64', a), 2, 1, B, 2, 0, 0, 1, 3, 0])).toBe(0);
  expectClose(bench.get('float64', B, 12), x, 1e-14);
});

test.skipIf(pair === undefined)('one and two threads give the same bytes', () => {
  const n = 200;
  const a = positive(n, 9);
  expectSameBytes(bench, pair as Bench, (on) => ({ address: cholesky(on, 'float32', a, 1, n).address, bytes: n * n * 4 }));
  expectSameBytes(bench, pair as Bench, (on) => {
    const A = on.put('float64', a);
    on.execute(62, [1, 1, n, n, A, on.put('int32', new Array<number>(n).fill(0)), on.put('int32', [0])]);
    return { address: A, bytes: n * n * 8 };
  });
  const many = Array.from({ length: 300 }, (_, i) => positive(12, i)).flat();
  expectSameBytes(bench, pair as Bench, (on) => ({ address: cholesky(on, 'float64', many, 300, 12).address, bytes: many.length * 8 }));
});
