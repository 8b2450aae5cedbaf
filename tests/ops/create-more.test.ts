// Triangles, diagonals, block matrices, ranges and windows.

import { expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { checkGradients } from './gradients.ts';

const f64 = (values: number[], shape = [values.length]): ft.Tensor => ft.fromTyped(Float64Array.from(values), shape);
const matrix = (): ft.Tensor => f64([1, 2, 3, 4, 5, 6], [2, 3]);

test('tril and triu: what is cut off may be infinite', () => {
  expect(ft.tril(matrix()).toArraySync()).toEqual([
    [1, 0, 0],
    [4, 5, 0],
  ]);
  expect(ft.triu(matrix(), { diagonal: 1 }).toArraySync()).toEqual([
    [0, 2, 3],
    [0, 0, 6],
  ]);
  expect(ft.tril(ft.full([2, 2], Infinity)).toArraySync()).toEqual([
    [Infinity, 0],
    [Infinity, Infinity],
  ]);
  expect(ft.triu(ft.ones([2, 2], { dtype: 'bool' })).dtype).toBe('bool');
  expect(() => ft.tril(ft.ones([3]))).toThrow(ft.ShapeError);
  checkGradients((x) => ft.tril(x, { diagonal: -1 }), [matrix()]);
});

test('trilIndices and triuIndices give the places of the triangles', () => {
  expect(ft.trilIndices(2, 3, { offset: 1 }).toArraySync()).toEqual([
    [0, 0, 1, 1, 1],
    [0, 1, 0, 1, 2],
  ]);
  expect(ft.triuIndices(2, 3).toArraySync()).toEqual([
    [0, 0, 0, 1, 1],
    [0, 1, 2, 1, 2],
  ]);
  expect(() => ft.trilIndices(-1, 3)).toThrow(ft.FathomError);
});

test('diag and diagEmbed lay a vector on a diagonal, diag takes it off again', () => {
  const v = f64([1, 2]);
  expect(ft.diag(v, { diagonal: 1 }).toArraySync()).toEqual([
    [0, 1, 0],
    [0, 0, 2],
    [0, 0, 0],
  ]);
  expect(ft.diag(ft.diag(v, { diagonal: -2 }), { diagonal: -2 }).toArraySync()).toEqual([1, 2]);
  expect(ft.diagEmbed(ft.ones([2, 3]), { dim1: 0, dim2: 2 }).shape).toEqual([3, 2, 3]);
  expect(ft.diagflat(matrix()).shape).toEqual([6, 6]);
  for (const offset of [-1, 0, 2]) checkGradients((x) => ft.diagEmbed(x, { offset }), [matrix()]);
  expect(() => ft.diag(ft.ones([2, 2, 2]))).toThrow(ft.ShapeError);
});

test('blockDiag: vectors are rows; gradients return to each block', () => {
  expect(ft.blockDiag(ft.tensor([[1], [2]]), ft.tensor([3, 4]), ft.tensor(5)).toArraySync()).toEqual([
    [1, 0, 0, 0],
    [2, 0, 0, 0],
    [0, 3, 4, 0],
    [0, 0, 0, 5],
  ]);
  checkGradients((a, b) => ft.blockDiag(a, b), [matrix(), f64([1, 2])]);
});

test('vander, logspace, scalarTensor', () => {
  expect(ft.vander(ft.tensor([1, 2, 3])).toArraySync()).toEqual([
    [1, 1, 1],
    [4, 2, 1],
    [9, 3, 1],
  ]);
  expect(ft.vander(ft.tensor([2]), { N: 4, increasing: true }).toArraySync()).toEqual([[1, 2, 4, 8]]);
  expect(ft.logspace(0, 3, 4).toArraySync()).toEqual([1, 10, 100, 1000]);
  expect(ft.logspace(0, 3, 4, { base: 2, dtype: 'int64' }).toArraySync()).toEqual([1, 2, 4, 8]);
  expect(ft.scalarTensor(3).dtype).toBe('float32');
});

test('new tensors take the dtype of the old one', () => {
  const x = ft.ones([1], { dtype: 'int32' });
  expect([x.newZeros([2]).dtype, x.newFull([2], 7).dtype, x.newTensor([1]).dtype]).toEqual(['int32', 'int32', 'int32']);
  expect([ft.isFloatingPoint(x), ft.isFloatingPoint('float64'), ft.isNonzero(x)]).toEqual([false, true, true]);
});

test('windows: periodic ones are symmetric ones without the last value', () => {
  const { windows } = ft.signal;
  for (const name of [
    'bartlett',
    'blackman',
    'cosine',
    'exponential',
    'gaussian',
    'generalHamming',
    'hamming',
    'hann',
    'kaiser',
    'nuttall',
  ] as const) {
    const full = windows[name](9, { dtype: 'float64' }).numbersSync();
    const part = windows[name](8, { sym: false, dtype: 'float64' }).numbersSync();
    part.forEach((v, i) => expect(v).toBeCloseTo(full[i], 12));
    full.forEach((v, i) => expect(v).toBeCloseTo(full[8 - i], 12));
    expect(windows[name](1).toArraySync()).toEqual([1]);
    expect(windows[name](0).shape).toEqual([0]);
  }
  expect(ft.hannWindow(4).toArraySync()).toEqual([0, 0.5, 1, 0.5]);
  expect(() => ft.hannWindow(-1)).toThrow(ft.ValueError);
  expect(() => ft.hannWindow(3, { dtype: 'int64' })).toThrow(ft.DTypeError);
});
