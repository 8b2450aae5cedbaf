// The README's example runs as it is written, and its table of calls is true.

import { readFileSync } from 'node:fs';
import { transformSync } from 'esbuild';
import { expect, test } from 'vitest';
import { DataLoader, TensorDataset } from '../../src/data/index.ts';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';

const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

test('the twenty lines learn the plane that they draw: 4.2 + 2·1 - 3.4·1', async () => {
  const [, code] = /```ts\n([\s\S]*?)```/.exec(text) as RegExpExecArray;
  const imports = [...code.matchAll(/from '([^']+)'/g)].map((m) => m[1]);
  expect(imports).toEqual(['fathom', 'fathom/nn', 'fathom/optim', 'fathom/data']);
  const body = transformSync(code.replace(/^import .*$/gm, ''), { loader: 'ts', target: 'es2022' }).code;
  const printed: unknown[] = [];
  const AsyncFunction = (async () => {}).constructor as new (...args: string[]) => (...args: unknown[]) => Promise<void>;
  const run = new AsyncFunction('ft', 'nn', 'optim', 'DataLoader', 'TensorDataset', 'console', body);
  await run(ft, nn, optim, DataLoader, TensorDataset, { log: (v: unknown) => printed.push(v) });
  expect((printed[0] as ft.Tensor).itemSync()).toBeCloseTo(2.8, 0);
});

test('indexing is written as the table says', () => {
  const x = ft.arange(12).reshape([3, 4]);
  expect(x.at(':', '1:3').shape).toEqual([3, 2]);
  expect(x.index('..., null').shape).toEqual([3, 4, 1]);
  expect(x.at([0, 2], 1).toArraySync()).toEqual([1, 9]);
  expect(x.at(x.gt(9)).toArraySync()).toEqual([10, 11]);
  x.setIndex_([0], 0).setIndex_(':, 1:3', ft.tensor([[7, 8]]));
  expect(x.toArraySync()).toEqual([
    [0, 7, 8, 0],
    [4, 7, 8, 7],
    [8, 7, 8, 11],
  ]);
  for (const call of ["x.at(':', '1:3')", "x.index('..., null')", 'x.setIndex_([0], 0)']) expect(text).toContain(call);
});
