// Indexing by the entries of a list or a text: what golden cases do not cover (texts, errors, views that are written through, aliasing).
import { describe, expect, it } from 'vitest';
import * as ft from '../../src/index.ts';

const grid = (): ft.Tensor => ft.arange(12).reshape([3, 4]);

describe('reading', () => {
  it('at takes positions, negative ones from the end', () => {
    expect(grid().at(1, -1).itemSync()).toBe(7);
    expect(grid().at(-1).toArraySync()).toEqual([8, 9, 10, 11]);
  });
  it('a text names slices, new dimensions and the rest', () => {
    expect(grid().index('1:, ::2').toArraySync()).toEqual([
      [4, 6],
      [8, 10],
    ]);
    expect(grid().index('..., null').shape).toEqual([3, 4, 1]);
    expect(grid().at('0:2', 3).toArraySync()).toEqual([3, 7]);
  });
  it('positions and slices give views, lists and masks copies', () => {
    const x = grid();
    x.at('1:2').fill_(0);
    expect(x.at(1).toArraySync()).toEqual([0, 0, 0, 0]);
    x.at([0, 2]).fill_(-1);
    expect(x.at(0).toArraySync()).toEqual([0, 1, 2, 3]);
  });
  it('index tensors that are no neighbours put their dimensions in front', () => {
    const x = ft.arange(24).reshape([2, 3, 4]);
    expect(x.index([[0, 1], '::', [3, 0]]).shape).toEqual([2, 3]);
    expect(x.index(['::', [0, 2], [3, 0]]).toArraySync()).toEqual([
      [3, 8],
      [15, 20],
    ]);
  });
  it('a mask over two dimensions reads in row-major order', () => {
    const x = grid();
    expect(x.index([x.remainder(5).eq(0)]).toArraySync()).toEqual([0, 5, 10]);
  });
});

describe('writing', () => {
  it('setIndex_ broadcasts the value and keeps the dtype', () => {
    const x = grid();
    expect(x.setIndex_(['::', 0], 9)).toBe(x);
    x.setIndex_([0, '1:'], ft.tensor([[7, 7, 7]]));
    expect(x.toArraySync()).toEqual([
      [9, 7, 7, 7],
      [9, 5, 6, 7],
      [9, 9, 10, 11],
    ]);
    expect(x.dtype).toBe('int64');
  });
  it('a value that shows the same storage is read before it is overwritten', () => {
    const x = ft.arange(6, { dtype: 'float32' });
    x.setIndex_([[0, 1, 2, 3, 4]], x.at('1:6'));
    expect(x.toArraySync()).toEqual([1, 2, 3, 4, 5, 5]);
  });
  it('a write through a view changes the base and takes part in gradients', () => {
    const x = ft.tensor([1, 2, 3, 4], { dtype: 'float64' }).requiresGrad_();
    const v = ft.tensor([10, 20], { dtype: 'float64' }).requiresGrad_();
    const y = x.mul(2);
    y.at('1:').setIndex_([[0, 2]], v);
    y.mul(y).sum().backward();
    expect(y.toArraySync()).toEqual([2, 10, 6, 20]);
    expect(x.grad?.toArraySync()).toEqual([8, 0, 24, 0]);
    expect(v.grad?.toArraySync()).toEqual([20, 40]);
  });
  it('indexPut_ adds up repeated positions with accumulate', () => {
    const x = ft.zeros([3]);
    x.indexPut_([ft.tensor([1, 1, 2])], ft.ones([3]), { accumulate: true });
    expect(x.toArraySync()).toEqual([0, 2, 1]);
  });
  it('a leaf that requires gradients cannot be written into', () => {
    const x = ft.zeros([3]).requiresGrad_();
    expect(() => x.setIndex_([[0]], 1)).toThrow(ft.GradError);
    ft.noGrad(() => x.setIndex_([[0]], 1));
    expect(x.toArraySync()).toEqual([1, 0, 0]);
  });
});

describe('errors say what was wrong', () => {
  const cases: [string, () => unknown, RegExp, new (...a: never[]) => Error][] = [
    ['too many entries', () => grid().index([0, 0, 0]), /3 dimension\(s\) are addressed, but the tensor has 2/, ft.IndexError],
    ['a position out of range', () => grid().at(3), /position 3 is out of range .* use -3 to 2/, ft.IndexError],
    ['a list out of range', () => grid().at([0, 3]), /3/, ft.IndexError],
    ['a mask that does not fit', () => grid().index([ft.tensor([true, false])]), /mask of shape \[2\]/, ft.ShapeError],
    [
      'positions that do not broadcast',
      () =>
        grid().index([
          [0, 1],
          [0, 1, 2],
        ]),
      /do not broadcast/,
      ft.ShapeError,
    ],
    ['a float index', () => grid().index([ft.tensor([0.5])]), /int64/, ft.DTypeError],
    ['two ellipses', () => grid().index(['...', '...']), /only once/, ft.IndexError],
    ['a text that is no entry', () => grid().index('1:2:3:4'), /at most three parts/, ft.IndexError],
    ['a word', () => grid().index('first'), /cannot read 'first'/, ft.IndexError],
    ['a negative step', () => grid().index('::-1'), /step -1/, ft.IndexError],
    ['a value that does not broadcast', () => grid().setIndex_([0], ft.ones([3])), /\[3\].*\[4\]/, ft.ShapeError],
    ['a fraction into integers', () => grid().setIndex_([0], 0.5), /0.5/, ft.DTypeError],
  ];
  for (const [name, run, message, type] of cases) {
    it(name, () => {
      expect(run).toThrow(type);
      expect(run).toThrow(message);
    });
  }
});
