// einsum's grammar and order of products, contraction, chains and norms: facts that the golden cases leave open.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';

const { einsum, linalg } = ft;
const random = (seed: number, shape: number[]): ft.Tensor => {
  ft.manualSeed(seed);
  return ft.randn(shape, { dtype: 'float64' });
};
const near = (a: ft.Tensor, b: ft.Tensor): void => {
  expect(a.shape).toEqual(b.shape);
  expect(ft.allclose(a, b, { rtol: 1e-12, atol: 1e-12 })).toBe(true);
};

/** Einstein summation by its definition: loops over all labels (no ellipsis). */
function reference(equation: string, ...xs: ft.Tensor[]): ft.Tensor {
  const [left, out] = equation.split('->');
  const terms = left.split(',');
  const size = new Map<string, number>();
  terms.forEach((t, i) => [...t].forEach((c, d) => size.set(c, Math.max(size.get(c) ?? 1, xs[i].shape[d]))));
  const labels = [...size.keys()];
  const shape = [...out].map((c) => size.get(c) as number);
  const data = new Float64Array(shape.reduce((a, b) => a * b, 1));
  const flat = xs.map((x) => x.numbersSync());
  const at = new Map<string, number>();
  const index = (term: string, dims: readonly number[]): number =>
    [...term].reduce((p, c, d) => p * dims[d] + (dims[d] === 1 ? 0 : (at.get(c) as number)), 0);
  const loop = (k: number): void => {
    if (k === labels.length) {
      data[index(out, shape)] += terms.reduce((p, t, i) => p * flat[i][index(t, xs[i].shape)], 1);
      return;
    }
    for (let v = 0; v < (size.get(labels[k]) as number); v++) {
      at.set(labels[k], v);
      loop(k + 1);
    }
  };
  loop(0);
  return ft.fromTyped(data, shape);
}

describe('einsum', () => {
  const sizes: Record<string, number> = { a: 2, b: 3, c: 4, d: 1, B: 2, i: 3, j: 2 };
  test.each([
    'ab,bc->ac',
    'ab,bc,ci->ai',
    'ab,cb,ab->ca',
    'aab->b',
    'aab,b->a',
    'abc,abc->',
    'a,b,c->cab',
    'ab,ab->ab',
    'abc,cd,bd->ad',
    'aB,Bb->bBa',
    'ii,ij,jj->ij',
    'abcij,ab,jc->i',
    'ab,bc,ab->c',
  ])('%s equals the sum over all labels', (equation) => {
    const xs = equation
      .split('->')[0]
      .split(',')
      .map((t, i) =>
        random(
          i + 1,
          [...t].map((c) => sizes[c]),
        ),
      );
    near(einsum(equation, ...xs), reference(equation, ...xs));
    near(einsum(equation, xs), reference(equation, ...xs));
  });

  test('a size of 1 broadcasts, in a kept label and in one that is summed', () => {
    const [x, y] = [random(1, [1, 4]), random(2, [3, 1])];
    near(einsum('ab,ab->ab', x, y), reference('ab,ab->ab', x, y));
    near(einsum('ab,ab->', x, y), reference('ab,ab->', x, y));
    near(einsum('ab,ab,ab->a', x, y, random(3, [3, 4])), reference('ab,ab,ab->a', x, y, random(3, [3, 4])));
  });

  test('without an output: ellipsis first, then letters that appear once, capitals before small ones', () => {
    expect(einsum('bA,Ac', random(1, [2, 3]), random(2, [3, 4])).shape).toEqual([2, 4]);
    expect(einsum('bA', random(1, [2, 3])).shape).toEqual([3, 2]);
    expect(einsum('...ba', random(1, [5, 2, 3])).shape).toEqual([5, 3, 2]);
  });

  test('an ellipsis stands for dimensions that broadcast, and is summed when the output leaves it out', () => {
    const [x, y] = [random(1, [5, 1, 2, 3]), random(2, [4, 3, 2])];
    near(einsum('... i j, ...jk -> ...ik', x, y), x.matmul(y));
    near(einsum('...ij->ij', x), x.sum([0, 1]));
    near(
      einsum('i...j,k->j...k', random(3, [2, 5, 3]), random(4, [2])),
      random(3, [2, 5, 3])
        .sum(0)
        .permute([1, 0])
        .unsqueeze(-1)
        .mul(random(4, [2])),
    );
  });

  test('integers stay integers, empty sums are 0', () => {
    expect(einsum('i,i->', ft.tensor([1, 2]), ft.tensor([3, 4])).itemSync()).toBe(11);
    expect(einsum('ij,jk->ik', ft.zeros([2, 0]), ft.zeros([0, 3])).toArraySync()).toEqual([[0, 0, 0], [0, 0, 0]]); // biome-ignore format: a matrix
  });

  test('the equation must fit the operands: ValueError for its form, ShapeError for sizes', () => {
    const x = random(1, [2, 3]);
    expect(() => einsum('ij,jk', x)).toThrow(/names 2 operand/);
    expect(() => einsum('i1', x)).toThrow(/'1'/);
    expect(() => einsum('i..j', x)).toThrow(ft.ValueError);
    expect(() => einsum('ij->ii', x)).toThrow(/twice/);
    expect(() => einsum('ij->k', x)).toThrow(/no operand/);
    expect(() => einsum('ii', x)).toThrow(/sizes 2 and 3/);
    expect(() => einsum('ij,jk', x, x)).toThrow(/'j' has size 3 in one operand and 2/);
    expect(() => einsum('ijk', x)).toThrow(/names 3 dimension/);
  });
});

describe('other products', () => {
  test('multiDot: any order gives the product; vectors at the ends; sizes are checked', () => {
    const ms = [random(1, [10, 2]), random(2, [2, 30]), random(3, [30, 1]), random(4, [1, 20])];
    near(linalg.multiDot(ms), ms[0].matmul(ms[1]).matmul(ms[2]).matmul(ms[3]));
    expect(linalg.multiDot([random(1, [2]), ms[1], random(5, [30])]).shape).toEqual([]);
    expect(() => linalg.multiDot([ms[0], ms[2]])).toThrow(/rows of the next/);
  });

  test('kron: blocks of b scaled by a; more dimensions on one side', () => {
    const [a, b] = [random(1, [2, 3]), random(2, [4])];
    near(ft.kron(a, b).slice(1, 4, 8), a.select(1, 1).unsqueeze(1).mul(b));
  });

  test('cross is orthogonal to both; the first dimension of size 3 is taken by ft.cross, the last by linalg.cross', () => {
    const [x, y] = [random(1, [3, 5, 3]), random(2, [3, 5, 3])];
    near(ft.cross(x, y).mul(x).sum(0), ft.zeros([5, 3], { dtype: 'float64' }));
    near(linalg.cross(x, y).mul(y).sum(2), ft.zeros([3, 5], { dtype: 'float64' }));
    expect(() => ft.cross(random(1, [2]), random(1, [2]))).toThrow(/size 3/);
  });

  test('norm: vectors or matrices as dim says, clear words otherwise', () => {
    const x = random(1, [2, 3, 4]);
    near(linalg.norm(x), x.square().sum().sqrt());
    near(ft.norm(x.select(0, 0), { p: 'nuc' }), linalg.matrixNorm(x, { ord: 'nuc' }).select(0, 0));
    expect(() => linalg.norm(x, { ord: 1 })).toThrow(/say with dim/);
    expect(() => linalg.norm(x, { ord: 'nuc', dim: 0 })).toThrow(/needs matrices/);
    expect(() => linalg.matrixNorm(x, { ord: 3 })).toThrow(/no matrix norm/);
    expect(() => linalg.matrixNorm(ft.zeros([0, 3]), { ord: Number.NEGATIVE_INFINITY })).toThrow(ft.IndexError);
  });
});
