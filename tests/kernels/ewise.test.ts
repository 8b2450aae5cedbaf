// EWISE against plain references: layouts, dtypes, in-place use, thread counts.
import { afterAll, describe, expect, test } from 'vitest';
import { Bench, type DTypeName, dense, identity, offsets, type ProgramSpec, random, single } from './encode.ts';

const bench = new Bench({ threads: 2 });
afterAll(() => bench.machine.close());
const f = Math.fround;
const ADD = 64;
const MUL = 66;

function numbers(n: number, seed = 1): number[] {
  const r = random(seed);
  return Array.from({ length: n }, () => f(r() * 8 - 4));
}

describe('ewise', () => {
  test('dense add, all lengths around the vector and block sizes', () => {
    for (const n of [0, 1, 2, 3, 4, 5, 7, 10, 31, 511, 512, 513, 1025, 40001, 200003]) {
      bench.reset();
      const [a, b] = [numbers(n, 1), numbers(n, 2)];
      const out = bench.put('float32', new Array(n + 1).fill(77));
      const operand = (address: number) => ({ address, dtype: 'float32' as const, strides: [1] });
      expect(bench.ewise(single(ADD, 2), [n], [operand(out)], [operand(bench.put('float32', a)), operand(bench.put('float32', b))])).toBe(
        0,
      );
      expect(bench.get('float32', out, n + 1)).toEqual([...a.map((v, i) => f(v + b[i])), 77]);
    }
  });

  const layouts: [string, number[], number[], number[]][] = [
    ['scalar operand', [1000], [1], [0]],
    ['row broadcast, short rows', [77, 10], [10, 1], [0, 1]],
    ['row broadcast, long rows', [9, 700], [700, 1], [0, 1]],
    ['column broadcast, short rows', [333, 3], [3, 1], [1, 0]],
    ['column broadcast, long rows', [5, 1111], [1111, 1], [1, 0]],
    ['transposed', [37, 41], [41, 1], [1, 37]],
    ['transposed, long', [130, 517], [517, 1], [1, 130]],
    ['outer product', [23, 301], [1, 0], [0, 1]],
    ['strided', [50, 20], [120, 3], [40, 2]],
    ['negative strides', [6, 150], [-150, -1], [150, 1]],
    ['three dims', [7, 5, 9], [45, 9, 1], [1, 0, 7]],
    ['four dims', [3, 4, 5, 6], [120, 1, 24, 4], [0, 30, 6, 1]],
    ['zero dims', [], [], []],
    ['size one dims', [1, 600, 1], [0, 1, 5], [9, 1, 0]],
    ['many rows', [3000, 40], [40, 1], [0, 1]],
  ];
  for (const [name, shape, sa, sb] of layouts) {
    test(`layouts: ${name}`, () => {
      bench.reset();
      const n = shape.reduce((x, y) => x * y, 1);
      const [oa, ob] = [offsets(shape, sa), offsets(shape, sb)];
      const shiftA = -Math.min(0, ...oa);
      const a = numbers(Math.max(...oa) + shiftA + 1, 3);
      const b = numbers(Math.max(...ob) + 1, 4);
      const address = bench.put('float32', a) + 4 * shiftA;
      for (const copy of [false, true]) {
        const out = bench.put('float32', new Array(n).fill(0));
        const outs = [{ address: out, dtype: 'float32' as const, strides: dense(shape) }];
        const x = { address, dtype: 'float32' as const, strides: sa };
        const y = { address: bench.put('float32', b), dtype: 'float32' as const, strides: sb };
        expect(copy ? bench.ewise(identity, shape, outs, [y]) : bench.ewise(single(ADD, 2), shape, outs, [x, y])).toBe(0);
        expect(bench.get('float32', out, n)).toEqual(oa.map((o, i) => (copy ? b[ob[i]] : f(a[o + shiftA] + b[ob[i]]))));
      }
    });
  }

  test('strided output leaves the gaps alone', () => {
    bench.reset();
    for (const shape of [
      [40, 7],
      [3, 300],
    ]) {
      const strides = [shape[1] * 2, 2];
      const a = numbers(shape[0] * shape[1]);
      const out = bench.put('float32', new Array(shape[0] * shape[1] * 2).fill(5));
      const x = { address: bench.put('float32', a), dtype: 'float32' as const, strides: dense(shape) };
      bench.ewise(single(ADD, 1, 1), shape, [{ address: out, dtype: 'float32', strides }], [x], { constants: [1] });
      expect(bench.get('float32', out, a.length * 2)).toEqual(a.flatMap((v) => [f(v + 1), 5]));
    }
  });

  test('copies of every element size and of permuted layouts', () => {
    bench.reset();
    const dtypes: DTypeName[] = ['float32', 'float64', 'int64', 'int32', 'uint8', 'bool', 'float16', 'bfloat16'];
    for (const dtype of dtypes) {
      for (const [shape, strides] of [
        [
          [19, 23],
          [1, 19],
        ],
        [
          [4, 33, 65],
          [33 * 65, 1, 33],
        ],
        [
          [33, 4, 65],
          [1, 33 * 65, 33],
        ],
        [
          [70, 3],
          [6, 1],
        ],
      ]) {
        const from = offsets(shape, strides);
        const values = Array.from({ length: Math.max(...from) + 1 }, (_, i) => (dtype === 'bool' ? i % 2 : (i * 7) % 251));
        const out = bench.put(dtype, new Array(from.length).fill(0));
        bench.ewise(
          identity,
          shape,
          [{ address: out, dtype, strides: dense(shape) }],
          [{ address: bench.put(dtype, values), dtype, strides }],
        );
        expect(bench.get(dtype, out, from.length)).toEqual(from.map((o) => values[o]));
      }
    }
  });

  test('casts: truncation, saturation, wrapping, truth', () => {
    bench.reset();
    const cast = (from: DTypeName, to: DTypeName, values: (number | bigint)[], compute: 'float32' | 'float64' | 'int64') => {
      const out = bench.put(to, new Array(values.length).fill(0));
      const strides = [1];
      bench.ewise(
        identity,
        [values.length],
        [{ address: out, dtype: to, strides }],
        [{ address: bench.put(from, values), dtype: from, strides }],
        { compute },
      );
      return bench.get(to, out, values.length);
    };
    expect(cast('float32', 'int32', [1.9, -1.9, 3e9, -3e9, Number.NaN, 0.5], 'float32')).toEqual([1, -1, 2147483647, -2147483648, 0, 0]);
    expect(cast('float64', 'int64', [1.9, -7.5, 2 ** 40], 'float64')).toEqual([1, -7, 2 ** 40]);
    expect(cast('float32', 'uint8', [1, 255, 256, -1], 'float32')).toEqual([1, 255, 0, 255]);
    expect(cast('float32', 'bool', [0, -0, 0.1, Number.NaN, 5], 'float32')).toEqual([0, 0, 1, 1, 1]);
    expect(cast('int64', 'int32', [2n ** 32n + 5n, -1n], 'int64')).toEqual([5, -1]);
    expect(cast('int64', 'uint8', [257n, -1n], 'int64')).toEqual([1, 255]);
    expect(cast('int64', 'float32', [3n, -4n], 'float32')).toEqual([3, -4]);
    expect(cast('uint8', 'float64', [0, 200], 'float64')).toEqual([0, 200]);
    expect(cast('bool', 'int64', [0, 1], 'int64')).toEqual([0, 1]);
    expect(cast('int32', 'int64', [-5, 2147483647], 'int64')).toEqual([-5, 2147483647]);
    // binary16: 1, the largest finite, overflow, a subnormal, halfway cases to even, NaN
    expect(cast('float32', 'float16', [1, 65504, 65520, 65519, 2 ** -24, 2 ** -25, 1 + 2 ** -11, 1 + 3 * 2 ** -11, -2], 'float32')).toEqual(
      [0x3c00, 0x7bff, 0x7c00, 0x7bff, 1, 0, 0x3c00, 0x3c02, 0xc000],
    );
    expect(cast('float32', 'float16', [Number.NaN], 'float32')[0] & 0x7e00).toBe(0x7e00);
    expect(cast('float16', 'float32', [0x3c00, 0x7bff, 1, 0x8001, 0x7c00], 'float32')).toEqual([1, 65504, 2 ** -24, -(2 ** -24), Infinity]);
    expect(cast('float32', 'bfloat16', [1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -Infinity], 'float32')).toEqual([0x3f80, 0x3f80, 0x3f82, 0xff80]);
    expect(cast('bfloat16', 'float32', [0x3f80, 0xff80], 'float32')).toEqual([1, -Infinity]);
  });

  test('all 16-bit floats survive a round trip through float32', () => {
    bench.reset();
    const n = 65536;
    const strides = [1];
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const bits = Array.from({ length: n }, (_, i) => i);
      const wide = bench.put('float32', new Array(n).fill(0));
      const back = bench.put(dtype, new Array(n).fill(0));
      bench.ewise(identity, [n], [{ address: wide, dtype: 'float32', strides }], [{ address: bench.put(dtype, bits), dtype, strides }]);
      bench.ewise(identity, [n], [{ address: back, dtype, strides }], [{ address: wide, dtype: 'float32', strides }]);
      const values = bench.get('float32', wide, n);
      const result = bench.get(dtype, back, n);
      for (let i = 0; i < n; i++)
        if (!Number.isNaN(values[i]) && result[i] !== i) throw new Error(`${dtype} ${i} came back as ${result[i]}`);
    }
  });

  test('fill and constants', () => {
    bench.reset();
    for (const [n, dtype] of [
      [5, 'float32'],
      [3000, 'int64'],
      [100000, 'uint8'],
      [1, 'float64'],
    ] as [number, DTypeName][]) {
      const out = bench.put(dtype, new Array(n + 1).fill(9));
      bench.ewise({ steps: [], regs: 1, results: [0] }, [n], [{ address: out, dtype, strides: [1] }], [], {
        constants: [42],
        compute: 'float64',
      });
      expect(bench.get(dtype, out, n + 1)).toEqual([...new Array(n).fill(42), 9]);
    }
  });

  test('several outputs, in place over an input', () => {
    // out0 = x + y over x itself, out1 = x * y, out2 = x
    const spec: ProgramSpec = {
      steps: [
        [ADD, 2, 0, 1, 0],
        [MUL, 3, 0, 1, 0],
      ],
      regs: 4,
      results: [2, 3, 0],
    };
    for (const n of [3, 700, 100000]) {
      bench.reset();
      const [a, b] = [numbers(n, 5), numbers(n, 6)];
      const operand = (address: number) => ({ address, dtype: 'float32' as const, strides: [1] });
      const x = operand(bench.put('float32', a));
      const y = operand(bench.put('float32', b));
      const outs = [x, operand(bench.alloc(4 * n)), operand(bench.alloc(4 * n))];
      expect(bench.ewise(spec, [n], outs, [x, y])).toBe(0);
      expect(bench.get('float32', outs[0].address, n)).toEqual(a.map((v, i) => f(v + b[i])));
      expect(bench.get('float32', outs[1].address, n)).toEqual(a.map((v, i) => f(v * b[i])));
      expect(bench.get('float32', outs[2].address, n)).toEqual(a);
    }
  });

  test('int64 is exact and wraps; division by zero is error 3', () => {
    bench.reset();
    const big = 2n ** 62n;
    const strides = [1];
    const run = (op: number, a: bigint[], b: bigint[]) => {
      const out = bench.put('int64', new Array(a.length).fill(0));
      const code = bench.ewise(
        single(op, 2),
        [a.length],
        [{ address: out, dtype: 'int64', strides }],
        [
          { address: bench.put('int64', a), dtype: 'int64', strides },
          { address: bench.put('int64', b), dtype: 'int64', strides },
        ],
        { compute: 'int64' },
      );
      return [code, Array.from(new BigInt64Array(bench.machine.buffer(), out, a.length))];
    };
    expect(run(ADD, [big, 1n], [big, 2n])).toEqual([0, [-(2n ** 63n), 3n]]);
    expect(run(68, [-7n, 7n, -7n, 7n], [2n, -2n, -2n, 2n])).toEqual([0, [-4n, -4n, 3n, 3n]]); // floorDiv
    expect(run(71, [-7n, 7n, -7n, 7n], [2n, -2n, -2n, 2n])).toEqual([0, [1n, -1n, -1n, 1n]]); // remainder
    expect(run(70, [-7n, 7n], [2n, -2n])).toEqual([0, [-1n, 1n]]); // fmod
    expect(run(72, [2n, -1n, 3n, 1n], [10n, -3n, -1n, -5n])).toEqual([0, [1024n, -1n, 0n, 1n]]); // pow
    expect(run(98, [12n, -9n, 0n], [18n, 6n, 5n])).toEqual([0, [6n, 3n, 5n]]); // gcd
    expect(run(67, [1n], [0n])[0]).toBe(3);
  });

  test('results do not depend on the number of threads or on the variant of the pool', () => {
    const one = new Bench({ threads: 1 });
    for (const n of [5000, 100001, 400003]) {
      const results = [one, bench].map((b) => {
        b.reset();
        const strides = [1];
        const x = { address: b.put('float32', numbers(n, 8)), dtype: 'float32' as const, strides };
        const out = { address: b.alloc(4 * n), dtype: 'float32' as const, strides };
        // tanh(x) * x + x
        expect(
          b.ewise(
            {
              steps: [
                [27, 1, 0, 0, 0],
                [129, 2, 1, 0, 0],
              ],
              regs: 3,
              results: [2],
            },
            [n],
            [out],
            [x],
          ),
        ).toBe(0);
        return b.bytes(out.address, 4 * n);
      });
      expect(Buffer.compare(results[0], results[1])).toBe(0);
    }
    one.machine.close();
  });

  test('malformed programs are errors, not crashes', () => {
    bench.reset();
    const x = { address: bench.put('float32', [1, 2]), dtype: 'float32' as const, strides: [1] };
    expect(bench.ewise({ steps: [[999, 1, 0, 0, 0]], regs: 2, results: [1] }, [2], [x], [x])).toBe(4);
    expect(bench.ewise({ steps: [[1, 5, 0, 0, 0]], regs: 2, results: [1] }, [2], [x], [x])).toBe(4);
    expect(bench.execute(99, [])).toBe(2);
    expect(bench.machine.errorInfo(0)).toBe(99);
  });
});
