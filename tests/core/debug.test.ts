// DEBUG=1 … 4 on standard error, by running programs in processes of their own.

import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import '../../src/index.ts';
import { primitiveCodes } from '../../src/ops/scalar.ts';
import { debugLevel } from '../../src/runtime/debug.ts';
import { decode, stepNames } from '../../src/runtime/debug-format.ts';

const at = (path: string): string => new URL(`../../dist/${path}`, import.meta.url).href;
const program = `
import * as ft from '${at('index.js')}';
import * as nn from '${at('nn/index.js')}';
import * as optim from '${at('optim/index.js')}';
const net = new nn.Sequential(new nn.Linear(6, 4), new nn.Tanh(), new nn.Linear(4, 3));
const opt = new optim.Adam(net.parameters());
for (let i = 0; i < 2; i++) {
  opt.zeroGrad();
  nn.functional.crossEntropy(net(ft.ones([5, 6])), ft.tensor([0, 1, 2, 0, 1])).backward();
  opt.step();
}
ft.tensor([1, 2]).toString();
console.log('done');
`;
const env: Record<string, string | undefined> = { ...process.env, FATHOM_THREADS: '1', FATHOM_DEBUG: undefined };

function run(settings: Record<string, string | undefined>): { lines: string[]; status: number | null } {
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], { env: { ...env, ...settings }, encoding: 'utf8' });
  if (child.status === 0) expect(child.stdout).toBe('done\n');
  return { lines: child.stderr.trimEnd().split('\n'), status: child.status };
}

describe('levels', () => {
  let four: string[];
  beforeAll(() => {
    four = run({ DEBUG: '4' }).lines;
  });

  test('1 tells the device and one line for each training step', () => {
    const { lines } = run({ DEBUG: '1' });
    expect(lines.length).toBe(3);
    expect(lines[0]).toMatch(/^fathom {2}\w+ \(.+\), 1 thread, up to [\d.]+ MiB; debug level 1$/);
    for (const [i, line] of lines.slice(1).entries())
      expect(line).toMatch(
        new RegExp(
          `^step +${i + 1} +[\\d.]+ ms +kernels +[\\d.]+ ms +\\d+ % +\\d+ calls +[\\d.]+ GFLOP/s +[\\d.]+ GB/s +[\\d.]+ MiB alive, peak [\\d.]+ MiB +Adam$`,
        ),
      );
  });

  test('2 tells each call in order, in columns', () => {
    const calls = run({ DEBUG: '2' }).lines.filter((l) => /^ *\d+ {2}/.test(l));
    const names = calls.map((l) => l.trim().split(/\s+/)[1]);
    expect(names).toEqual(expect.arrayContaining(['linear', 'tanh', 'crossEntropy', 'crossEntropyBackward', 'Adam']));
    expect(calls.map((l) => Number.parseInt(l, 10))).toEqual(calls.map((_, i) => i + 1));
    expect(new Set(calls.map((l) => l.indexOf(' ms'))).size).toBe(1);
    expect(calls.find((l) => l.includes('linear'))).toMatch(/GFLOP\/s +[\d.]+ GB\/s$/);
    expect(calls.find((l) => l.includes('Adam'))).toMatch(/4 instructions$/);
  });

  test('3 names the words of each instruction, 4 the steps of programs', () => {
    const three = run({ DEBUG: '3' }).lines;
    expect(three.some((l) => /^ +MATMUL {2}float32 {2}M 5 {2}N 4 {2}K 6 {2}A @[0-9a-f]+ /.test(l))).toBe(true);
    expect(three.filter((l) => l.trimStart().startsWith('ADAM  float32')).length).toBe(8);
    expect(three.some((l) => l.includes('tanh(in0)'))).toBe(false);
    expect(four).toContain('          t0 = tanh(in0)');
    expect(four).toContain('          -> t0');
  });

  test('what is not a terminal gets no colours', () => {
    expect(four.join('')).not.toContain('\u001b');
  });

  test('off: nothing is written, whatever other libraries want of DEBUG', () => {
    for (const settings of [{}, { DEBUG: 'express:*' }, { DEBUG: '5' }, { DEBUG: '1.5' }, { DEBUG: '4', FATHOM_DEBUG: '0' }])
      expect(run(settings).lines).toEqual(['']);
  });

  test('FATHOM_DEBUG goes before DEBUG and must be a level', () => {
    expect(run({ DEBUG: '4', FATHOM_DEBUG: '1' }).lines.length).toBe(3);
    const { lines, status } = run({ FATHOM_DEBUG: 'all' });
    expect(status).not.toBe(0);
    expect(lines.join('\n')).toContain("FATHOM_DEBUG: 'all' is no level; use a whole number from 0 to 4");
  });
});

test('debugLevel reads both names', () => {
  const level = (values: Record<string, string>): number => debugLevel((name) => values[name]);
  expect(['1', '2', '3', '4'].map((DEBUG) => level({ DEBUG }))).toEqual([1, 2, 3, 4]);
  expect(level({ FATHOM_DEBUG: '', DEBUG: '2' })).toBe(2);
  expect(['0', '', '01', ' 1', 'true'].map((DEBUG) => level({ DEBUG }))).toEqual([0, 0, 0, 0, 0]);
});

test('every primitive has its name in programs; an opcode that is not known is shown as numbers', () => {
  for (const [name, code] of Object.entries(primitiveCodes)) expect(stepNames.names[code]).toBe(name);
  expect(decode(Float64Array.of(99, 4, 7, 0.5), 0)).toBe('opcode 99  [7, 0.5]');
});
