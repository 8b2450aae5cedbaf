import { expect, test } from 'vitest';
import * as ft from '../../src/index.ts';

test('values go in and come out', () => {
  const x = ft.tensor(
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    { dtype: 'float32' },
  );
  expect(x.T.toArraySync()).toEqual([
    [1, 4],
    [2, 5],
    [3, 6],
  ]);
  expect(String(x.slice(1, 0, 3, 2))).toContain('tensor([[1., 3.]');
  expect(ft.arange(5).toArraySync()).toEqual([0, 1, 2, 3, 4]);
});
