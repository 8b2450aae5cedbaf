// Printing: what PyTorch shows for the same tensor, with the words of this library (dtype=float64, gradFn=<mul>, true).

import { afterEach, describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';

const floats = (data: number | readonly unknown[]): string => String(ft.tensor(data as number[], { dtype: 'float32' }));
const doubles = (data: readonly unknown[]): string => String(ft.tensor(data as number[], { dtype: 'float64' }));

afterEach(() => ft.setPrintOptions({ profile: 'default' }));

describe('one element', () => {
  test.each([
    [3.5, 'tensor(3.5000)'],
    [2, 'tensor(2.)'],
    [-0.25, 'tensor(-0.2500)'],
    [0, 'tensor(0.)'],
    [1e-5, 'tensor(1.0000e-05)'],
    [2e8, 'tensor(2.0000e+08)'],
    [1e8, 'tensor(100000000.)'],
    [Number.NaN, 'tensor(nan)'],
    [Number.NEGATIVE_INFINITY, 'tensor(-inf)'],
  ])('%d prints as %s', (value, text) => {
    expect(floats(value)).toBe(text);
  });

  test('whole numbers, booleans and other dtypes', () => {
    expect(String(ft.tensor(7))).toBe('tensor(7)');
    expect(String(ft.tensor(true))).toBe('tensor(true)');
    expect(String(ft.tensor(7, { dtype: 'uint8' }))).toBe('tensor(7, dtype=uint8)');
    expect(String(ft.tensor(1.5, { dtype: 'float64' }))).toBe('tensor(1.5000, dtype=float64)');
  });
});

describe('the notation is chosen for all elements together', () => {
  test.each([
    [[1, 2, 3], 'tensor([1., 2., 3.])'],
    [[1, 2.5], 'tensor([1.0000, 2.5000])'],
    [[-1, 2], 'tensor([-1.,  2.])'],
    [[1, 1000], 'tensor([   1., 1000.])'],
    [[1, 1001], 'tensor([1.0000e+00, 1.0010e+03])'],
    [[0.001, 1], 'tensor([0.0010, 1.0000])'],
    [[0.0005, 1], 'tensor([5.0000e-04, 1.0000e+00])'],
    [[0, 2000], 'tensor([   0., 2000.])'],
    [[-1e10, 1e9], 'tensor([-1.0000e+10,  1.0000e+09])'],
    [[1e-12, 1e12], 'tensor([1.0000e-12, 1.0000e+12])'],
  ])('%j', (data, text) => {
    expect(floats(data)).toBe(text);
  });

  test('three digits of exponent', () => {
    expect(doubles([1e-120, 1])).toBe('tensor([1.0000e-120,  1.0000e+00], dtype=float64)');
  });

  test('nan and infinities take part in neither choice nor width', () => {
    expect(floats([Number.NaN, 1])).toBe('tensor([nan, 1.])');
    expect(floats([Number.NEGATIVE_INFINITY, 1, 2])).toBe('tensor([-inf, 1., 2.])');
    expect(floats([Number.POSITIVE_INFINITY, -0.5])).toBe('tensor([    inf, -0.5000])');
    expect(floats([Number.NaN, Number.NaN])).toBe('tensor([nan, nan])');
  });

  test('a tie is rounded to the even digit', () => {
    expect(floats([0.03125, 0.09375])).toBe('tensor([0.0312, 0.0938])');
    expect(floats([1.03125e6, 1])).toBe('tensor([1.0312e+06, 1.0000e+00])');
    expect(floats([0.5, 1.23456])).toBe('tensor([0.5000, 1.2346])');
    ft.setPrintOptions({ precision: 0 });
    expect(floats([0.5, 1.5, 2.5])).toBe('tensor([0, 2, 2])');
    expect(floats([2.5e8, 3.5e8, 9.6e8])).toBe('tensor([2e+08, 4e+08, 1e+09])');
  });

  test('integers and booleans share one width', () => {
    expect(String(ft.tensor([1, -20, 300]))).toBe('tensor([  1, -20, 300])');
    expect(String(ft.tensor([true, true]))).toBe('tensor([true, true])');
    expect(String(ft.tensor([true, false]))).toBe('tensor([ true, false])');
    expect(String(ft.tensor([9007199254740993n, 1n] as unknown as number[], { dtype: 'int64' }))).toBe(
      'tensor([9007199254740993,                1])',
    );
  });
});

describe('layout', () => {
  test('a matrix, a stack of matrices, and one more dimension', () => {
    expect(String(ft.arange(0, 6).reshape([2, 3]))).toBe('tensor([[0, 1, 2],\n        [3, 4, 5]])');
    expect(String(ft.arange(0, 8).reshape([2, 2, 2]))).toBe('tensor([[[0, 1],\n         [2, 3]],\n\n        [[4, 5],\n         [6, 7]]])');
    expect(String(ft.zeros([2, 1, 1, 1]))).toBe('tensor([[[[0.]]],\n\n\n        [[[0.]]]])');
  });

  test('long rows wrap at 80 columns', () => {
    const lines = String(ft.arange(0, 30).to('float32')).split('\n');
    expect(lines).toEqual([
      'tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,',
      '        14., 15., 16., 17., 18., 19., 20., 21., 22., 23., 24., 25., 26., 27.,',
      '        28., 29.])',
    ]);
    ft.setPrintOptions({ lineWidth: 20 });
    expect(String(ft.arange(0, 5))).toBe('tensor([0, 1, 2, 3,\n        4])');
  });

  test('a transposed view prints what it shows', () => {
    expect(String(ft.arange(0, 4).reshape([2, 2]).T)).toBe('tensor([[0, 2],\n        [1, 3]])');
  });

  test('above 1000 elements the edges are shown, and only they choose the format', () => {
    expect(String(ft.arange(0, 1000))).toContain('500');
    expect(String(ft.arange(0, 1001))).toBe('tensor([   0,    1,    2,  ...,  998,  999, 1000])');
    const big = ft.zeros([100, 100]);
    big.select(0, 50).fill_(1e9);
    expect(String(big)).toBe(
      [
        'tensor([[0., 0., 0.,  ..., 0., 0., 0.],',
        ...Array(2).fill('        [0., 0., 0.,  ..., 0., 0., 0.],'),
        '        ...,',
        ...Array(2).fill('        [0., 0., 0.,  ..., 0., 0., 0.],'),
        '        [0., 0., 0.,  ..., 0., 0., 0.]])',
      ].join('\n'),
    );
    expect(String(ft.arange(0, 1200).reshape([600, 2]).T)).toBe(
      'tensor([[   0,    2,    4,  ..., 1194, 1196, 1198],\n        [   1,    3,    5,  ..., 1195, 1197, 1199]])',
    );
    expect(String(ft.arange(0, 1002).reshape([501, 1, 2]))).toContain('        [[   4,    5]],\n\n        ...,\n\n');
  });

  test('printing a large view copies little', () => {
    const x = ft.zeros([1024, 1024]).T;
    ft.resetPeakMemory();
    const before = ft.memory().live;
    String(x);
    expect(ft.memory().live).toBe(before);
    expect(ft.memory().peak - before).toBeLessThan(64 * 1024);
  });

  test('empty tensors tell their size and dtype', () => {
    expect(String(ft.zeros([0]))).toBe('tensor([])');
    expect(String(ft.zeros([2, 0]))).toBe('tensor([], size=[2, 0])');
    expect(String(ft.zeros([0], { dtype: 'int64' }))).toBe('tensor([], dtype=int64)');
    expect(String(ft.zeros([0, 3], { dtype: 'bool' }))).toBe('tensor([], size=[0, 3], dtype=bool)');
  });
});

describe('suffixes', () => {
  test('leaves that require gradients and results of operations say so', () => {
    const w = ft.tensor([1, 2], { dtype: 'float32', requiresGrad: true });
    expect(String(w)).toBe('tensor([1., 2.], requiresGrad=true)');
    expect(String(w.mul(2))).toBe('tensor([2., 4.], gradFn=<mul>)');
    expect(String(w.detach())).toBe('tensor([1., 2.])');
  });

  test('a suffix without room goes on a line of its own', () => {
    const row = String(ft.arange(0, 13).to('float64').mul(0.5).requiresGrad_());
    expect(row.split('\n').at(-1)).toBe('        4.5000, 5.0000, 5.5000, 6.0000], dtype=float64, requiresGrad=true)');
    expect(String(ft.ones([18], { dtype: 'float64', requiresGrad: true }))).toBe(
      `tensor([${Array(18).fill('1.').join(', ')}],\n       dtype=float64, requiresGrad=true)`,
    );
  });

  test('console.log shows the same, inside other objects too', async () => {
    const { inspect } = await import('node:util');
    expect(inspect({ x: ft.tensor([1, 2]) })).toBe('{ x: tensor([1, 2]) }');
  });
});

describe('setPrintOptions', () => {
  test('precision, threshold and edge items', () => {
    ft.setPrintOptions({ precision: 2, threshold: 5, edgeItems: 1 });
    expect(String(ft.arange(0, 8).to('float32').div(2))).toBe('tensor([0.00,  ..., 3.50])');
    ft.setPrintOptions({ edgeItems: 0 });
    expect(String(ft.arange(0, 8))).toBe('tensor([...])');
  });

  test('sciMode forces or forbids scientific notation; null leaves it to the range', () => {
    ft.setPrintOptions({ sciMode: true });
    expect(floats([1, 2])).toBe('tensor([1.0000e+00, 2.0000e+00])');
    ft.setPrintOptions({ sciMode: false });
    expect(floats([0.00001, 20000.5])).toBe('tensor([    0.0000, 20000.5000])');
    expect(doubles([2 ** 80])).toBe('tensor([1208925819614629174706176.], dtype=float64)');
    ft.setPrintOptions({ sciMode: null });
    expect(floats([1, 2])).toBe('tensor([1., 2.])');
  });

  test('profiles', () => {
    ft.setPrintOptions({ profile: 'full' });
    expect(String(ft.arange(0, 1500))).not.toContain('...');
    ft.setPrintOptions({ profile: 'short' });
    expect(floats([1 / 3])).toBe('tensor([0.33])');
  });

  test('nonsense is refused and changes nothing', () => {
    expect(() => ft.setPrintOptions({ profile: 'tiny' as never })).toThrow("there is no profile 'tiny'; use default, short, full");
    expect(() => ft.setPrintOptions({ precision: 1.5 })).toThrow('precision is 1.5');
    expect(() => ft.setPrintOptions({ lineWidth: 0 })).toThrow(ft.ValueError);
    expect(floats([0.5])).toBe('tensor([0.5000])');
  });
});
