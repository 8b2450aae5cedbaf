import { expect, test } from 'vitest';
import { OutOfMemoryError } from '../../src/runtime/errors.ts';
import type { Machine } from '../../src/runtime/machine.ts';
import { Pool } from '../../src/runtime/pool.ts';

function fakeMachine(maxBytes: number): Machine {
  let memory = new ArrayBuffer(1 << 20);
  return {
    name: 'fake',
    variant: '',
    threads: 1,
    threadsWanted: 1,
    heapBase: 1024,
    maxBytes,
    buffer: () => memory,
    grow(bytes) {
      if (bytes > maxBytes) return false;
      memory = new ArrayBuffer(bytes);
      return true;
    },
    execute: () => 0,
    errorInfo: () => 0,
    convWorkspace: () => 0,
    setThreads() {},
    close() {},
  };
}
const MiB = 2 ** 20;

test('blocks are aligned, large enough and do not overlap', () => {
  const pool = new Pool(fakeMachine(512 * MiB), () => {});
  const blocks = [];
  for (let i = 1; i < 400; i++) {
    const bytes = Math.floor(1.035 ** i);
    const s = pool.allocate(bytes);
    expect(s.address % 64).toBe(0);
    expect(s.bytes).toBeGreaterThanOrEqual(bytes);
    if (bytes > 4096) expect(s.bytes).toBeLessThanOrEqual(bytes * 1.25 + 1024);
    blocks.push(s);
  }
  blocks.sort((a, b) => a.address - b.address);
  for (let i = 1; i < blocks.length; i++) expect(blocks[i - 1].address + blocks[i - 1].bytes).toBeLessThanOrEqual(blocks[i].address);
});

test('a released block is used again and the counts follow', () => {
  const pool = new Pool(fakeMachine(64 * MiB), () => {});
  for (const bytes of [100, 10_000, 3 * MiB]) {
    const a = pool.allocate(bytes);
    a.retain();
    const { address } = a;
    a.release();
    expect(a.address).toBe(-1);
    expect(pool.allocate(bytes).address).toBe(address);
  }
  expect(pool.info().peak).toBeGreaterThanOrEqual(3 * MiB);
});

test('at the limit free blocks of other sizes are merged before memory counts as exhausted', () => {
  const pool = new Pool(fakeMachine(16 * MiB), () => {});
  const small = Array.from({ length: 14 }, () => pool.allocate(MiB));
  for (const s of small) s.retain();
  for (const s of small) s.release();
  expect(pool.allocate(10 * MiB).bytes).toBeGreaterThanOrEqual(10 * MiB);
  expect(() => pool.allocate(10 * MiB)).toThrow(OutOfMemoryError);
  expect(() => pool.allocate(10 * MiB)).toThrow(/10\.0 MiB wanted.*alive.*scope/);
});

/** A machine whose watcher finds dead what the test says. */
function watched(maxBytes: number): { machine: Machine; dead: number[]; asked: () => number } {
  const dead: number[] = [];
  let asked = 0;
  const watcher = {
    watch: (_address: number, _bytes: number, serial: number) => ({ serial }),
    takeDead: () => dead.splice(0),
    collect: () => {
      asked++;
      // all blocks of the first half of the test
      for (let serial = 1; serial <= 8; serial++) dead.push(serial);
    },
  };
  return { machine: { ...fakeMachine(maxBytes), watcher }, dead, asked: () => asked };
}

test('before the heap grows much, garbage is looked for and used again', () => {
  const { machine, asked } = watched(1024 * MiB);
  const pool = new Pool(machine, () => {});
  const first = Array.from({ length: 8 }, () => pool.allocate(2 * MiB).address);
  expect(asked()).toBe(0);
  const { reserved } = pool.info();
  const next = pool.allocate(2 * MiB);
  expect(asked()).toBe(1);
  expect(first).toContain(next.address);
  expect(pool.info()).toMatchObject({ live: 2 * MiB, reserved });
});

test('blocks that are free cost no collection', () => {
  const { machine, asked } = watched(1024 * MiB);
  const pool = new Pool(machine, () => {});
  for (let i = 0; i < 100; i++) {
    const s = pool.allocate(2 * MiB);
    s.retain();
    s.release();
  }
  expect(asked()).toBe(0);
});
