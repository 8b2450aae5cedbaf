// The builds with and without relaxed SIMD agree: NaN, infinities and zeros in the same places, numbers up to the last bits.
import { afterAll, describe, expect, test } from 'vitest';
import { wasmFeatures } from '../../src/platform/features.ts';
import { Bench, random, single } from './encode.ts';

// Importing the platform (through the bench) has switched relaxed SIMD on where a flag is needed.
const bench = { simd: new Bench({ variant: 'simd' }), relaxed: new Bench({ variant: 'relaxed' }) };
afterAll(() => {
  bench.simd.machine.close();
  bench.relaxed.machine.close();
});

const special = [
  Number.NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2,
  3,
  -3,
  1e-40,
  -1e-40,
  1e-8,
  0.3,
  20,
  -20,
  88.7,
  -88.7,
  89.5,
  -104,
  -700,
  710,
  1e30,
  -1e30,
];
const next = random(5);
const values = [...special, ...Array.from({ length: 38 }, () => next() * 12 - 6)];

type FloatName = 'float32' | 'float64';
const epsilon = { float32: 2 ** -23, float64: 2 ** -52 };

/** Same special values, and numbers that differ by `ulps` of the larger at most (or by as much of `scale`, where results are differences of that size). */
function expectAlike(a: number[], b: number[], dtype: FloatName, ulps: number, label: (i: number) => string, scale = 0): void {
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i])) continue;
    const near = Math.abs(a[i] - b[i]) <= ulps * epsilon[dtype] * Math.max(Math.abs(a[i]), Math.abs(b[i]), scale);
    if (!near) expect.fail(`${label(i)}: ${a[i]} without, ${b[i]} with relaxed SIMD`);
  }
}

function both(dtype: FloatName, run: (on: Bench) => number, n: number): [number[], number[]] {
  const one = (on: Bench): number[] => {
    on.reset();
    return on.get(dtype, run(on), n);
  };
  return [one(bench.simd), one(bench.relaxed)];
}

describe('relaxed SIMD', () => {
  test('is chosen where the engine has it', () => {
    expect(wasmFeatures().relaxedSimd).toBe(true);
  });

  const unary = Array.from({ length: 60 }, (_, i) => i + 1);
  const binary = Array.from({ length: 41 }, (_, i) => i + 64);
  for (const dtype of ['float32', 'float64'] as const) {
    test(`${dtype}: scalar operations of one, two and three operands`, () => {
      const operand = (on: Bench, list: readonly number[]) => ({ address: on.put(dtype, list), dtype, strides: [1] });
      const apply = (op: number, lists: readonly (readonly number[])[]): void => {
        const n = lists[0].length;
        const [a, b] = both(
          dtype,
          (on) => {
            const out = operand(on, new Array(n).fill(7));
            expect(
              on.ewise(
                single(op, lists.length),
                [n],
                [out],
                lists.map((l) => operand(on, l)),
                { compute: dtype },
              ),
            ).toBe(0);
            return out.address;
          },
          n,
        );
        expectAlike(a, b, dtype, 8, (i) => `operation ${op} of ${lists.map((l) => l[i]).join(', ')}`, op >= 128 ? 8 : 0);
      };
      for (const op of unary) apply(op, [values]);
      const pairs = values.flatMap((x) => values.map((y) => [x, y]));
      // Zeta functions and incomplete gammas take most of the time and are scalar code, as others tested here are.
      for (const op of binary.filter((o) => o < 98 || o === 100))
        apply(
          op,
          [0, 1].map((k) => pairs.map((p) => p[k])),
        );
      const few = [...special.slice(0, 12), 0.3, 20];
      const triples = few.flatMap((x) => few.flatMap((y) => few.map((z) => [x, y, z])));
      for (const op of [128, 129, 130, 131])
        apply(
          op,
          [0, 1, 2].map((k) => triples.map((p) => p[k])),
        );
    });

    test(`${dtype}: maximum, minimum, softmax and cross-entropy of rows with special values`, () => {
      const n = 7;
      const rows = special.map((s, i) => Array.from({ length: n }, (_, j) => (j === i % n ? s : values[(i * n + j * 5) % values.length])));
      rows.push(new Array(n).fill(-Infinity), new Array(n).fill(Infinity), new Array(n).fill(Number.NaN));
      const code = dtype === 'float32' ? 0 : 1;
      const x = rows.flat();
      for (const kind of [2, 3]) {
        const [a, b] = both(
          dtype,
          (on) => {
            const out = on.alloc(rows.length * 8);
            const input = { address: on.put(dtype, x), dtype, kept: [n], reduced: [1] };
            expect(
              on.reduce({ steps: [], regs: 1, results: [0] }, kind, [rows.length], [n], { address: out, dtype }, [input], {
                compute: dtype,
              }),
            ).toBe(0);
            return out;
          },
          rows.length,
        );
        expectAlike(a, b, dtype, 0, (i) => `reduction ${kind} of ${rows[i].join(', ')}`);
      }
      for (const log of [0, 1]) {
        const [a, b] = both(
          dtype,
          (on) => {
            const out = on.alloc(x.length * 8);
            expect(on.execute(9, [code, log, rows.length, n, 1, on.put(dtype, x), out, 0, 0])).toBe(0);
            return out;
          },
          x.length,
        );
        expectAlike(a, b, dtype, 64, (i) => `softmax ${log} of ${rows[Math.floor(i / n)].join(', ')}`, log);
      }
      const [a, b] = both(
        dtype,
        (on) => {
          const out = on.alloc(rows.length * 8);
          const target = on.put(
            'int64',
            rows.map((_, i) => i % n),
          );
          const scratch = [on.alloc(rows.length * 8), on.alloc(8)];
          expect(on.execute(11, [code, rows.length, n, 1, on.put(dtype, x), target, 0, -100, 0, 0, out, ...scratch, 0, 0])).toBe(0);
          return out;
        },
        rows.length,
      );
      expectAlike(a, b, dtype, 64, (i) => `crossEntropy of ${rows[i].join(', ')}`, 1);
    });
  }
});
