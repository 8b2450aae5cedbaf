// The profiler counts what ran, in tables and traces.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { saveTrace } from '../../src/io/index.ts';
import * as nn from '../../src/nn/index.ts';

test('a matrix product counts 2·M·N·K operations, an addition the bytes of its operands', () => {
  const [a, b] = [ft.randn([32, 48]), ft.randn([48, 16])];
  const p = ft.profile(() => {
    a.matmul(b);
    a.matmul(b);
    a.add(a);
  });
  const row = (name: string): ft.ProfileRow => p.rows.find((r) => r.name === name) as ft.ProfileRow;
  expect(row('matmul').calls).toBe(2);
  expect(row('matmul').flops).toBe(2 * 2 * 32 * 16 * 48);
  expect(row('add').bytes).toBe(3 * 32 * 48 * 4);
  expect(p.events.map((e) => e.name)).toEqual(['matmul', 'matmul', 'add']);
  expect(p.rows.reduce((sum, r) => sum + r.share, 0)).toBeCloseTo(1, 10);
});

test('a convolution’s operations are counted per group, forward and backward', () => {
  const conv = new nn.Conv2d(4, 8, 3, { padding: 1, groups: 2 });
  const x = ft.randn([2, 4, 10, 10]).requiresGrad_();
  const p = ft.profile(() => conv(x).sum().backward());
  const once = 2 * (2 * 8 * 10 * 10) * (2 * 3 * 3);
  const counted = p.rows.filter((r) => r.flops > 0);
  expect(counted.reduce((sum, r) => sum + r.flops, 0)).toBe(3 * once);
  expect(Object.fromEntries(counted.map((r) => [r.name, r.calls]))).toEqual({ conv2d: 1, 'conv2d, backward': 2 });
  expect(String(p)).toMatch(/^operation +calls +ms +share +GB\/s +GFLOP\/s\n/);
  expect(String(p)).toMatch(/\d+ calls$/);
});

test('an async function is followed to its end; afterwards, and after an error, nothing is watched any more', async () => {
  const p = await ft.profile(async () => {
    await ft
      .ones([3])
      .exp()
      .item()
      .catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 5));
    ft.ones([3]).log();
  });
  expect(p.rows.map((r) => r.name)).toContain('log');
  expect(p.totalMs).toBeGreaterThan(4);
  expect(() =>
    ft.profile(() => {
      throw new Error('inside');
    }),
  ).toThrow('inside');
  const calls = p.events.length;
  ft.ones([3]).exp();
  expect(p.events.length).toBe(calls);
});

test('saveTrace writes complete events in microseconds', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fathom-trace-'));
  try {
    const path = join(folder, 'trace.json');
    const p = ft.profile(() => ft.ones([4]).exp());
    await saveTrace(path, p);
    const { traceEvents } = JSON.parse(await readFile(path, 'utf8')) as {
      traceEvents: { name: string; ph: string; ts: number; dur: number }[];
    };
    expect(traceEvents.map((e) => [e.name, e.ph])).toContainEqual(['exp', 'X']);
    for (const e of traceEvents) expect(e.dur).toBeGreaterThanOrEqual(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
