// The snippets of docs/autograd.md, executed in order; the comments behind console.log say what is printed.

import { readFileSync } from 'node:fs';
import { transformSync } from 'esbuild';
import { expect, test } from 'vitest';
import * as ft from '../../src/index.ts';

const text = readFileSync(new URL('../../docs/autograd.md', import.meta.url), 'utf8');
const snippets = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((m) => m[1]);

/** The values of a comment such as `[1, 2], true`, or null when it is text. */
function valuesOf(comment: string): unknown[] | null {
  try {
    return JSON.parse(`[${comment}]`) as unknown[];
  } catch {
    return null;
  }
}
const flat = (v: unknown): unknown[] => (Array.isArray(v) ? v.flatMap(flat) : [v]);

test('every snippet runs and prints what its comments say', () => {
  const printed: unknown[][] = [];
  const code = snippets.join('\n').replace(/^import .*$/gm, '');
  const said = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((m) => m[1]);
  const js = transformSync(code, { loader: 'ts', target: 'es2022' }).code;
  new Function('ft', 'autograd', 'func', 'console', js)(ft, ft.autograd, ft.func, { log: (...values: unknown[]) => printed.push(values) });
  expect(snippets.length).toBeGreaterThan(12);
  expect(printed.length).toBe(said.length);
  printed.forEach((got, i) => {
    const want = valuesOf(said[i]);
    if (want === null) {
      for (const part of said[i].split('…')) expect(String(got[0])).toContain(part.replace(/:line$/, '').trim());
      return;
    }
    const plain = flat(got.map((v) => (v instanceof ft.Tensor ? v.toArraySync() : v)));
    flat(want).forEach((w, k) => {
      if (typeof w === 'number') expect(plain[k], said[i]).toBeCloseTo(w, 6);
      else expect(plain[k]).toBe(w);
    });
    expect(plain.length, said[i]).toBe(flat(want).length);
  });
});
