import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type Comparison,
  markdown,
  median,
  merged,
  ofRounds,
  residentOf,
  speedOf,
  terminalTable,
  variantNames,
  withBlock,
  workloadNames,
} from '../../bench/versus-table.ts';
import { workloads } from '../../bench/workloads.ts';

const comparison = (ms: number, residentMiB?: number): Comparison => ({
  date: '2026-01-01',
  machine: 'a machine',
  node: '20.0.0',
  torch: '2.13',
  threads: 2,
  rounds: 3,
  rows: [{ name: 'bert_b64', torch: { ms: 100, min: 90, residentMiB: 700 }, ours: { wasm: { ms, min: ms - 1, residentMiB } } }],
});

describe('comparison with PyTorch', () => {
  test('every workload has bars, and every bar a workload', () => {
    expect([...workloadNames].sort()).toEqual(Object.keys(workloads).sort());
    for (const name of workloadNames)
      for (const v of variantNames) {
        const row = { name, torch: { ms: 1, min: 1 }, ours: { [v]: { ms: 1, min: 1 } } };
        expect(speedOf(row, v)?.bar, `${name}, ${v}`).toBeGreaterThan(0);
      }
  });

  test('rounds become the median of the medians, the smallest time and the highest peak', () => {
    const rounds = [
      { ms: 3, min: 2, residentMiB: 10 },
      { ms: 1, min: 1, residentMiB: 30 },
      { ms: 2, min: 0.5, residentMiB: 20 },
    ];
    expect(ofRounds(rounds)).toEqual({ ms: 2, min: 0.5, residentMiB: 30 });
    expect(ofRounds([{ ms: 4, min: 3 }])).toEqual({ ms: 4, min: 3 });
    expect(median([4, 1, 3, 2])).toBe(3);
  });

  test('a bar holds up to its value', () => {
    const [at, above] = [comparison(160, 700).rows[0], comparison(160.1, 700.1).rows[0]];
    expect([speedOf(at, 'wasm')?.holds, speedOf(above, 'wasm')?.holds]).toEqual([true, false]);
    expect([residentOf(at, 'wasm')?.holds, residentOf(above, 'wasm')?.holds]).toEqual([true, false]);
    expect(speedOf(at, 'native')).toBeUndefined();
    expect(residentOf(comparison(1).rows[0], 'wasm')).toBeUndefined();
  });

  test('the terminal table names the verdicts and counts them', () => {
    const lines = terminalTable(comparison(161, 350));
    expect(lines[1]).toMatch(/^bert_b64 +WebAssembly +161 +100 +1\.61 +1\.6 +MISSED +350 +700 +0\.50 +holds$/);
    expect(lines.at(-1)).toBe('1 of 2 bars hold');
  });

  test('the page: a missed bar is bold, figures of another machine are named so', () => {
    expect(markdown(comparison(161))).toContain('| bert_b64 | 100 | 161 | **1.61 / 1.6** |');
    const elsewhere: Comparison = { ...comparison(50), elsewhere: 'another machine' };
    expect(markdown(elsewhere)).toContain('PyTorch 2.13 on another machine');
  });

  test('a block replaces what stands between the markers of the page', () => {
    const page = readFileSync(new URL('../../docs/performance.md', import.meta.url), 'utf8');
    const once = withBlock(page, 'TABLE');
    expect(withBlock(once, 'OTHER')).toBe(once.replace('TABLE', 'OTHER'));
    expect(() => withBlock('no markers', 'x')).toThrow(/markers|lines/);
  });

  test('of several files the latest row of a name stays', () => {
    const all = merged([comparison(1), comparison(2)]);
    expect(all.rows.map((r) => r.ours.wasm?.ms)).toEqual([2]);
  });
});
