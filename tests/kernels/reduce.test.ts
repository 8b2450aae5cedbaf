// REDUCE against plain references: every reduction over row, column and mixed layouts, exactness, ties, NaN, thread counts.
import { afterAll, describe, expect, test } from 'vitest';
import { Bench, identity, offsets, type ProgramSpec, random } from './encode.ts';

const bench = new Bench({ threads: 2 });
afterAll(() => bench.machine.close());
const KINDS = ['sum', 'prod', 'max', 'min', 'any', 'all', 'argmax', 'argmin'];

/** The reduction of a list, and the position of the extreme. */
function reference(kind: number, x: number[]): [number, number] {
  const first = (better: (a: number, b: number) => boolean): number => {
    let at = 0;
    for (let i = 1; i < x.length; i++) if (!Number.isNaN(x[at]) && (Number.isNaN(x[i]) || better(x[i], x[at]))) at = i;
    return at;
  };
  switch (kind) {
    case 0:
      return [x.reduce((a, b) => a + b, 0), 0];
    case 1:
      return [x.reduce((a, b) => a * b, 1), 0];
    case 4:
      return [x.some((v) => v !== 0) ? 1 : 0, 0];
    case 5:
      return [x.every((v) => v !== 0) ? 1 : 0, 0];
    default: {
      const at = first(kind === 2 || kind === 6 ? (a, b) => a > b : (a, b) => a < b);
      return [kind >= 6 ? at : x[at], at];
    }
  }
}

const layouts: [string, number[], number[], number[], number[]][] = [
  // name, kept shape, reduced shape, kept strides, reduced strides
  ['full', [], [100003], [], [1]],
  ['full, one element', [], [1], [], [1]],
  ['full, strided', [], [777], [], [3]],
  ['rows', [9], [1000], [1000], [1]],
  ['many short rows', [1234], [10], [10], [1]],
  ['one long row of several', [3], [50000], [50000], [1]],
  ['columns', [1000], [37], [1], [1000]],
  ['few columns', [10], [5003], [1], [10]],
  ['two columns', [2], [301], [1], [2]],
  ['long columns', [600], [900], [1], [600]],
  ['batch norm', [6], [4, 77], [77], [462, 1]],
  ['batch norm, large planes', [3], [5, 400], [400], [1200, 1]],
  ['middle dim', [7, 33], [11], [363, 1], [33]],
  ['outer and inner kept', [4, 50], [6, 3], [900, 1], [150, 50]],
  ['short segments, strided', [30, 4], [5], [40, 2], [8]],
  ['broadcast reduced', [5], [300], [1], [0]],
  ['broadcast kept', [40], [30], [0], [1]],
  ['short reduced dims', [50], [6, 7], [42], [7, 1]],
];

describe('reduce', () => {
  for (const [name, kept, reduced, ks, rs] of layouts) {
    test(`all kinds: ${name}`, () => {
      const ko = offsets(kept, ks);
      const ro = offsets(reduced, rs);
      const n = Math.max(...ko) + Math.max(...ro) + 1;
      const r = random(n);
      for (const compute of ['float32', 'float64', 'int64'] as const) {
        for (let kind = 0; kind < 8; kind++) {
          bench.reset();
          const whole = compute === 'int64';
          // integers are exact in all three types; products stay near one
          const values = Array.from({ length: n }, () =>
            kind === 1
              ? r() < 0.5
                ? 1
                : -1
              : kind === 4
                ? r() < 0.02
                  ? 1
                  : 0
                : kind === 5
                  ? r() < 0.98
                    ? 2
                    : 0
                  : Math.floor(r() * 64) - 32,
          );
          const x = { address: bench.put(compute, values), dtype: compute, kept: ks, reduced: rs };
          const out = bench.put(kind >= 6 ? 'int64' : compute, new Array(ko.length).fill(0));
          const index = kind === 2 || kind === 3 ? bench.put('int64', new Array(ko.length).fill(-5)) : 0;
          expect(bench.reduce(identity, kind, kept, reduced, { address: out, dtype: compute, index }, [x], { compute })).toBe(0);
          const want = ko.map((o) =>
            reference(
              kind,
              ro.map((p) => values[o + p]),
            ),
          );
          expect(bench.get(kind >= 6 ? 'int64' : compute, out, ko.length), `${KINDS[kind]} ${compute}`).toEqual(want.map((w) => w[0] + 0));
          if (index) expect(bench.get('int64', index, ko.length), `${KINDS[kind]} index`).toEqual(want.map((w) => w[1]));
          if (index && !whole) {
            // the same without positions takes other code
            expect(bench.reduce(identity, kind, kept, reduced, { address: out, dtype: compute }, [x], { compute })).toBe(0);
            expect(bench.get(compute, out, ko.length)).toEqual(want.map((w) => w[0]));
          }
        }
      }
    });
  }

  test('NaN wins maxima and minima, and the first NaN gives the position', () => {
    for (const [kept, reduced, ks, rs] of [
      [[3], [200], [200], [1]],
      [[200], [3], [1], [200]],
      [[70], [5], [5], [1]],
    ]) {
      for (const kind of [2, 3, 6, 7]) {
        bench.reset();
        const ko = offsets(kept, ks);
        const ro = offsets(reduced, rs);
        const r = random(kind);
        const values = Array.from({ length: 600 }, () => (r() < 0.01 ? Number.NaN : Math.floor(r() * 10)));
        const x = { address: bench.put('float32', values), dtype: 'float32' as const, kept: ks, reduced: rs };
        const out = bench.put('int64', new Array(ko.length).fill(0));
        bench.reduce(identity, kind, kept, reduced, { address: out, dtype: 'float32' }, [x]);
        const want = ko.map(
          (o) =>
            reference(
              kind,
              ro.map((p) => values[o + p]),
            )[0],
        );
        expect(bench.get(kind >= 6 ? 'int64' : 'float32', out, ko.length)).toEqual(want);
      }
    }
  });

  test('empty reductions', () => {
    for (const [kind, value] of [
      [0, 0],
      [1, 1],
      [4, 0],
      [5, 1],
    ]) {
      bench.reset();
      const out = bench.put('float32', [9, 9, 9]);
      const x = { address: bench.put('float32', []), dtype: 'float32' as const, kept: [0], reduced: [1] };
      expect(bench.reduce(identity, kind, [3], [0], { address: out, dtype: 'float32' }, [x])).toBe(0);
      expect(bench.get('float32', out, 3)).toEqual([value, value, value]);
    }
    const out = bench.put('float32', [9]);
    const x = { address: bench.put('float32', []), dtype: 'float32' as const, kept: [1], reduced: [1] };
    expect(bench.reduce(identity, 0, [0], [5], { address: out, dtype: 'float32' }, [x])).toBe(0);
    expect(bench.get('float32', out, 1)).toEqual([9]);
  });

  test('a fused program: sum of x * y + c, scaled', () => {
    const spec: ProgramSpec = {
      steps: [
        [66, 3, 0, 1, 0],
        [64, 3, 3, 2, 0],
      ],
      regs: 4,
      results: [3],
    };
    for (const [kept, reduced, ks, rs] of [
      [[], [20000], [], [1]],
      [[50], [400], [400], [1]],
      [[400], [50], [1], [400]],
      [[2000], [10], [10], [1]],
    ]) {
      bench.reset();
      const n = 20000;
      const a = Array.from({ length: n }, (_, i) => (i % 17) - 8);
      const b = Array.from({ length: n }, (_, i) => (i % 5) - 2);
      const place = (values: number[]) => ({ address: bench.put('float32', values), dtype: 'float32' as const, kept: ks, reduced: rs });
      const ko = offsets(kept, ks);
      const ro = offsets(reduced, rs);
      const out = bench.put('float32', new Array(ko.length).fill(0));
      expect(
        bench.reduce(spec, 0, kept, reduced, { address: out, dtype: 'float32' }, [place(a), place(b)], { constants: [3], scale: 0.5 }),
      ).toBe(0);
      expect(bench.get('float32', out, ko.length)).toEqual(
        ko.map((o) => Math.fround(0.5 * ro.reduce((s, p) => s + a[o + p] * b[o + p] + 3, 0))),
      );
    }
  });

  test('float32 sums keep nearly all their digits', () => {
    bench.reset();
    const n = 2_000_000;
    const values = new Array<number>(n).fill(Math.fround(0.1));
    const x = bench.put('float32', values);
    const out = bench.put('float32', new Array(20).fill(0));
    bench.reduce(identity, 0, [], [n], { address: out, dtype: 'float32' }, [{ address: x, dtype: 'float32', kept: [], reduced: [1] }]);
    expect(Math.abs(bench.get('float32', out, 1)[0] / (n * Math.fround(0.1)) - 1)).toBeLessThan(5e-7);
    bench.reduce(identity, 0, [20], [n / 20], { address: out, dtype: 'float32' }, [
      { address: x, dtype: 'float32', kept: [1], reduced: [20] },
    ]);
    for (const v of bench.get('float32', out, 20)) expect(Math.abs(v / ((n / 20) * Math.fround(0.1)) - 1)).toBeLessThan(1e-6);
  });

  test('results do not depend on the number of threads', () => {
    const one = new Bench({ threads: 1 });
    for (const [kept, reduced, ks, rs] of [
      [[], [300001], [], [1]],
      [[5], [60000], [60000], [1]],
      [[300], [1000], [1], [300]],
      [[3000], [100], [1], [3000]],
      [[30000], [10], [10], [1]],
    ]) {
      const n = kept.concat(reduced).reduce((a, b) => a * b, 1);
      const results = [one, bench].map((b) => {
        b.reset();
        const r = random(5);
        const address = b.put(
          'float32',
          Array.from({ length: n }, () => r() - 0.5),
        );
        const out = b.put('float32', new Array(30000).fill(0));
        b.reduce(identity, 0, kept, reduced, { address: out, dtype: 'float32' }, [{ address, dtype: 'float32', kept: ks, reduced: rs }]);
        return b.bytes(out, 120000);
      });
      expect(Buffer.compare(results[0], results[1])).toBe(0);
    }
    one.machine.close();
  });
});
