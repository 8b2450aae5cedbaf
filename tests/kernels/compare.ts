// What the kernel tests share beside the encoder: comparison with a tolerance, random operands, one and two threads side by side.
import { expect } from 'vitest';
import { Bench, random } from './encode.ts';

export type FloatName = 'float32' | 'float64';
export const CODE = { float32: 0, float64: 1, int64: 2, int32: 3 } as const;

/** Fails on the first element that is off by more than `tolerance` times the larger of 1 and the expected magnitude. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, label = ''): void {
  expect(actual.length, label).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i];
    const e = expected[i];
    if (Object.is(a, e) || a === e || (Number.isNaN(a) && Number.isNaN(e))) continue;
    if (!(Math.abs(a - e) <= tolerance * Math.max(1, Math.abs(e)))) expect.fail(`${label}: element ${i} is ${a}, expected ${e}`);
  }
}

/** n numbers in [-1, 1), exactly representable in float32. */
export function numbers(n: number, seed: number): number[] {
  const next = random(seed * 7919 + 1);
  return Array.from({ length: n }, () => Math.fround(next() * 2 - 1));
}

export const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** A bench whose pool of two threads is complete; undefined where the machine has no second thread. */
export async function twoThreads(): Promise<Bench | undefined> {
  const bench = new Bench({ threads: 2, bytes: 64 * 2 ** 20 });
  for (let i = 0; i < 2000 && bench.machine.threads < 2; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  return bench.machine.threads < 2 ? undefined : bench;
}

/** Runs `body` on one and on two threads and expects the same bytes. */
export function expectSameBytes(one: Bench, two: Bench, body: (bench: Bench) => { address: number; bytes: number }): void {
  const result = (bench: Bench): Uint8Array => {
    bench.reset();
    const { address, bytes } = body(bench);
    return bench.bytes(address, bytes);
  };
  expect(Buffer.compare(Buffer.from(result(one)), Buffer.from(result(two)))).toBe(0);
}
