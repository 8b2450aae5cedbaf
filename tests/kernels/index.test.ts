// INDEX and GATHER: every mode and dtype against plain loops, order of repeated indices, errors.
import { afterAll, describe, expect, test } from 'vitest';
import { expectSameBytes, numbers, product, twoThreads } from './compare.ts';
import { Bench, DTYPES, type DTypeName, dense, offsets } from './encode.ts';

const bench = new Bench({ bytes: 48 * 2 ** 20 });
const pair = await twoThreads();
afterAll(() => {
  bench.machine.close();
  pair?.machine.close();
});

const arithmetic: DTypeName[] = ['float32', 'float64', 'int64', 'int32', 'uint8', 'bool'];

function apply(mode: number, dtype: DTypeName, self: number, value: number): number {
  const nan = Number.isNaN(self) || Number.isNaN(value);
  let r = value;
  if (mode === 2) r = self + value;
  else if (mode === 3) r = self * value;
  else if (mode === 4) r = nan ? Number.NaN : Math.max(self, value);
  else if (mode === 5) r = nan ? Number.NaN : Math.min(self, value);
  if (dtype === 'float32') return Math.fround(r);
  if (dtype === 'uint8') return r & 255;
  if (dtype === 'bool') return r !== 0 ? 1 : 0;
  return r;
}

function values(dtype: DTypeName, n: number, seed: number): number[] {
  const v = numbers(n, seed);
  if (dtype === 'float32' || dtype === 'float64') return v;
  if (dtype === 'bool') return v.map((x) => (x > 0 ? 1 : 0));
  return v.map((x) => Math.floor((x + 1) * 7));
}

interface IndexCase {
  mode: number;
  dtype?: DTypeName;
  /** Dimensions of self before, at and after the indexed ones; self is dense over all three in this order unless strides say otherwise. */
  outer?: number[];
  sizes: number[];
  inner?: number[];
  nI: number;
  strides?: number[];
  indices?: number[][];
}

function index(on: Bench, c: IndexCase) {
  const { mode, dtype = 'float32', outer = [], inner = [], sizes, nI } = c;
  const shape = [...outer, ...sizes, ...inner];
  const strides = c.strides ?? dense(shape);
  const self = values(dtype, Math.max(0, ...offsets(shape, strides)) + 1, 1);
  const value = values(dtype, product(outer) * nI * product(inner), 2);
  const indices = c.indices ?? sizes.map((size, k) => numbers(nI, 5 + k).map((v) => Math.floor(v * size)));
  const [so, sx, si] = [
    strides.slice(0, outer.length),
    strides.slice(outer.length, outer.length + sizes.length),
    strides.slice(outer.length + sizes.length),
  ];
  const selfAt = on.put(dtype, self);
  const valueAt = on.put(dtype, value);
  const code = on.execute(13, [
    mode,
    DTYPES[dtype],
    selfAt,
    valueAt,
    outer.length,
    nI,
    sizes.length,
    inner.length,
    ...outer,
    ...so,
    ...inner,
    ...si,
    ...indices.flatMap((list, k) => [on.put('int64', list), sizes[k], sx[k]]),
  ]);
  if (code === 0) {
    let at = 0;
    for (const o of offsets(outer, so))
      for (let i = 0; i < nI; i++) {
        const x = indices.reduce((sum, list, k) => sum + (list[i] < 0 ? list[i] + sizes[k] : list[i]) * sx[k], 0);
        for (const n of offsets(inner, si)) {
          if (mode === 0) value[at] = self[o + x + n];
          else self[o + x + n] = apply(mode, dtype, self[o + x + n], value[at]);
          at++;
        }
      }
  }
  return { code, selfAt, valueAt, self, value, dtype };
}

function checkIndex(c: IndexCase): void {
  bench.reset();
  const r = index(bench, c);
  expect(r.code).toBe(0);
  expect(bench.get(r.dtype, r.selfAt, r.self.length), JSON.stringify(c)).toEqual(r.self);
  expect(bench.get(r.dtype, r.valueAt, r.value.length), JSON.stringify(c)).toEqual(r.value);
}

describe('index', () => {
  test('every mode and dtype, with repeated and negative indices', () => {
    for (const dtype of arithmetic)
      for (const mode of [0, 1, 2, 3, 4, 5]) {
        if (mode === 3 && dtype === 'int64') continue; // products leave the exact range; below with few repeats
        checkIndex({ mode, dtype, sizes: [5], nI: dtype === 'int32' && mode === 3 ? 4 : 11 });
        checkIndex({ mode, dtype, sizes: [9], inner: [6], nI: dtype === 'int32' && mode === 3 ? 4 : 20 });
      }
    checkIndex({ mode: 3, dtype: 'int64', sizes: [50], nI: 4 });
    for (const dtype of ['float16', 'bfloat16'] as const)
      for (const mode of [0, 1]) checkIndex({ mode, dtype, sizes: [9], inner: [6], nI: 20 });
  });

  test('several index tensors, dimensions before and after', () => {
    for (const mode of [0, 1, 2]) {
      checkIndex({ mode, outer: [3], sizes: [4, 5], inner: [2, 3], nI: 17 });
      checkIndex({ mode, outer: [2, 3], sizes: [4, 2, 3], nI: 9 });
      checkIndex({ mode, outer: [40], sizes: [30], inner: [40], nI: 50 });
      checkIndex({ mode, sizes: [30], inner: [40, 7, 3], nI: 100 });
    }
  });

  test('strided self: transposed, gaps, inner stride not 1', () => {
    for (const mode of [0, 1, 2]) {
      checkIndex({ mode, outer: [3], sizes: [4], inner: [5], nI: 9, strides: [1, 3, 12] });
      checkIndex({ mode, sizes: [4], inner: [3, 5], nI: 9, strides: [100, 30, 2] });
    }
  });

  test('rows of an embedding: long enough to be shared among threads', () => {
    for (const mode of [0, 1, 2, 4]) {
      checkIndex({ mode, sizes: [100], inner: [128], nI: 700 });
      checkIndex({ mode, sizes: [50], inner: [6, 50], nI: 300 });
      checkIndex({ mode, dtype: 'float64', sizes: [100], inner: [77], nI: 500 });
    }
  });

  test('NaN wins maximum and minimum', () => {
    bench.reset();
    const self = bench.put('float32', [1, Number.NaN, 3]);
    const value = bench.put('float32', [Number.NaN, 5, 7]);
    expect(bench.execute(13, [4, 0, self, value, 0, 3, 1, 0, bench.put('int64', [0, 1, 2]), 3, 1])).toBe(0);
    expect(bench.get('float32', self, 3)).toEqual([Number.NaN, Number.NaN, 7]);
  });

  test('an index out of range is error 1 with index, size and tensor, and nothing is written', () => {
    for (const mode of [0, 1, 2])
      for (const bad of [4, -5]) {
        bench.reset();
        const indices = [
          [0, 1, 2],
          [0, bad, 1],
        ];
        const r = index(bench, { mode, sizes: [3, 4], inner: [2], nI: 3, indices });
        expect(r.code).toBe(1);
        expect([0, 1, 2].map((k) => bench.machine.errorInfo(k))).toEqual([bad, 4, 1]);
        expect(bench.get('float32', r.selfAt, r.self.length)).toEqual(r.self);
        expect(bench.get('float32', r.valueAt, r.value.length)).toEqual(r.value);
      }
  });

  test('empty operands', () => {
    for (const mode of [0, 2]) {
      checkIndex({ mode, sizes: [3], nI: 0, inner: [2] });
      checkIndex({ mode, sizes: [3], nI: 2, inner: [0] });
      checkIndex({ mode, outer: [0], sizes: [3], nI: 2 });
      checkIndex({ mode, sizes: [0], nI: 0, inner: [2] });
    }
  });

  test.skipIf(pair === undefined)('two threads give the same bits as one', () => {
    for (const inner of [[128], [40, 5], [3]])
      expectSameBytes(bench, pair as Bench, (on) => {
        const r = index(on, { mode: 2, sizes: [20], inner, nI: 2000 });
        return { address: r.selfAt, bytes: r.self.length * 4 };
      });
  });
});

interface GatherCase {
  mode: number;
  dtype?: DTypeName;
  shape: number[];
  dim: number;
  size: number;
  /** The shape of self in the other dimensions may be larger. */
  self?: number[];
  permute?: boolean;
}

function gather(on: Bench, c: GatherCase) {
  const { mode, dtype = 'float32', shape, dim, size } = c;
  const selfShape = (c.self ?? shape).map((s, d) => (d === dim ? size : s));
  const order = (s: readonly number[]): number[] => (c.permute ? dense([...s].reverse()).reverse() : dense(s));
  const [selfStrides, indexStrides, valueStrides] = [order(selfShape), order(shape), dense(shape)];
  const n = product(shape);
  const self = values(dtype, product(selfShape), 1);
  const value = values(dtype, n, 2);
  const list = numbers(n, 3).map((v) => Math.floor(v * size));
  const selfAt = on.put(dtype, self);
  const valueAt = on.put(dtype, value);
  const head = [mode, DTYPES[dtype], selfAt, on.put('int64', list), valueAt, shape.length, dim, size];
  expect(on.execute(14, [...head, ...shape, ...selfStrides, ...indexStrides, ...valueStrides])).toBe(0);
  const at = {
    self: offsets(
      shape,
      selfStrides.map((s, d) => (d === dim ? 0 : s)),
    ),
    index: offsets(shape, indexStrides),
    value: offsets(shape, valueStrides),
  };
  for (let i = 0; i < n; i++) {
    const v = list[at.index[i]];
    const place = at.self[i] + (v < 0 ? v + size : v) * selfStrides[dim];
    if (mode === 0) value[at.value[i]] = self[place];
    else self[place] = apply(mode, dtype, self[place], value[at.value[i]]);
  }
  return { selfAt, valueAt, self, value, dtype };
}

describe('gather', () => {
  test('every mode along every dimension', () => {
    for (const mode of [0, 1, 2, 3, 4, 5])
      for (const dtype of ['float32', 'float64', 'uint8', 'bool'] as const)
        for (const permute of [false, true])
          for (const [shape, dim, size] of [
            [[7], 0, 5],
            [[4, 5], 0, 3],
            [[4, 5], 1, 9],
            [[3, 4, 5], 1, 6],
            [[3, 4, 5], 0, 1],
            [[3, 4, 5], 2, 2],
            [[2, 0, 3], 0, 4],
          ] as [number[], number, number][]) {
            bench.reset();
            const r = gather(bench, { mode, dtype, shape, dim, size, permute });
            const label = JSON.stringify({ mode, dtype, shape, dim, size });
            expect(bench.get(dtype, r.selfAt, r.self.length), label).toEqual(r.self);
            expect(bench.get(dtype, r.valueAt, r.value.length), label).toEqual(r.value);
          }
  });

  test('self larger than the index in the other dimensions; int64', () => {
    for (const mode of [0, 1, 2]) {
      bench.reset();
      const r = gather(bench, { mode, dtype: 'int64', shape: [3, 4], dim: 1, size: 6, self: [5, 9] });
      expect(bench.get('int64', r.selfAt, r.self.length)).toEqual(r.self);
      expect(bench.get('int64', r.valueAt, r.value.length)).toEqual(r.value);
    }
  });

  test('an index out of range is error 1 and nothing is written', () => {
    bench.reset();
    const self = bench.put('float32', [1, 2, 3]);
    const value = bench.put('float32', [9, 9]);
    expect(bench.execute(14, [1, 0, self, bench.put('int64', [0, 3]), value, 1, 0, 3, 2, 1, 1, 1])).toBe(1);
    expect([bench.machine.errorInfo(0), bench.machine.errorInfo(1)]).toEqual([3, 3]);
    expect(bench.get('float32', self, 3)).toEqual([1, 2, 3]);
  });

  test.skipIf(pair === undefined)('two threads give the same bits as one', () => {
    for (const dim of [0, 1])
      expectSameBytes(bench, pair as Bench, (on) => {
        const r = gather(on, { mode: 2, shape: [300, 200], dim, size: 50 });
        return { address: r.selfAt, bytes: r.self.length * 4 };
      });
  });
});
