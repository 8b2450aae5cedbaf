// RANDOM's Bernoulli draws: bytes, which have a path of their own, and floats are the same draws.
import { expect, test } from 'vitest';
import { CODE } from './compare.ts';
import { Bench } from './encode.ts';

test('bytes and floats agree for every length and probability', () => {
  const bench = new Bench({ bytes: 2 ** 20 });
  for (const n of [1, 3, 4, 5, 1003])
    for (const p of [0, 0.1, 0.5, 2 ** -24, 1 - 2 ** -24, 1]) {
      bench.reset();
      const bytes = bench.put('bool', new Uint8Array(n + 1).fill(7));
      const floats = bench.alloc(n * 4);
      for (const [address, dtype] of [
        [bytes, 5],
        [floats, CODE.float32],
      ])
        expect(bench.execute(16, [4, 123, 4, 9, 0, n, address, dtype, p, 0])).toBe(0);
      const drawn = bench.get('bool', bytes, n + 1);
      expect(drawn.slice(0, n)).toEqual(bench.get('float32', floats, n));
      expect(drawn[n]).toBe(7); // nothing behind the end is touched
      if (p === 0) expect(Math.max(...drawn.slice(0, n))).toBe(0);
      if (p === 1) expect(Math.min(...drawn.slice(0, n))).toBe(1);
    }
  bench.machine.close();
});
