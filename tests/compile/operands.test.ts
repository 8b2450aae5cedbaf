// The table of operands beside the contract: every opcode of the page and of the kernels has a row, and rows find what instructions access.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { InstructionError } from '../../src/compile/operands.ts';
import { instructionRows, visitOperands } from '../../src/compile/operands-more.ts';

const root = new URL('../../', import.meta.url);

/** Operands of an instruction as [word, access, lo, hi]. */
function operandsOf(words: readonly number[]): [number, string, number, number][] {
  const found: [number, string, number, number][] = [];
  visitOperands(words, { operand: (word, access, lo, hi) => void found.push([word, access, lo, hi]), program: () => undefined });
  return found;
}

describe('operands of instructions', () => {
  test('opcodes and names are those of the page and of the kernels', () => {
    const page = readFileSync(new URL('docs/instruction-set.md', root), 'utf8');
    const documented = new Map<number, string>();
    for (const [, heading] of page.matchAll(/^## (\d.*)$/gm))
      for (const [, code, name] of heading.matchAll(/(\d+) ([A-Z_0-9]+)/g)) documented.set(Number(code), name);
    const header = readFileSync(new URL('kernels/ops.h', root), 'utf8');
    const inKernels = new Map([...header.matchAll(/OP_([A-Z_0-9]+) = (\d+)/g)].map(([, name, code]) => [Number(code), name]));
    const own = new Map(Object.entries(instructionRows).map(([code, [name]]) => [Number(code), name]));
    const sorted = (m: Map<number, string>): [number, string][] => [...m].sort((a, b) => a[0] - b[0]);
    expect(documented.size).toBeGreaterThan(30);
    expect(sorted(own)).toEqual(sorted(inKernels));
    expect(sorted(own)).toEqual(sorted(documented));
  });

  test('a strided elementwise instruction reaches from its lowest to its highest element', () => {
    // out [2, 3] dense float32 at 1000, in reversed along the last dimension
    const words = [1, 0, 64, 1, 1, 0, 2, 6, 0, 1000, 0, 2000, 0, 2, 3, 3, 1, 3, -1];
    words[1] = words.length;
    expect(operandsOf(words)).toEqual([
      [9, 'write', 0, 24],
      [11, 'read', -8, 16],
    ]);
  });

  test('a product with accumulation updates, an optimizer updates parameter and state', () => {
    const product = [3, 19, 0, 2, 4, 3, 64, 3, 1, 128, 4, 1, 192, 4, 0, 1, 256, 0, 0];
    expect(operandsOf(product)).toEqual([
      [6, 'read', 0, 24],
      [9, 'read', 0, 48],
      [12, 'update', 0, 32],
      [16, 'read', 0, 16],
    ]);
    const adam = [20, 17, 1, 5, 64, 128, 192, 256, 0, 0.1, 0.9, 0.99, 1e-8, 0, 0, 0, 1];
    expect(operandsOf(adam)).toEqual([
      [4, 'update', 0, 40],
      [5, 'read', 0, 40],
      [6, 'update', 0, 40],
      [7, 'update', 0, 40],
    ]);
  });

  test.each([
    ['an unknown opcode', [99, 2]],
    ['a wrong length', [19, 3, 0]],
    ['a negative size', [19, 14, 0, -4, 64, 128, 0, 0.1, 0, 0, 0, 0, 0, 0]],
    ['a missing address', [19, 14, 0, 4, 0, 128, 0, 0.1, 0, 0, 0, 0, 0, 0]],
    ['a fractional size', [19, 14, 0, 1.5, 64, 128, 0, 0.1, 0, 0, 0, 0, 0, 0]],
    ['windows that do not fit', [4, 26, 0, 1, 1, 4, 4, 1, 3, 3, 1, 1, 0, 0, 1, 1, 1, 9, 2, 64, 64, 64, 0, 0, 0, 0]],
    ['too many elements', [16, 12, 1, 0, 0, 0, 0, 2 ** 50, 64, 0, 0, 1]],
  ])('%s is refused', (_, words) => {
    expect(() => operandsOf(words)).toThrow(InstructionError);
  });
});
